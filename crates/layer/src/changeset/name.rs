//! What the name of an entry means: a path from the root, or a mark on what layers below have.

use std::borrow::Cow;

use ply_tree::path::components;

/// Why an entry is refused.
pub(super) type Why = Cow<'static, str>;

/// A path, name by name.
pub(super) type Path<'p> = Vec<&'p [u8]>;

/// Before the name that it hides (`layer.md`, "Whiteouts").
pub(super) const WHITEOUT: &[u8] = b".wh.";
/// Hides all that layers below have in its directory (`layer.md`, "Opaque Whiteout").
pub(super) const OPAQUE: &[u8] = b".wh..wh..opq";
/// Before the names that aufs kept for itself, as `.wh..wh.plnk`; old layers still have them.
const AUFS: &[u8] = b".wh..wh.";

/// Longest name, as every Linux filesystem has it (`NAME_MAX`).
pub(super) const LONGEST_NAME: usize = 255;
/// Names in a path, at most.
pub(super) const DEEPEST: usize = 4096;

/// What the name of an entry means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning<'p> {
    /// The root itself.
    Root,
    /// Something at a path that is not empty.
    Entry(Path<'p>),
    /// Hides a name of a directory.
    Whiteout(Path<'p>, &'p [u8]),
    /// Hides all below in a directory.
    Opaque(Path<'p>),
    /// Something that aufs left behind. Nobody sees it, but hard links may lead there.
    Leftover(Path<'p>),
}

/// Whether a name in a path is one that marks something in a layer, as whiteouts do: no root filesystem can have it.
#[must_use]
pub fn is_marker(path: &[u8]) -> bool {
    components(path).any(|name| name.starts_with(WHITEOUT))
}

/// Names are cleaned as all engines do it: by name, `..` stops at the root.
pub(super) fn meaning(path: &[u8]) -> Result<Meaning<'_>, Why> {
    let mut path = cleaned(path, |_| Ok(()))?;
    let Some(last) = path.pop() else { return Ok(Meaning::Root) };
    if path.iter().any(|name| name.starts_with(AUFS)) {
        path.push(last);
        return within_bounds(&path).map(|()| Meaning::Leftover(path));
    }
    if path.iter().any(|name| name.starts_with(WHITEOUT)) {
        return Err("it lies below a whiteout's name".into());
    }
    if last == OPAQUE {
        return within_bounds(&path).map(|()| Meaning::Opaque(path));
    }
    if let Some(hidden) = last.strip_prefix(WHITEOUT).filter(|_| !last.starts_with(AUFS)) {
        if matches!(hidden, b"" | b"." | b"..") {
            return Err("a whiteout of no name, of `.` or of `..`".into());
        }
        path.push(hidden);
        within_bounds(&path)?;
        path.pop();
        return Ok(Meaning::Whiteout(path, hidden));
    }
    path.push(last);
    within_bounds(&path)?;
    Ok(if last.starts_with(AUFS) { Meaning::Leftover(path) } else { Meaning::Entry(path) })
}

/// Where a hard link leads, and whether that is one of aufs's own places.
pub(super) fn target(path: &[u8]) -> Result<(Path<'_>, bool), Why> {
    let outside = |_| Err("a hard link that leads out of the root");
    let path = cleaned(path, outside)?;
    within_bounds(&path).map_err(|why| format!("a hard link whose target has {why}"))?;
    let leftover = path.iter().any(|name| name.starts_with(AUFS) && *name != OPAQUE);
    if !leftover && path.iter().any(|name| name.starts_with(WHITEOUT)) {
        return Err("a hard link to a whiteout".into());
    }
    Ok((path, leftover))
}

fn cleaned(
    path: &[u8],
    above_root: impl Fn(()) -> Result<(), &'static str>,
) -> Result<Path<'_>, &'static str> {
    let mut kept = Path::new();
    for name in components(path) {
        if name != b".." {
            kept.push(name);
        } else if kept.pop().is_none() {
            above_root(())?;
        }
    }
    Ok(kept)
}

fn within_bounds(path: &[&[u8]]) -> Result<(), Why> {
    if path.len() > DEEPEST {
        return Err(format!("a path of {} names, over {DEEPEST}", path.len()).into());
    }
    match path.iter().find(|name| name.len() > LONGEST_NAME) {
        Some(name) => Err(format!("a name of {} bytes, over {LONGEST_NAME}", name.len()).into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::is_marker;

    #[test]
    fn marks_are_told_by_their_names() {
        let check = |path: &[u8], expect: bool| assert_eq!(is_marker(path), expect, "{path:?}");
        check(b"etc/.wh.passwd", true);
        check(b"./.wh..wh..opq", true);
        check(b".wh.x/below", true);
        check(b".wh..wh.plnk/1", true);
        check(b"etc/wh.passwd", false);
        check(b"etc/x.wh.y", false);
        check(b".w", false);
        check(b"/", false);
    }
}
