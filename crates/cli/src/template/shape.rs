//! Types as Go has them, and the values a template sees for a JSON document that has such a type.

use std::collections::HashMap;

use gtmpl_ng::{Number, Value};
use serde_json::Value as Json;

use super::{json, text};
use crate::when;

/// A Go type, as far as it changes what a template prints.
#[derive(Debug)]
pub(crate) enum Shape {
    Text,
    Number,
    Bool,
    /// `time.Time`: RFC 3339 in JSON, `2026-11-20 10:12:00 +0000 UTC` in a template.
    Time,
    /// `time.Duration`: nanoseconds in JSON, `1m30s` in a template.
    Duration,
    /// Whatever JSON says.
    Any,
    List(&'static Shape),
    Map(&'static Shape),
    Struct(&'static [Field]),
    /// A pointer to a struct: `<nil>`, and false for `if`, where the document has none.
    Pointer(&'static [Field]),
    /// An embedded struct: its fields are fields of the one around it.
    Embedded(&'static [Field]),
}

/// A field of a struct. Go prints fields, and writes JSON, in the order of declaration.
#[derive(Debug)]
pub(crate) struct Field {
    /// What templates call it.
    pub(crate) name: &'static str,
    /// What JSON calls it.
    pub(crate) key: &'static str,
    /// Go's `omitempty`: not in JSON while it has its zero value.
    pub(crate) omit_empty: bool,
    pub(crate) shape: Shape,
}

impl Field {
    /// A field that JSON always has, under the same name.
    pub(crate) const fn new(name: &'static str, shape: Shape) -> Self {
        Self { name, key: name, omit_empty: false, shape }
    }

    /// A field that JSON has where it is not empty, under the same name.
    pub(crate) const fn optional(name: &'static str, shape: Shape) -> Self {
        Self { name, key: name, omit_empty: true, shape }
    }

    /// The same field under another name in JSON.
    pub(crate) const fn key(self, key: &'static str) -> Self {
        Self { name: self.name, key, omit_empty: self.omit_empty, shape: self.shape }
    }
}

/// Keys of an object that hold how it prints and how it is written in JSON. No template can name them.
pub(super) const TEXT: &str = "\0text";
pub(super) const JSON: &str = "\0json";

/// A value, and what only its type tells.
pub(super) struct Typed {
    pub(super) value: Value,
    /// As Go's `%v` prints it inside of a struct.
    pub(super) text: String,
    pub(super) json: String,
    /// Whether it is what `omitempty` leaves out.
    is_empty: bool,
}

/// Reads a document by its type. As Go's decoder: what lacks has its zero value; here, what is of another
/// kind has it as well.
pub(super) fn typed(shape: &Shape, document: &Json) -> Typed {
    match shape {
        Shape::Text => scalar(&Json::from(document.as_str().unwrap_or(""))),
        Shape::Number if document.is_number() => scalar(document),
        Shape::Number => scalar(&Json::from(0)),
        Shape::Bool => scalar(&Json::from(document.as_bool().unwrap_or(false))),
        Shape::Time => time(document.as_str().unwrap_or("0001-01-01T00:00:00Z")),
        Shape::Duration => duration(document.as_i64().unwrap_or(0)),
        Shape::Any => any(document),
        Shape::List(item) => list(item, document),
        Shape::Map(item) => map(item, document),
        Shape::Struct(fields) | Shape::Embedded(fields) => structure(fields, document),
        Shape::Pointer(_) if !document.is_object() => nil_pointer(),
        Shape::Pointer(fields) => Typed { is_empty: false, ..structure(fields, document) },
    }
}

/// Strings, numbers and booleans are the same to Go, to JSON and to the engine, but for quotes.
fn scalar(document: &Json) -> Typed {
    let value = untyped::<false>(document);
    let is_empty =
        matches!(document.as_str(), Some("")) || document == &Json::from(0) || document == &Json::from(false);
    Typed { text: value.to_string(), json: json::json::<false>(&value), is_empty, value }
}

fn any(document: &Json) -> Typed {
    let value = untyped::<false>(document);
    Typed {
        text: text::operand::<true>(&value),
        json: json::json::<true>(&value),
        is_empty: document.is_null(),
        value,
    }
}

/// A document whose types nobody knows. `RAW`: all of it is such. Then it is an error to ask for a key that an
/// object lacks, or for one of null.
pub(super) fn untyped<const RAW: bool>(document: &Json) -> Value {
    match document {
        Json::Null if RAW => Value::Nil,
        Json::Null => Value::NoValue,
        Json::Bool(value) => Value::Bool(*value),
        Json::String(text) => Value::String(text.clone()),
        Json::Number(number) => Value::Number(match (number.as_u64(), number.as_i64()) {
            (Some(unsigned), _) => Number::unsigned(unsigned),
            (None, Some(signed)) => Number::signed(signed),
            (None, None) => Number::float(number.as_f64().unwrap_or(0.0)),
        }),
        Json::Array(items) => Value::Array(items.iter().map(untyped::<RAW>).collect()),
        Json::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| (key.clone(), untyped::<RAW>(value))).collect();
            if RAW { Value::Object(entries) } else { Value::Map(entries) }
        }
    }
}

fn time(rfc3339: &str) -> Typed {
    let text = match when::parse(rfc3339) {
        Some(moment) => when::go_text(moment, &jiff::tz::TimeZone::UTC),
        None => rfc3339.to_owned(),
    };
    // Go never calls a time empty: it is a struct.
    opaque(HashMap::new(), text, json::quoted(rfc3339, false), false)
}

fn duration(nanoseconds: i64) -> Typed {
    opaque(HashMap::new(), text::duration(nanoseconds), nanoseconds.to_string(), nanoseconds == 0)
}

fn list(item: &Shape, document: &Json) -> Typed {
    let Some(items) = document.as_array() else {
        return Typed { value: Value::Nil, text: "[]".to_owned(), json: "null".to_owned(), is_empty: true };
    };
    let items: Vec<Typed> = items.iter().map(|document| typed(item, document)).collect();
    let texts: Vec<&str> = items.iter().map(|item| item.text.as_str()).collect();
    let jsons: Vec<&str> = items.iter().map(|item| item.json.as_str()).collect();
    let (text, json) = (format!("[{}]", texts.join(" ")), format!("[{}]", jsons.join(",")));
    let is_empty = items.is_empty();
    Typed { text, json, is_empty, value: Value::Array(items.into_iter().map(|item| item.value).collect()) }
}

fn map(item: &Shape, document: &Json) -> Typed {
    let Some(entries) = document.as_object() else {
        return Typed {
            value: Value::from(HashMap::<String, Value>::new()),
            text: "map[]".to_owned(),
            json: "null".to_owned(),
            is_empty: true,
        };
    };
    let mut entries: Vec<(&String, Typed)> =
        entries.iter().map(|(key, document)| (key, typed(item, document))).collect();
    entries.sort_by_key(|(key, _)| *key);
    let texts: Vec<String> = entries.iter().map(|(key, item)| format!("{key}:{}", item.text)).collect();
    let jsons: Vec<String> =
        entries.iter().map(|(key, item)| format!("{}:{}", json::quoted(key, false), item.json)).collect();
    let (text, json) = (format!("map[{}]", texts.join(" ")), format!("{{{}}}", jsons.join(",")));
    let is_empty = entries.is_empty();
    let value = Value::Map(entries.into_iter().map(|(key, item)| (key.clone(), item.value)).collect());
    Typed { value, text, json, is_empty }
}

fn structure(fields: &[Field], document: &Json) -> Typed {
    let mut values = HashMap::new();
    let (mut texts, mut jsons) = (Vec::new(), Vec::new());
    for field in fields {
        if let Shape::Embedded(_) = field.shape {
            let embedded = typed(&field.shape, document);
            jsons.extend(
                embedded
                    .json
                    .get(1..embedded.json.len().saturating_sub(1))
                    .filter(|inner| !inner.is_empty())
                    .map(str::to_owned),
            );
            texts.push(embedded.text);
            if let Value::Object(inner) = embedded.value {
                values.extend(inner);
            }
            continue;
        }
        let typed = typed(&field.shape, document.get(field.key).unwrap_or(&Json::Null));
        if !(field.omit_empty && typed.is_empty) {
            jsons.push(format!("{}:{}", json::quoted(field.key, false), typed.json));
        }
        texts.push(typed.text);
        values.insert(field.name.to_owned(), typed.value);
    }
    opaque(values, format!("{{{}}}", texts.join(" ")), format!("{{{}}}", jsons.join(",")), false)
}

/// The engine takes an object without fields for false, and knows no field in it: as Go a nil pointer.
fn nil_pointer() -> Typed {
    Typed {
        value: Value::Object(HashMap::new()),
        text: "<nil>".to_owned(),
        json: "null".to_owned(),
        is_empty: true,
    }
}

/// A value that carries how it prints.
pub(super) fn opaque(
    mut fields: HashMap<String, Value>,
    text: String,
    json: String,
    is_empty: bool,
) -> Typed {
    fields.insert(TEXT.to_owned(), Value::String(text.clone()));
    fields.insert(JSON.to_owned(), Value::String(json.clone()));
    Typed { value: Value::Object(fields), text, json, is_empty }
}
