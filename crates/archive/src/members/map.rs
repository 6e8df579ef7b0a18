use std::collections::BTreeMap;

use crate::ArchiveError;
use crate::error::shown;

/// Links followed before a chain of them is called a loop, as the kernel does.
const MAX_HOPS: usize = 40;

/// Members by cleaned name. Of two with one name the last wins, as when a tar is unpacked.
#[derive(Debug)]
pub struct MemberMap<T> {
    nodes: BTreeMap<String, Node<T>>,
}

#[derive(Debug)]
enum Node<T> {
    File(T),
    Link(String),
}

impl<T> Default for MemberMap<T> {
    fn default() -> Self {
        Self { nodes: BTreeMap::new() }
    }
}

impl<T> MemberMap<T> {
    /// Adds a file; gives back what had its name before.
    ///
    /// # Errors
    /// The name leaves the archive.
    pub fn file(&mut self, name: &[u8], at: T) -> Result<Option<T>, ArchiveError> {
        // A name that is not UTF-8 cannot be named by a document.
        let Ok(name) = std::str::from_utf8(name) else {
            return Ok(None);
        };
        match self.nodes.insert(clean("", name)?, Node::File(at)) {
            Some(Node::File(old)) => Ok(Some(old)),
            _ => Ok(None),
        }
    }

    /// Adds a symbolic link; its target is relative to the folder it stands in.
    ///
    /// # Errors
    /// The name or the target leaves the archive.
    pub fn symlink(&mut self, name: &[u8], target: &[u8]) -> Result<(), ArchiveError> {
        let (Ok(name), Ok(target)) = (std::str::from_utf8(name), std::str::from_utf8(target)) else {
            return Ok(());
        };
        let name = clean("", name)?;
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let target = clean(folder, target).map_err(|_| ArchiveError::Member {
            member: shown(&name),
            why: format!("is a link to {}, outside the archive", shown(target)),
        })?;
        self.nodes.insert(name, Node::Link(target));
        Ok(())
    }

    /// Adds a hard link; its target is the name of another member.
    ///
    /// # Errors
    /// The name or the target leaves the archive.
    pub fn hard_link(&mut self, name: &[u8], target: &[u8]) -> Result<(), ArchiveError> {
        let (Ok(name), Ok(target)) = (std::str::from_utf8(name), std::str::from_utf8(target)) else {
            return Ok(());
        };
        let (name, target) = (clean("", name)?, clean("", target)?);
        if name != target {
            self.nodes.insert(name, Node::Link(target));
        }
        Ok(())
    }

    /// Finds a file by the name a document gives it, following links within the map.
    ///
    /// # Errors
    /// The name leaves the archive, or links go round in a circle.
    pub fn find(&self, name: &str) -> Result<Option<(&str, &T)>, ArchiveError> {
        let mut at = clean("", name)?;
        for _ in 0..MAX_HOPS {
            match self.nodes.get_key_value(&at) {
                Some((name, Node::File(found))) => return Ok(Some((name, found))),
                Some((_, Node::Link(target))) => at.clone_from(target),
                None => return Ok(None),
            }
        }
        Err(ArchiveError::Member { member: shown(name), why: "is a link that leads to no file".to_owned() })
    }

    /// Every name, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.nodes.keys().map(String::as_str)
    }

    /// Every file.
    pub fn into_files(self) -> impl Iterator<Item = (String, T)> {
        self.nodes.into_iter().filter_map(|(name, node)| match node {
            Node::File(at) => Some((name, at)),
            Node::Link(_) => None,
        })
    }
}

/// A name seen from a folder of the archive, without `.`, `..` and double slashes.
fn clean(folder: &str, name: &str) -> Result<String, ArchiveError> {
    let leaves =
        || ArchiveError::Member { member: shown(name), why: "is a path that leaves the archive".to_owned() };
    if name.starts_with('/') {
        return Err(leaves());
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|p| !p.is_empty()).collect();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or_else(leaves)?;
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside() {
        let check = |folder: &str, name: &str, expect: Option<&str>| {
            assert_eq!(clean(folder, name).ok().as_deref(), expect, "{name} in {folder}");
        };
        check("", "a/b", Some("a/b"));
        check("", "./a//b/", Some("a/b"));
        check("", "a/../b", Some("b"));
        check("", "../b", None);
        check("", "a/../../b", None);
        check("", "/etc/passwd", None);
        check("x/y", "../z/layer.tar", Some("x/z/layer.tar"));
        check("x", "../../z", None);
    }

    #[test]
    fn links_are_followed_inside() {
        let mut map = MemberMap::default();
        // Docker 20.10 writes a layer that stands twice as a link to the first.
        map.symlink(b"b/layer.tar", b"../a/layer.tar").unwrap();
        map.file(b"a/layer.tar", 1).unwrap();
        map.symlink(b"loop", b"loop2").unwrap();
        map.symlink(b"loop2", b"loop").unwrap();
        map.symlink(b"dangling", b"nowhere").unwrap();
        map.hard_link(b"h", b"a/layer.tar").unwrap();
        assert_eq!(map.find("b/layer.tar").unwrap(), Some(("a/layer.tar", &1)));
        assert_eq!(map.find("h").unwrap(), Some(("a/layer.tar", &1)));
        assert_eq!(map.find("dangling").unwrap(), None);
        assert!(map.find("loop").is_err());
        assert!(map.find("../x").is_err());
        assert!(map.symlink(b"out", b"/etc/shadow").is_err());
        assert!(map.symlink(b"d/out", b"../../etc/shadow").is_err());
        assert_eq!(map.file(b"./a/layer.tar", 2).unwrap(), Some(1));
    }
}
