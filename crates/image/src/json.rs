//! What JSON from outside must be before its meaning is asked for.
//!
//! Readers of JSON differ where a key stands twice, or stands in another case: Go takes the last and folds
//! case, others take the first or neither. A document that two readers understand differently is refused.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// How the keys of a kind of document must be spelled.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    /// Keys whose other spellings (`Layers` for `layers`) are refused, since some readers take them.
    pub known: &'a [&'a str],
    /// Keys below which keys are somebody's data, and may be spelled in any way.
    pub free: &'a [&'a str],
}

/// Checks that `bytes` are one JSON value, at most 128 deep, in which no object has a key twice, and no object
/// that a format defines has a known key in another case.
///
/// # Errors
/// What is wrong, with line and column.
pub fn check(bytes: &[u8], keys: Keys<'_>) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Check { keys, free: false }.deserialize(&mut reader)?;
    reader.end()
}

#[derive(Clone, Copy)]
struct Check<'a> {
    keys: Keys<'a>,
    free: bool,
}

impl<'de> DeserializeSeed<'de> for Check<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Check<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(Key(key)) = map.next_key()? {
            if !self.free
                && let Some(known) =
                    self.keys.known.iter().find(|k| k.eq_ignore_ascii_case(&key) && **k != key)
            {
                return Err(A::Error::custom(format_args!("key {key:?} should be spelled {known:?}")));
            }
            let free = self.free || self.keys.free.contains(&key.as_str());
            map.next_value_seed(Check { free, ..self })?;
            let shown: String = key.chars().take(60).collect();
            if !seen.insert(key) {
                return Err(A::Error::custom(format_args!("key {shown:?} stands twice in one object")));
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Key(String);

#[cfg(test)]
mod tests {
    use super::Keys;

    #[test]
    fn refuses_what_readers_understand_differently() {
        let keys = Keys { known: &["layers", "config"], free: &["data", "annotations"] };
        let check = |text: &str, expect: bool| {
            assert_eq!(super::check(text.as_bytes(), keys).is_ok(), expect, "{text}");
        };
        check(r#"{"layers":[],"x":{"layers":1}}"#, true);
        check(r#"{"layers":[],"layers":[]}"#, false);
        check(r#"{"Layers":[]}"#, false);
        check(r#"{"x":[{"LAYERS":[]}]}"#, false);
        check(r#"{"data":{"Layers":[],"layers":1}}"#, true);
        check(r#"{"config":{"Layers":[],"layers":1}}"#, false);
        check(r#"{"data":{"a":1,"a":2}}"#, false);
        check(r#"{"annotations":{"Config":"x"}}"#, true);
        check(r#"{"layers":[]} trailing"#, false);
        check(r#"{"layers":[}"#, false);
        check("", false);
        check(r#"{"\u006cayers":1,"layers":2}"#, false);
        check(&format!("{}1{}", "[".repeat(100), "]".repeat(100)), true);
        check(&format!("{}1{}", "[".repeat(200_000), "]".repeat(200_000)), false);
    }
}
