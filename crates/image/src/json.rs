//! What JSON from outside must be before its meaning is asked for.
//!
//! Readers of JSON differ where a key stands twice, or stands in another case: Go takes the last and folds
//! case, others take the first or neither. A document that two readers understand differently is refused.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// How the keys of a kind of document must be spelled, and where its objects stand.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    /// Keys whose other spellings (`Layers` for `layers`) are refused, since some readers take them.
    pub known: &'a [&'a str],
    /// Keys below which keys are somebody's data, and may be spelled in any way.
    pub free: &'a [&'a str],
    /// Where objects stand.
    pub shape: Shape<'a>,
}

/// What stands where in a document. Only lists in the place of objects are looked for: a deserializer takes
/// `["layers",[]]` for `{"type":"layers","diff_ids":[]}`, and no other reader does.
#[derive(Debug, Clone, Copy)]
pub enum Shape<'a> {
    /// Anything.
    Any,
    /// An object; what stands below its keys, where that matters.
    Object(&'a [(&'a str, Shape<'a>)]),
    /// A list, and what its entries are.
    List(&'a Shape<'a>),
}

impl Shape<'_> {
    /// An object, whatever is in it.
    pub const OBJECT: Shape<'static> = Shape::Object(&[]);
}

/// Checks that `bytes` are one JSON value, at most 128 deep, in which no object has a key twice, no object that a
/// format defines has a known key in another case, and no list stands where an object should.
///
/// # Errors
/// What is wrong, with line and column.
pub fn check(bytes: &[u8], keys: Keys<'_>) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Check { keys, free: false, shape: keys.shape, at: None, listed: false }.deserialize(&mut reader)?;
    reader.end()
}

#[derive(Clone, Copy)]
struct Check<'a> {
    keys: Keys<'a>,
    free: bool,
    shape: Shape<'a>,
    /// The key that the value stands below.
    at: Option<&'a str>,
    /// In a list there.
    listed: bool,
}

impl Check<'_> {
    fn not_a_list<E: Error>(&self) -> E {
        let key = self.at.map(|key| format!("{key:?} ")).unwrap_or_default();
        let should = if self.listed { "list objects, not lists" } else { "be an object, not a list" };
        E::custom(format_args!("{key}should {should}"))
    }
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
        let shape = match self.shape {
            Shape::Object(_) => return Err(self.not_a_list()),
            Shape::List(entry) => *entry,
            Shape::Any => Shape::Any,
        };
        while list.next_element_seed(Check { shape, listed: true, ..self })?.is_some() {}
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
            let below = match self.shape {
                Shape::Object(below) => below.iter().find(|(name, _)| *name == key),
                Shape::Any | Shape::List(_) => None,
            };
            let (at, shape) = below.map_or((None, Shape::Any), |(name, shape)| (Some(*name), *shape));
            map.next_value_seed(Check { free, shape, at, listed: false, ..self })?;
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
    use super::{Keys, Shape};

    #[test]
    fn refuses_what_readers_understand_differently() {
        let keys = Keys { known: &["layers", "config"], free: &["data", "annotations"], shape: Shape::Any };
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

    #[test]
    fn refuses_lists_where_objects_should_be() {
        let blob = Shape::Object(&[("platform", Shape::OBJECT)]);
        let below = [("config", blob), ("layers", Shape::List(&blob)), ("data", Shape::OBJECT)];
        let check = |shape: Shape<'_>, text: &str, expect: &str| {
            let keys = Keys { known: &[], free: &["data"], shape };
            let found =
                super::check(text.as_bytes(), keys).map_or_else(|e| e.to_string(), |()| String::new());
            let as_expected = if expect.is_empty() { found.is_empty() } else { found.contains(expect) };
            assert!(as_expected, "{text}: {found:?}, not {expect:?}");
        };
        let object = Shape::Object(&below);
        check(object, "{}", "");
        check(object, "[]", "should be an object, not a list");
        check(object, r#"{"config":{"platform":{}},"layers":[{}]}"#, "");
        check(object, r#"{"config":[]}"#, r#""config" should be an object"#);
        check(object, r#"{"config":{"platform":[]}}"#, r#""platform" should be an object"#);
        check(object, r#"{"layers":[{},[]]}"#, r#""layers" should list objects"#);
        check(object, r#"{"layers":[{"platform":[]}]}"#, r#""platform" should be an object"#);
        // Go writes null for what is not there; what is nobody's business may be anything.
        check(object, r#"{"config":null,"layers":null}"#, "");
        check(object, r#"{"layers":[null]}"#, "");
        check(object, r#"{"x":{"config":[]},"data":{"layers":[[]]}}"#, "");
        check(object, r#"{"data":[]}"#, r#""data" should be an object"#);
        check(Shape::List(&object), r#"[{},{"config":{}}]"#, "");
        check(Shape::List(&object), r#"[["c",["x:1"],["l"]]]"#, "should list objects, not lists");
    }
}
