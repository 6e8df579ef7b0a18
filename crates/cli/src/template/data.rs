use std::collections::HashMap;

use gtmpl_ng::Value;
use serde_json::Value as Json;

use crate::escape::{self, Lines};

use super::{
    json,
    shape::{self, Shape},
};

/// What a template is filled with.
#[derive(Debug)]
pub(crate) struct Data<'a>(pub(super) Kind<'a>);

#[derive(Debug)]
pub(super) enum Kind<'a> {
    Document { shape: &'a Shape, document: &'a Json },
    Row(Vec<(&'a str, String)>),
}

impl<'a> Data<'a> {
    /// A document, and the Go type that Docker decodes it into: `inspect`.
    ///
    /// Where the template asks for what the type does not have, it is filled again, from the document as it
    /// stands, so that `.ID` (Go's name) and `.Id` (JSON's) both work. That second time every object is a map,
    /// and a key it lacks is an error. As Docker does (`tryRawInspectFallback` in its inspector).
    pub(crate) fn document(document: &'a Json, shape: &'a Shape) -> Self {
        Self(Kind::Document { shape, document })
    }

    /// A row of a listing: `images`, `history`. A field it lacks is an error.
    pub(crate) fn row(fields: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        Self(Kind::Row(fields.into_iter().collect()))
    }

    /// The same, fit for a line of a table: nothing in it breaks the line.
    pub(super) fn in_cells(self) -> Self {
        match self.0 {
            Kind::Row(fields) => {
                let clean = |text: String| escape::text(&text, Lines::Escape).into_owned();
                Self(Kind::Row(fields.into_iter().map(|(name, value)| (name, clean(value))).collect()))
            }
            document @ Kind::Document { .. } => Self(document),
        }
    }

    pub(super) fn typed(&self) -> Value {
        match &self.0 {
            Kind::Document { shape, document } => shape::typed(shape, document).value,
            Kind::Row(fields) => row(fields),
        }
    }

    /// The document without types, if this is one.
    pub(super) fn raw(&self) -> Option<Value> {
        match &self.0 {
            Kind::Document { document, .. } => Some(shape::untyped::<true>(document)),
            Kind::Row(_) => None,
        }
    }
}

/// Docker marshals a row as a map, so keys are sorted, and with Go's `json.Marshal`, so HTML is escaped.
fn row(fields: &[(&str, String)]) -> Value {
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    let mut json = String::from("{");
    for (position, (name, value)) in sorted.into_iter().enumerate() {
        if position > 0 {
            json.push(',');
        }
        json::push_quoted(&mut json, name, true);
        json.push(':');
        json::push_quoted(&mut json, value, true);
    }
    json.push('}');
    let values: HashMap<String, Value> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value))).collect();
    shape::opaque(values, json.clone(), json, false).value
}
