//! What differs between two inodes.

use ply_tree::{Kind, Metadata, Node};

/// What differs between two inodes; how many names they have does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Differences {
    /// What they are: a file here, a directory there.
    pub kind: bool,
    /// Bytes, target or device number; of a directory in [`history`](crate::history()), that what it held is hidden.
    pub content: bool,
    /// Permission bits.
    pub mode: bool,
    /// User or group.
    pub owner: bool,
    /// Time of the last change.
    pub time: bool,
    /// Extended attributes.
    pub xattrs: bool,
}

impl Differences {
    /// Whether anything differs.
    #[must_use]
    pub fn any(self) -> bool {
        self != Self::default()
    }

    pub(crate) fn of_metadata(a: &Metadata, b: &Metadata) -> Self {
        Self {
            kind: false,
            content: false,
            mode: a.mode != b.mode,
            owner: (a.uid, a.gid) != (b.uid, b.gid),
            time: a.mtime != b.mtime,
            xattrs: a.xattrs != b.xattrs,
        }
    }

    /// `same_content` is asked only of two files of one size that have any bytes.
    pub(crate) fn of<E>(
        a: &Node,
        b: &Node,
        same_content: impl FnOnce() -> Result<bool, E>,
    ) -> Result<Self, E> {
        let mut differences = Self::of_metadata(&a.metadata, &b.metadata);
        match (&a.kind, &b.kind) {
            (Kind::File { size: a, .. }, Kind::File { size: b, .. }) => {
                differences.content = a != b || (*a > 0 && !same_content()?);
            }
            (Kind::Directory(_), Kind::Directory(_)) => {}
            (a, b) if std::mem::discriminant(a) == std::mem::discriminant(b) => differences.content = a != b,
            _ => differences.kind = true,
        }
        Ok(differences)
    }
}

/// Whether two files have the same bytes because these lie in the same places; what lies elsewhere is taken to be other.
/// For files of trees that share their sources; else the bytes must be compared.
#[must_use]
pub fn same_extents(a: &Node, b: &Node) -> bool {
    match (&a.kind, &b.kind) {
        (Kind::File { size: a, extents: x }, Kind::File { size: b, extents: y }) => a == b && x == y,
        _ => false,
    }
}
