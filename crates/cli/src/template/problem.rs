use gtmpl_ng::{ErrorContext, ExecError, ParseError};

use super::rewrite::Rewritten;

/// Why a template gave nothing. Worded as Docker words it, so that people find it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TemplateError {
    /// It is no template. Docker exits with 64 here, and with 1 otherwise.
    #[error("template parsing error: template: {0}")]
    Parse(String),
    /// It asks for what is not there, gives a function what it does not take, or goes beyond a limit.
    #[error("template parsing error: template: {0}")]
    Execute(String),
}

impl TemplateError {
    pub(super) fn parse(error: &ParseError) -> Self {
        Self::Parse(match error {
            ParseError::WithContext(context, message) => format!(":{}: {}", context.line, quoted(message)),
            other => format!(":1: {other}"),
        })
    }

    /// `RAW`: the template was filled with a document whose types nobody knows.
    pub(super) fn execute<const RAW: bool>(error: &ExecError, source: &str, rewritten: &Rewritten) -> Self {
        let Some(structured) = error.as_structured() else { return Self::Execute(format!(":1: {error}")) };
        let context = &structured.context;
        let snippet = snippet(context, source, rewritten);
        let message = reworded::<RAW>(&structured.message, snippet.text);
        Self::Execute(format!(
            "{}:{}:{}: executing {:?} at <{}>: {message}",
            context.name, context.line, snippet.column, context.name, snippet.text
        ))
    }
}

struct Snippet<'a> {
    /// In bytes, from 0, as Go counts.
    column: usize,
    text: &'a str,
}

/// The part of the template an error is about. A chain of fields is pointed at by its second field, as in Go.
fn snippet<'a>(context: &ErrorContext, source: &'a str, rewritten: &Rewritten) -> Snippet<'a> {
    let line_start = |text: &str| match context.line {
        0 | 1 => 0,
        line => text
            .match_indices('\n')
            .nth(line.saturating_sub(2))
            .map_or(0, |(newline, _)| newline.saturating_add(1)),
    };
    let start = line_start(&rewritten.text).saturating_add(context.col.saturating_sub(1));
    let (start, end) =
        (rewritten.source_offset(start), rewritten.source_offset(start.saturating_add(context.len)));
    let text = source.get(start..end).unwrap_or("").trim_end();
    let (start, text) = match text.split_once(":=").filter(|_| text.starts_with('$')) {
        Some((_, pipeline)) => (
            start.saturating_add(text.len()).saturating_sub(pipeline.trim_start().len()),
            pipeline.trim_start(),
        ),
        None => (start, text),
    };
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    let (start, text) = inner
        .filter(|text| !text.contains(['(', ')']))
        .map_or((start, text), |inner| (start.saturating_add(1), inner));
    let is_chain = text.starts_with('.') && text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
    let second = text.match_indices('.').nth(1).map_or(0, |(dot, _)| dot);
    Snippet {
        column: start.saturating_sub(line_start(source)).saturating_add(if is_chain { second } else { 0 }),
        text,
    }
}

/// The engine's words for a missing field hold all that was looked into; Docker's only name the field.
fn reworded<const RAW: bool>(message: &str, snippet: &str) -> String {
    let last_field = snippet.rsplit('.').next().unwrap_or(snippet);
    if let Some(rest) = message.strip_prefix("no field `") {
        let field = rest.split('`').next().unwrap_or(rest);
        return match RAW {
            true => format!("map has no entry for key {field:?}"),
            false => format!("can't evaluate field {field}"),
        };
    }
    match message {
        "only maps and objects have fields" if RAW => {
            format!("can't evaluate field {last_field} in type interface {{}}")
        }
        "only maps and objects have fields" => format!("can't evaluate field {last_field}"),
        "cannot evaluate command: nil" => "nil is not a command".to_owned(),
        _ => quoted(message),
    }
}

/// Go puts in quotes what it does not find.
fn quoted(message: &str) -> String {
    let not_defined = |noun: &str| message.strip_prefix(noun)?.strip_suffix(" not defined");
    if let Some(name) = not_defined("function ") {
        return format!("function {name:?} not defined");
    }
    if let Some(name) = not_defined("template ") {
        return format!("template {name:?} not defined");
    }
    match message.strip_prefix("undefined variable ") {
        Some(name) => format!("undefined variable {name:?}"),
        None => message.to_owned(),
    }
}
