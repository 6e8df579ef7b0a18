use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use globset::{GlobBuilder, GlobMatcher};

use crate::Error;
use crate::error::shown;

/// A pattern of names, as find(1) takes it: `*`, `?`, `[a-z]`, `[!a]`, `[[:digit:]]`, and a backslash before what is meant
/// as it stands. All of them match a slash and a leading dot. Names are bytes, and `?` is one byte.
#[derive(Debug, Clone)]
pub struct Glob(GlobMatcher);

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A range goes backwards, or a backslash ends the pattern.
    pub fn new(pattern: &str) -> Result<Self, Error> {
        let glob = GlobBuilder::new(&as_find(pattern))
            .literal_separator(false)
            .backslash_escape(true)
            .allow_unclosed_class(true)
            .empty_alternates(true)
            .build()
            .map_err(|error| Error::Misuse(format!("{}: {}", shown(pattern), error.kind())))?;
        Ok(Self(glob.compile_matcher()))
    }

    pub(super) fn is_match(&self, name: &[u8]) -> bool {
        self.0.is_match(OsStr::from_bytes(name))
    }
}

/// The pattern in which what only `globset` knows means nothing: `{a,b}` is itself, and `**` is `*` twice.
fn as_find(pattern: &str) -> String {
    let mut text = String::new();
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                text.push(letter);
                text.extend(letters.next());
            }
            '*' => {
                text.push(letter);
                while letters.next_if_eq(&'*').is_some() {}
            }
            '{' | '}' => text.extend(['\\', letter]),
            '[' => {
                text.push(letter);
                let rest: String = letters.clone().collect();
                let class = class(&rest);
                text.push_str(class);
                // As many letters as were taken.
                for _ in class.chars() {
                    letters.next();
                }
            }
            _ => text.push(letter),
        }
    }
    text
}

/// The rest of a `[…]`, its end included; nothing where it has no end.
fn class(rest: &str) -> &str {
    let start = rest.strip_prefix(['!', '^']).unwrap_or(rest);
    // The first bracket is one of the class.
    let mut at = rest.len().saturating_sub(start.len()).saturating_add(usize::from(start.starts_with(']')));
    loop {
        let left = rest.get(at..).unwrap_or_default();
        let Some(next) = left.find([']', '[']) else { return "" };
        let named = left.get(next..).and_then(|left| left.strip_prefix("[:"));
        at = at.saturating_add(next.saturating_add(1));
        if let Some(end) = named.and_then(|named| named.find(":]")) {
            at = at.saturating_add(end.saturating_add(3));
        } else if left.get(next..).is_some_and(|left| left.starts_with(']')) {
            return rest.get(..at).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;
    use std::process::Command;

    use super::Glob;

    /// Each pattern over each name, beside find(1) of this machine on a folder with files so called.
    #[test]
    fn patterns_match_as_those_of_find() {
        let patterns = [
            "*",
            "?",
            "*.txt",
            ".*",
            "a*",
            "*a*",
            "a?c",
            "[abc]",
            "[!abc]*",
            "[^a]*",
            "[a-c]?",
            "[]]",
            "[]a]*",
            "[!]]*",
            "[[:digit:]]*",
            "[[:alpha:][:digit:]]",
            "[a[:digit:]",
            "[",
            "a[",
            "[a",
            "\\*",
            "\\a",
            "a\\?c",
            "{a,b}",
            "*{*",
            "**",
            "a**c",
            "**/c",
            "*\\[*",
            "",
            "a,b",
            "[*]",
            "[{]a,b}",
            "?[]",
            "[a-]",
            "[-a]",
        ];
        let names: &[&[u8]] = &[
            b"a", b"b", b"c", b"abc", b"a.txt", b".hidden", b".txt", b"a?c", b"*", b"]", b"[", b"a[", b"[a",
            b"{a,b}", b"a,b", b"1", b"12", b"-", b"a\nc", b"\xff", b"a\xffc", b"x]", b"\\", b"a/c", b"a/b/c",
        ];
        let folder = tempfile::tempdir().unwrap();
        for name in names.iter().filter(|name| !name.contains(&b'/')) {
            std::fs::write(folder.path().join(std::ffi::OsStr::from_bytes(name)), "").unwrap();
        }
        for pattern in patterns {
            let find = Command::new("find")
                .args([".", "-type", "f", "-name", pattern, "-printf", "%f\\0"])
                .current_dir(folder.path())
                .env("LC_ALL", "C")
                .output()
                .unwrap();
            let mut expect: Vec<&[u8]> = find.stdout.split(|byte| *byte == 0).collect();
            expect.pop();
            expect.sort_unstable();
            let glob = Glob::new(pattern).unwrap();
            let flat = names.iter().copied().filter(|name| !name.contains(&b'/'));
            let mut found: Vec<&[u8]> = flat.filter(|name| glob.is_match(name)).collect();
            found.sort_unstable();
            assert_eq!(found, expect, "{pattern}");
        }
    }

    #[test]
    fn stars_match_slashes() {
        let check = |pattern: &str, path: &str, expect: bool| {
            assert_eq!(Glob::new(pattern).unwrap().is_match(path.as_bytes()), expect, "{pattern} {path}");
        };
        check("/etc/*", "/etc/a/b", true);
        check("*/b", "/etc/a/b", true);
        check("/etc?a", "/etc/a", true);
        check("/etc", "/etc/a", false);
        check("/a/**/b", "/a/b", false);
        check("/a/**/b", "/a/x/y/b", true);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let check = |pattern: &str, expect: &str| {
            assert_eq!(Glob::new(pattern).unwrap_err().to_string(), expect);
        };
        check("[z-a]", "[z-a]: invalid range; 'z' > 'a'");
        check("a\\", "a\\\\: dangling '\\'");
    }
}
