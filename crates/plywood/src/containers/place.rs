//! Where something is copied to: Docker's rules for `cp`.

use ply_tree::{Kind, Last, TreeError, TreeView, find, path};

/// Symbolic links followed to find out where something new is to be made, as Linux has it (`MAXSYMLINKS`).
const MOST_LINKS: usize = 40;

/// A path of which a directory's content is meant, and not the directory: it ends with `/.`.
pub(super) fn means_content(path: &[u8]) -> bool {
    path == b"." || path.ends_with(b"/.")
}

/// What stands where something is to be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A directory.
    Directory(Vec<u8>),
    /// Something else.
    Other(Vec<u8>),
    /// Nothing; but what it would lie in is there.
    Free(Vec<u8>),
    /// Not even that.
    Nowhere(Vec<u8>),
}

/// What a path means to whoever writes there: links are followed, one that leads to nothing as well.
pub(super) fn target(view: &dyn TreeView, wanted: &[u8]) -> Result<Target, TreeError> {
    let mut wanted = wanted.to_vec();
    for _ in 0..MOST_LINKS {
        // A slash at the end asks for a directory: whether one can be made is for the caller to say.
        while wanted.len() > 1 && wanted.ends_with(b"/") {
            wanted.pop();
        }
        if let Some(found) = find(view, &wanted, Last::Follow)? {
            let is_directory = view.node(found.id)?.is_directory();
            return Ok(if is_directory { Target::Directory(found.path) } else { Target::Other(found.path) });
        }
        if let Some(link) = find(view, &wanted, Last::Keep)?
            && let Kind::Symlink { target } = &view.node(link.id)?.kind
        {
            let above = path::split(&link.path).map_or(&b""[..], |(above, _)| above);
            wanted = if target.starts_with(b"/") { target.to_vec() } else { [above, b"/", target].concat() };
            continue;
        }
        let (above, name) = split(&wanted);
        return Ok(match find(view, above, Last::Follow)? {
            Some(above) if !matches!(name, b"." | b"..") && view.node(above.id)?.is_directory() => {
                Target::Free(path::join(&above.path, name))
            }
            _ => Target::Nowhere(wanted),
        });
    }
    Err(TreeError::TooManyLinks { path: path::clean(&wanted) })
}

/// A path that is not clean, and the name at its end.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => {
            (path.get(..at).unwrap_or_default(), path.get(at.saturating_add(1)..).unwrap_or_default())
        }
        None => (&[], path),
    }
}

#[cfg(test)]
mod tests {
    use ply_tree::{Directory, Metadata, Node, Tree};

    use super::*;

    #[test]
    fn paths_mean_what_they_lead_to() {
        let mut tree = Tree::new(Directory::default(), Metadata::new(0o755));
        let mut add = |directory, name: &[u8], kind| {
            let id = tree.add(Node::new(kind, Metadata::new(0o755)));
            tree.link(directory, name, id);
            id
        };
        let d = add(Tree::ROOT, b"d", Kind::Directory(Directory::default()));
        add(d, b"f", Kind::File { size: 0, extents: Vec::new() });
        let links =
            [("to-d", "d"), ("to-new", "d/new"), ("abs", "/d/other"), ("lost", "x/y"), ("loop", "loop")];
        for (name, target) in links {
            add(Tree::ROOT, name.as_bytes(), Kind::Symlink { target: target.as_bytes().into() });
        }
        let check = |wanted: &str, expect: Target| {
            assert_eq!(target(&tree, wanted.as_bytes()).unwrap(), expect, "{wanted}");
        };
        check("/", Target::Directory(b"".into()));
        check("d", Target::Directory(b"d".into()));
        check("d/", Target::Directory(b"d".into()));
        check("/to-d/", Target::Directory(b"d".into()));
        check("/to-d/f", Target::Other(b"d/f".into()));
        check("d/new", Target::Free(b"d/new".into()));
        check("/new/", Target::Free(b"new".into()));
        check("../../new", Target::Free(b"new".into()));
        check("to-new", Target::Free(b"d/new".into()));
        check("abs", Target::Free(b"d/other".into()));
        check("lost", Target::Nowhere(b"/x/y".into()));
        check("a/b", Target::Nowhere(b"a/b".into()));
        assert!(target(&tree, b"loop").is_err());
        assert!(target(&tree, b"d/f/x").is_err());
    }
}
