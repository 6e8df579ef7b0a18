use std::ops::Range;

/// Appended to an action that prints: Go prints values of types the engine does not know.
const SHOW: &str = " | _show";
/// Appended to what a `range` walks over: Go refuses a struct, and takes a nil list for an empty one.
const EACH: &str = " | _each";

/// A template whose actions end in functions of ours.
///
/// The engine knows maps and strings where Go has structs, times and typed nils, which print in ways of their
/// own. They are hidden in values that only our functions can print, so each action that prints, and each
/// `range`, is piped into one of them before parsing.
#[derive(Debug)]
pub(super) struct Rewritten {
    pub(super) text: String,
    /// Where something was inserted, as an offset in `text`, and how long it is.
    insertions: Vec<(usize, usize)>,
}

impl Rewritten {
    #[expect(clippy::string_slice, reason = "actions lie in the source one behind the other, between ASCII")]
    pub(super) fn new(source: &str) -> Self {
        let mut rewritten = Self { text: String::new(), insertions: Vec::new() };
        let mut copied = 0;
        for action in actions(source) {
            let end = action.end;
            let Some(call) = call_for(&source[action]) else { continue };
            rewritten.text.push_str(&source[copied..end]);
            rewritten.insertions.push((rewritten.text.len(), call.len()));
            rewritten.text.push_str(call);
            copied = end;
        }
        rewritten.text.push_str(&source[copied..]);
        rewritten
    }

    /// The offset in the source that belongs to an offset in the rewritten text.
    pub(super) fn source_offset(&self, offset: usize) -> usize {
        let before = self.insertions.iter().take_while(|(start, _)| *start < offset);
        offset.saturating_sub(
            before.map(|(start, length)| (*length).min(offset.saturating_sub(*start))).sum::<usize>(),
        )
    }
}

/// Which function an action is piped into, if any.
fn call_for(action: &str) -> Option<&'static str> {
    let word = action.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
    match word {
        "range" => Some(EACH),
        "if" | "else" | "end" | "with" | "define" | "template" | "block" | "break" | "continue" => None,
        _ if action.is_empty() || is_assignment(action) => None,
        _ => Some(SHOW),
    }
}

fn is_assignment(action: &str) -> bool {
    action.strip_prefix('$').is_some_and(|rest| {
        let rest = rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').trim_start();
        rest.starts_with(":=") || rest.starts_with('=')
    })
}

#[expect(
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "each place is in the source, at or behind ASCII that was found there"
)]
/// Where the actions of a template lie, without delimiters, trim markers and the spaces around them.
/// Comments are left out; what follows an unclosed action is not looked at, since parsing fails on it.
fn actions(source: &str) -> impl Iterator<Item = Range<usize>> {
    let mut position = 0;
    std::iter::from_fn(move || {
        loop {
            let mut start = position + source[position..].find("{{")? + 2;
            if source[start..].starts_with('-') && source[start + 1..].starts_with([' ', '\t', '\r', '\n']) {
                start += 2;
            }
            if source[start..].starts_with("/*") {
                position = start + source[start..].find("*/")? + 2;
                continue;
            }
            let close = start + close(&source[start..])?;
            position = close + 2;
            let body = source[start..close].trim_end();
            let trimmed = body.strip_suffix('-').filter(|rest| rest.ends_with([' ', '\t', '\r', '\n']));
            let body = trimmed.unwrap_or(body).trim_end();
            let leading = body.len() - body.trim_start().len();
            return Some(start + leading..start + body.len());
        }
    })
}

/// Where the `}}` of an action is: the first one outside quotes.
fn close(action: &str) -> Option<usize> {
    let bytes = action.as_bytes();
    let mut position = 0;
    loop {
        position = match bytes.get(position..)? {
            [b'}', b'}', ..] => return Some(position),
            [quote @ (b'"' | b'\'' | b'`'), rest @ ..] => position.checked_add(quoted(rest, *quote)?)?,
            rest => position.checked_add(rest.first().map(|_| 1)?)?,
        }
    }
}

/// How long a literal is, both quotes included, of which `text` is what follows the first; only a raw one has no escapes.
fn quoted(text: &[u8], quote: u8) -> Option<usize> {
    let mut escaped = false;
    let end = text.iter().position(|byte| {
        let ends = *byte == quote && !escaped;
        escaped = *byte == b'\\' && quote != b'`' && !escaped;
        ends
    });
    end?.checked_add(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_that_print_and_ranges_get_a_function() {
        let check = |source: &str, expect: &str| assert_eq!(Rewritten::new(source).text, expect, "{source}");
        check("", "");
        check("text } {", "text } {");
        check("{{.ID}}", "{{.ID | _show}}");
        check("a{{- .ID -}} b", "a{{- .ID | _show -}} b");
        check("{{-1}}", "{{-1 | _show}}");
        check("{{ .A | json }}\n{{.B}}", "{{ .A | json | _show }}\n{{.B | _show}}");
        check("{{range $i, $e := .A}}x{{else}}y{{end}}", "{{range $i, $e := .A | _each}}x{{else}}y{{end}}");
        check(
            "{{if .A}}{{else if .B}}{{with .C}}{{end}}{{end}}",
            "{{if .A}}{{else if .B}}{{with .C}}{{end}}{{end}}",
        );
        check("{{$x := .A}}{{$x = 1}}{{$x}}{{$}}", "{{$x := .A}}{{$x = 1}}{{$x | _show}}{{$ | _show}}");
        check(
            r#"{{"}}" | upper}}{{`"}}`}}{{"\"}}"}}"#,
            r#"{{"}}" | upper | _show}}{{`"}}` | _show}}{{"\"}}" | _show}}"#,
        );
        check("{{'}'}}", "{{'}' | _show}}");
        check("{{/* {{.A}} */}}{{- /* b */ -}}{{.B}}", "{{/* {{.A}} */}}{{- /* b */ -}}{{.B | _show}}");
        check(
            r#"{{define "t"}}{{.}}{{end}}{{template "t" .}}"#,
            r#"{{define "t"}}{{. | _show}}{{end}}{{template "t" .}}"#,
        );
        check("{{}}{{ }}", "{{}}{{ }}");
        check("{{.A", "{{.A");
        check("{{.A \"}}", "{{.A \"}}");
        check("{{iffy}}", "{{iffy | _show}}");
        check("é{{.É}}日", "é{{.É | _show}}日");
    }

    #[test]
    fn offsets_lead_back_to_the_source() {
        let source = "{{.A}}-{{range .B}}{{end}}";
        let rewritten = Rewritten::new(source);
        for (found, letter) in rewritten.text.char_indices().filter(|(_, c)| ['A', '-', 'B'].contains(c)) {
            assert_eq!(source.find(letter), Some(rewritten.source_offset(found)), "{letter}");
        }
        // Inside of an insertion: where it was made.
        assert_eq!(rewritten.source_offset(7), 4);
    }
}
