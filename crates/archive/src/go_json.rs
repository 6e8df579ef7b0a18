//! JSON as Go's `encoding/json` writes it: no white space, and `<`, `>`, `&`, U+2028 and U+2029 escaped inside
//! strings. The ID of an image from before Docker 1.10 is the digest of a config written so.

/// JSON text without white space, escaped as Go does. The text must be JSON already.
pub(crate) fn compact(text: &str) -> String {
    let mut out = String::new();
    let (mut inside, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            ' ' | '\t' | '\n' | '\r' if !inside => continue,
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
        (inside, escaped) = match (inside, escaped, c) {
            (true, true, _) => (true, false),
            (true, false, '\\') => (true, true),
            (_, _, '"') => (!inside, false),
            _ => (inside, false),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    /// From the documentation of `json.Compact` and `json.HTMLEscape`.
    #[test]
    fn as_go_writes_it() {
        let check = |text: &str, expect: &str| assert_eq!(super::compact(text), expect);
        check("{ \"a\" : [ 1,\n 2 ] }", "{\"a\":[1,2]}");
        check(r#"{"a": "b  && c > d"}"#, r#"{"a":"b  \u0026\u0026 c \u003e d"}"#);
        check(r#"["\" x \\", " y"]"#, r#"["\" x \\"," y"]"#);
    }
}
