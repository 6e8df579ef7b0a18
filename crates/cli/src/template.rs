//! Go templates, as Docker's client 28 renders `-f` and `--format`.
//!
//! The language is `text/template`'s, by the crate `gtmpl-ng`. What it does not know, and this module adds:
//! Docker's functions; Go's types, since a struct prints its fields in order of declaration and refuses a field
//! it has not, while a map prints sorted and has `<no value>` for a missing key; the two tries of `inspect`
//! ([`Data::document`]); Docker's wording of errors.
//!
//! Known differences from Docker: a pointer inside of a struct prints what it points to, not its address;
//! `printf "%+v"` of a struct prints as `%v`; values of different kinds can be compared; in the second try of
//! `inspect` numbers are numbers (Go's are strings there) and `join` takes lists.

mod container;
mod data;
mod functions;
mod image;
mod json;
mod listing;
mod problem;
mod rewrite;
mod shape;
mod text;

#[cfg(test)]
mod tests;

use std::time::Duration;

use gtmpl_ng::{Context, Func, Limits, Value};

use self::rewrite::Rewritten;
pub(crate) use self::{
    container::CONTAINER,
    data::Data,
    image::IMAGE,
    listing::{
        CONTAINERS, CONTAINERS_WITH_SIZES, Columns, HISTORY, HISTORY_PLAIN, IMAGES, IMAGES_WITH_DIGESTS,
        Listing,
    },
    problem::TemplateError,
    shape::Shape,
};

/// The most steps of loops in one rendering.
const STEPS: usize = 1_000_000;
/// The most one rendering, or one function, may give: 16 MiB.
const OUTPUT: usize = 16 << 20;
/// The longest one try of a rendering may take: a step may go through all of a large document.
const TIME: Duration = Duration::from_secs(30);

/// A parsed template.
pub(crate) struct Template {
    source: String,
    rewritten: Rewritten,
    typed: gtmpl_ng::Template,
    time: Duration,
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Template").field(&self.source).finish()
    }
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// It is no template: [`TemplateError::Parse`].
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateError> {
        Self::within(TIME, text)
    }

    fn within(time: Duration, text: &str) -> Result<Self, TemplateError> {
        let rewritten = Rewritten::new(text);
        let typed = engine(text, &rewritten, &functions::all::<false>(), time)?;
        Ok(Self { source: text.to_owned(), rewritten, typed, time })
    }

    /// Fills the template. Nothing is printed on the way: it is all or an error.
    ///
    /// # Errors
    ///
    /// A field is missing, a function was given what it does not take, or a limit was passed:
    /// [`TemplateError::Execute`].
    pub(crate) fn render(&self, data: &Data<'_>) -> Result<String, TemplateError> {
        let error = match self.typed.render(&Context::from(data.typed())) {
            Ok(text) => return Ok(text),
            Err(error) => error,
        };
        let Some(document) = data.raw() else {
            return Err(TemplateError::execute::<false>(&error, &self.source, &self.rewritten));
        };
        let raw = engine(&self.source, &self.rewritten, &functions::all::<true>(), self.time)?;
        raw.render(&Context::from(document))
            .map_err(|error| TemplateError::execute::<true>(&error, &self.source, &self.rewritten))
    }

    /// The heading of a table: its template, filled with headings. As in Docker, an error ends it early.
    fn heading(text: &str, headings: impl Iterator<Item = (String, Value)>) -> Result<String, TemplateError> {
        let functions = [functions::all::<false>().as_slice(), &functions::of_headers()].concat();
        let template = engine(text, &Rewritten::new(text), &functions, TIME)?;
        let mut written = Vec::new();
        _ = template.execute(&mut written, &Context::from(Value::Map(headings.collect())));
        Ok(String::from_utf8_lossy(&written).into_owned())
    }
}

fn engine(
    source: &str,
    rewritten: &Rewritten,
    functions: &[(&str, Func)],
    time: Duration,
) -> Result<gtmpl_ng::Template, TemplateError> {
    let parse = |text: &str| {
        let limits = Limits::default()
            .with_iterations(STEPS)
            .with_total_iterations(STEPS)
            .with_output_bytes(OUTPUT)
            .with_function_output(OUTPUT)
            .with_deadline(time);
        let mut template = gtmpl_ng::Template::with_limits(limits);
        template.add_funcs(functions);
        template.parse(text).map(|()| template)
    };
    // An error should be about what the user wrote.
    parse(&rewritten.text).map_err(|error| TemplateError::parse(&parse(source).err().unwrap_or(error)))
}
