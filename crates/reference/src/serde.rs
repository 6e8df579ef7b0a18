//! Names and references as strings in documents: written in full, read in any form.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Name, Reference, Tag};

macro_rules! as_string {
    ($type:ty, $write:expr) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let write: fn(&$type) -> String = $write;
                serializer.serialize_str(&write(self))
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(de::Error::custom)
            }
        }
    };
}

as_string!(Reference, Reference::canonical);
as_string!(Name, Name::canonical);
as_string!(Tag, |tag| tag.as_str().to_owned());

#[cfg(test)]
mod tests {
    use std::fmt;

    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};

    use super::*;

    struct Written<T>(T);

    impl<T: Serialize> fmt::Display for Written<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.serialize(f)
        }
    }

    fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Error> {
        let text: StrDeserializer<'de, Error> = text.into_deserializer();
        T::deserialize(text)
    }

    #[test]
    fn written_in_full_and_read_in_any_form() {
        assert_eq!(Written(read::<Reference>("nginx:1").unwrap()).to_string(), "docker.io/library/nginx:1");
        assert_eq!(Written(read::<Name>("team/app").unwrap()).to_string(), "docker.io/team/app");
        assert_eq!(Written(read::<Tag>("1.27").unwrap()).to_string(), "1.27");
        assert!(read::<Reference>("Nginx").unwrap_err().to_string().contains("must be lowercase"));
    }
}
