//! Values as Go's `encoding/json` writes them.

use std::fmt::Write;

use gtmpl_ng::Value;

use super::shape::JSON;

/// A value as Docker's template function `json` writes it: compact, keys of maps sorted, `<>&` as they are.
/// `RAW`: it is of a document whose types nobody knows.
pub(super) fn json<const RAW: bool>(value: &Value) -> String {
    match value {
        Value::Object(fields) if !RAW => match fields.get(JSON) {
            Some(Value::String(json)) => json.clone(),
            // A nil pointer.
            _ => "null".to_owned(),
        },
        // Of a typed document, a map without keys is nil: Docker's engine leaves out what is empty.
        Value::Map(entries) if !RAW && entries.is_empty() => "null".to_owned(),
        Value::Object(entries) | Value::Map(entries) => {
            let mut entries: Vec<(&String, &Value)> = entries.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let members: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}:{}", quoted(key, false), json::<RAW>(value)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(json::<RAW>).collect();
            format!("[{}]", items.join(","))
        }
        Value::String(text) => quoted(text, false),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::NoValue | Value::Nil | Value::Function(_) => "null".to_owned(),
    }
}

/// A JSON string as Go writes it; `html`: `<`, `>` and `&` become `\u003c` and the like.
pub(super) fn quoted(text: &str, html: bool) -> String {
    let mut quoted = String::new();
    push_quoted(&mut quoted, text, html);
    quoted
}

/// Appends a JSON string as Go writes it.
pub(super) fn push_quoted(json: &mut String, text: &str, html: bool) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '\u{2028}' | '\u{2029}' | '\0'..' ' => escape(json, character),
            '<' | '>' | '&' if html => escape(json, character),
            _ => json.push(character),
        }
    }
    json.push('"');
}

fn escape(json: &mut String, character: char) {
    // Writing to a String cannot fail.
    _ = write!(json, "\\u{:04x}", u32::from(character));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_as_go_writes_them() {
        // From Go's encoding/json/encode_test.go.
        let check = |text: &str, plain: &str, html: &str| {
            assert_eq!(
                (quoted(text, false).as_str(), quoted(text, true).as_str()),
                (plain, html),
                "{text:?}"
            );
        };
        check("", r#""""#, r#""""#);
        check(
            "\u{0}\u{1}\u{8}\u{c}\n\r\t\u{1f}",
            r#""\u0000\u0001\b\f\n\r\t\u001f""#,
            r#""\u0000\u0001\b\f\n\r\t\u001f""#,
        );
        check("\"\\/'\u{7f}", "\"\\\"\\\\/'\u{7f}\"", "\"\\\"\\\\/'\u{7f}\"");
        check("<b>&", r#""<b>&""#, r#""\u003cb\u003e\u0026""#);
        check("\u{2028}é日\u{2029}", r#""\u2028é日\u2029""#, r#""\u2028é日\u2029""#);
    }
}
