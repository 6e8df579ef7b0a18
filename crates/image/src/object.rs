use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON object to be edited: its keys keep their order, and what is not touched keeps its very bytes, numbers that
/// no computer holds among them.
#[derive(Debug, Clone, Default)]
pub struct Object(Vec<(String, Box<RawValue>)>);

impl Object {
    /// Whether it has no keys.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys, in their order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    /// The value of a key; `None` where it is absent or null.
    ///
    /// # Errors
    /// The value is of another kind.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, serde_json::Error> {
        let found = self.0.iter().find(|(known, _)| known == key);
        found.map_or(Ok(None), |(_, raw)| serde_json::from_str(raw.get()))
    }

    /// Sets a field that a format defines: in the place of the old value, else at the end. The same key in another case
    /// goes, since Docker would take the one or the other.
    ///
    /// # Errors
    /// The value cannot be said in JSON: a map has keys that are no text.
    pub fn set<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), serde_json::Error> {
        self.0.retain(|(known, _)| known == key || !known.eq_ignore_ascii_case(key));
        self.insert(key, value)
    }

    /// Gives a key that is somebody's data a value, as [`set`](Self::set) does; other cases are other keys.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn insert<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), serde_json::Error> {
        let value = serde_json::value::to_raw_value(value)?;
        match self.0.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.to_owned(), value)),
        }
        Ok(())
    }

    /// As [`set`](Self::set) where there is text, and as [`remove`](Self::remove) where there is none.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn set_text(&mut self, key: &str, text: &str) -> Result<(), serde_json::Error> {
        if text.is_empty() {
            self.remove(key);
            return Ok(());
        }
        self.set(key, text)
    }

    /// Removes a field, however its case.
    pub fn remove(&mut self, key: &str) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(key));
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Object(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::Object;

    #[test]
    fn what_is_not_touched_keeps_its_bytes() {
        let check = |before: &str, edit: fn(&mut Object), expect: &str| {
            let mut object: Object = serde_json::from_str(before).unwrap();
            edit(&mut object);
            assert_eq!(serde_json::to_string(&object).unwrap(), expect, "{before}");
        };
        let odd = r#"{"z":1.0e5,"a":123456789012345678901234567890,"m":{ "k" : "\u0041\/" }}"#;
        check(odd, |_| (), odd);
        check(odd, |o| o.set("a", "x").unwrap(), r#"{"z":1.0e5,"a":"x","m":{ "k" : "\u0041\/" }}"#);
        check(odd, |o| o.remove("m"), r#"{"z":1.0e5,"a":123456789012345678901234567890}"#);
        check(r#"{"b":1}"#, |o| o.set("a", &[1]).unwrap(), r#"{"b":1,"a":[1]}"#);
        check(r#"{"cmd":1,"Cmd":2}"#, |o| o.set("Cmd", &3).unwrap(), r#"{"Cmd":3}"#);
        check(r#"{"cmd":1,"Cmd":2}"#, |o| o.insert("Cmd", &3).unwrap(), r#"{"cmd":1,"Cmd":3}"#);
        check(r#"{"cmd":1,"Cmd":2}"#, |o| o.remove("Cmd"), "{}");
        check(r#"{"a":"x"}"#, |o| o.set_text("a", "").unwrap(), "{}");
    }

    #[test]
    fn reads_values_of_one_kind() {
        let object: Object = serde_json::from_str(r#"{"list":["a"],"none":null,"text":"t"}"#).unwrap();
        assert_eq!(object.get::<Vec<String>>("list").unwrap(), Some(vec!["a".to_owned()]));
        assert_eq!(object.get::<Vec<String>>("none").unwrap(), None);
        assert_eq!(object.get::<Vec<String>>("absent").unwrap(), None);
        assert!(object.get::<Vec<String>>("text").is_err());
        assert!(serde_json::from_str::<Object>("[1]").is_err());
        assert_eq!(object.keys().collect::<Vec<_>>(), ["list", "none", "text"]);
    }
}
