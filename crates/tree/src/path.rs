//! Paths in a tree: bytes, split by slashes. Clean ones have no slash at either end and no empty, `.` or `..` component;
//! the root is the empty path.

/// The components of a path that count: neither empty nor `.`; `..` is given as it stands.
pub fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".")
}

/// The clean form, by names alone: `..` takes the component before it away, and stops at the root.
///
/// ```
/// assert_eq!(ply_tree::path::clean(b"/a/./b/../../../c//d/"), b"c/d");
/// ```
#[must_use]
pub fn clean(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for name in components(path) {
        if name == b".." {
            kept.pop();
        } else {
            kept.push(name);
        }
    }
    kept.join(&b'/')
}

/// A path with a name more.
#[must_use]
pub fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() { name.to_vec() } else { [directory, b"/", name].concat() }
}

/// A clean path's last name, and what comes before it; `None` for the root.
#[must_use]
pub fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => Some((path.get(..at)?, path.get(at.saturating_add(1)..)?)),
        None if path.is_empty() => None,
        None => Some((&[], path)),
    }
}

/// The clean path and all its parents, from the root's child down: `a`, `a/b`, `a/b/c`.
pub fn ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    let ends = ends.chain((!path.is_empty()).then_some(path.len()));
    ends.filter_map(|end| path.get(..end))
}

/// A path fit for a message: from the root, what is not printable escaped, the middle of a long one left out.
#[must_use]
pub fn printable(path: &[u8]) -> String {
    const LONGEST: usize = 200;
    let mut text = String::from("/");
    for chunk in path.utf8_chunks() {
        text.extend(chunk.valid().chars().flat_map(escaped));
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    if text.chars().count() <= LONGEST {
        return text;
    }
    let (head, tail): (String, String) =
        (text.chars().take(LONGEST / 2).collect(), text.chars().rev().take(LONGEST / 2).collect());
    format!("{head}…{}", tail.chars().rev().collect::<String>())
}

/// Letters of scripts stay; controls and what turns text around do not.
fn escaped(letter: char) -> impl Iterator<Item = char> {
    let plain = letter == '\'' || letter == '"' || letter.escape_debug().len() == 1;
    let (kept, escape) = if plain { (Some(letter), None) } else { (None, Some(letter.escape_debug())) };
    kept.into_iter().chain(escape.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_by_name() {
        let check = |path: &str, expect: &str| {
            assert_eq!(String::from_utf8(clean(path.as_bytes())).unwrap(), expect, "{path}");
        };
        check("", "");
        check("/", "");
        check(".", "");
        check("./", "");
        check("./etc/passwd", "etc/passwd");
        check("etc//passwd/", "etc/passwd");
        check("a/../b", "b");
        check("../x", "x");
        check("/../../x", "x");
        check("a/b/../../..", "");
        check("...", "...");
        check("a/. /b", "a/. /b");
    }

    #[test]
    fn paths_are_split_and_joined() {
        let check = |path: &str, expect: Option<(&str, &str)>| {
            let expect = expect.map(|(before, name)| (before.as_bytes(), name.as_bytes()));
            assert_eq!(split(path.as_bytes()), expect, "{path}");
            if let Some((before, name)) = expect {
                assert_eq!(join(before, name), path.as_bytes());
            }
        };
        check("", None);
        check("a", Some(("", "a")));
        check("a/b/c", Some(("a/b", "c")));
        assert_eq!(ancestors(b"a/b/c").collect::<Vec<_>>(), [&b"a"[..], b"a/b", b"a/b/c"]);
        assert_eq!(ancestors(b"").count(), 0);
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let check = |path: &[u8], expect: &str| assert_eq!(printable(path), expect);
        check(b"", "/");
        check("tmp/größe 日本".as_bytes(), "/tmp/größe 日本");
        check(b"a\nb\x1b[31m\xff", "/a\\nb\\u{1b}[31m\\xff");
        check("a\u{202e}b".as_bytes(), "/a\\u{202e}b");
        check(b"it's \"this\"", "/it's \"this\"");
        assert_eq!(printable(&[b'x'; 5000]).chars().count(), 201);
    }
}
