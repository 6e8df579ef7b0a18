//! A digest in documents: a string.

use std::fmt;

use ::serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Digest;

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(DigestVisitor)
    }
}

struct DigestVisitor;

impl de::Visitor<'_> for DigestVisitor {
    type Value = Digest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a digest: sha256: and 64 lower-case hexadecimal digits")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Digest, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use crate::Digest;

    #[test]
    fn is_a_string() {
        let text = format!("\"{}\"", Digest::of(b""));
        assert_eq!(serde_json::to_string(&Digest::of(b"")).unwrap(), text);
        assert_eq!(serde_json::from_str::<Digest>(&text).unwrap(), Digest::of(b""));
        // An escape in the string: the text cannot be borrowed from the document.
        assert_eq!(
            serde_json::from_str::<Digest>(&text.replace("sha", "\\u0073ha")).unwrap(),
            Digest::of(b"")
        );
        assert!(serde_json::from_str::<Digest>("\"sha256:\"").is_err());
        assert!(serde_json::from_str::<Digest>("256").is_err());
    }
}
