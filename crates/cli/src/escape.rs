//! Text from an image, made harmless before a person sees it.
//!
//! A label, a history line or a file name may hold what a terminal obeys: ESC and other control characters,
//! and bidi controls (UAX #9), which show text in an order that is not its own. They are spelled out (`\x1b`,
//! `\u202e`); all else, accents and CJK too, stays as it is. A backslash stays as well: this is for reading,
//! not for reading back. What goes to `--json` is not escaped here; JSON has its own way.

use std::borrow::Cow;
use std::fmt::Write;

/// What becomes of newlines and tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    /// They stay: a text of many lines.
    Keep,
    /// They are spelled out: a cell, a name, a message on one line.
    Escape,
}

/// Escapes text.
pub(crate) fn text(text: &str, lines: Lines) -> Cow<'_, str> {
    if !text.chars().any(|character| is_harmful(character, lines)) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::new();
    push(&mut escaped, text, lines);
    Cow::Owned(escaped)
}

/// Escapes bytes; what is no UTF-8 is spelled out too.
pub(crate) fn bytes(bytes: &[u8], lines: Lines) -> String {
    let mut escaped = String::new();
    for chunk in bytes.utf8_chunks() {
        escaped.push_str(&text(chunk.valid(), lines));
        chunk.invalid().iter().for_each(|byte| push_byte(&mut escaped, *byte));
    }
    escaped
}

fn push(escaped: &mut String, text: &str, lines: Lines) {
    for character in text.chars() {
        if !is_harmful(character, lines) {
            escaped.push(character);
            continue;
        }
        match character {
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            '\r' => escaped.push_str("\\r"),
            _ => match u8::try_from(character) {
                Ok(byte) if character.is_ascii() => push_byte(escaped, byte),
                // Writing to a String cannot fail.
                _ => _ = write!(escaped, "\\u{:04x}", u32::from(character)),
            },
        }
    }
}

fn push_byte(escaped: &mut String, byte: u8) {
    _ = write!(escaped, "\\x{byte:02x}");
}

fn is_harmful(character: char, lines: Lines) -> bool {
    match character {
        '\n' | '\t' => lines == Lines::Escape,
        // Bidi_Control, and the two separators that some programs take for a line's end.
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => character.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmful_characters_change() {
        let check = |input: &str, kept: &str, escaped: &str| {
            assert_eq!(text(input, Lines::Keep), kept, "{input:?}");
            assert_eq!(text(input, Lines::Escape), escaped, "{input:?}");
        };
        let same = |input: &str| {
            check(input, input, input);
            assert!(matches!(text(input, Lines::Escape), Cow::Borrowed(_)), "{input:?} was copied");
        };
        same("");
        same("plain /bin/sh -c #(nop) CMD [\"sh\"] \\x1b");
        same("Grüße, žluťoučký кот, 日本語 👩‍👩‍👧 עברית");
        check("a\nb\tc", "a\nb\tc", "a\\nb\\tc");
        check("a\r\nb", "a\\r\nb", "a\\r\\nb");
        check("\x1b[31mred\x07\0\x7f", "\\x1b[31mred\\x07\\x00\\x7f", "\\x1b[31mred\\x07\\x00\\x7f");
        check("\u{9b}31m \u{85}", "\\u009b31m \\u0085", "\\u009b31m \\u0085");
        check("a\u{202e}b\u{2066}c\u{200f}", "a\\u202eb\\u2066c\\u200f", "a\\u202eb\\u2066c\\u200f");
        check("\u{2028}\u{202f}", "\\u2028\u{202f}", "\\u2028\u{202f}");
    }
    #[test]
    fn bytes_that_are_no_text_are_spelled_out() {
        let check = |input: &[u8], kept: &str, escaped: &str| {
            assert_eq!(bytes(input, Lines::Keep), kept);
            assert_eq!(bytes(input, Lines::Escape), escaped);
        };
        check("größe\t\x1b[31m".as_bytes(), "größe\t\\x1b[31m", "größe\\t\\x1b[31m");
        check(b"caf\xe9\n\0", "caf\\xe9\n\\x00", "caf\\xe9\\n\\x00");
    }
}
