use std::collections::BTreeMap;

use crate::ArchiveError;
use crate::error::shown;

/// Links followed before a chain of them is called a loop, as the kernel does.
const MAX_HOPS: usize = 40;
/// Members of an archive; each costs memory, and in a compressed archive next to nothing.
const MAX_MEMBERS: usize = 200_000;
/// Bytes of all names and link targets together.
const MAX_NAMES: usize = 32 << 20;
/// Bytes of one name or link target, as on Linux.
const MAX_PATH: usize = 4096;

/// What the tar around an archive may ask for.
#[must_use]
pub fn tar_limits() -> ply_tar::Limits {
    ply_tar::Limits { path: MAX_PATH, ..ply_tar::Limits::default() }
}

/// Members by cleaned name. Of two with one name the last wins, as when a tar is unpacked.
#[derive(Debug)]
pub struct MemberMap<T> {
    nodes: BTreeMap<String, Node<T>>,
    /// Members seen, those that are not kept too.
    members: usize,
    /// Bytes of their names and links.
    text: usize,
}

#[derive(Debug)]
enum Node<T> {
    File(T),
    Link(String),
}

impl<T> Default for MemberMap<T> {
    fn default() -> Self {
        Self { nodes: BTreeMap::new(), members: 0, text: 0 }
    }
}

impl<T> MemberMap<T> {
    /// Adds a file; gives back what had its name before.
    ///
    /// # Errors
    /// The name leaves the archive, or is one too many.
    pub fn file(&mut self, name: &[u8], at: T) -> Result<Option<T>, ArchiveError> {
        let name = self.admit(name)?;
        match name.and_then(|name| self.nodes.insert(name, Node::File(at))) {
            Some(Node::File(old)) => Ok(Some(old)),
            _ => Ok(None),
        }
    }

    /// Adds a symbolic link; its target is relative to the folder it stands in.
    ///
    /// # Errors
    /// The name or the target leaves the archive, or is one too many.
    pub fn symlink(&mut self, name: &[u8], target: &[u8]) -> Result<(), ArchiveError> {
        self.link(name, target, true)
    }

    /// Adds a hard link; its target is the name of another member.
    ///
    /// # Errors
    /// The name or the target leaves the archive, or is one too many.
    pub fn hard_link(&mut self, name: &[u8], target: &[u8]) -> Result<(), ArchiveError> {
        self.link(name, target, false)
    }

    /// Takes note of a folder or a device: it holds nothing that a document can name, but its name must be one that
    /// a member may have.
    ///
    /// # Errors
    /// The name leaves the archive, or is one too many.
    pub fn other(&mut self, name: &[u8]) -> Result<(), ArchiveError> {
        self.admit(name).map(drop)
    }

    fn link(&mut self, name: &[u8], target: &[u8], symbolic: bool) -> Result<(), ArchiveError> {
        let said = shown(&String::from_utf8_lossy(name));
        let name = self.admit(name)?;
        let folder = name.as_deref().filter(|_| symbolic).and_then(|name| name.rsplit_once('/'));
        let folder = folder.map_or("", |(folder, _)| folder);
        let to = clean(folder, &String::from_utf8_lossy(target)).map_err(|_| ArchiveError::Member {
            member: said.clone(),
            why: format!("is a link to {}, outside the archive", shown(&String::from_utf8_lossy(target))),
        })?;
        self.count(to.len(), &said)?;
        if let Some(name) = name
            && std::str::from_utf8(target).is_ok()
            && (symbolic || name != to)
        {
            self.nodes.insert(name, Node::Link(to));
        }
        Ok(())
    }

    /// A member's name, cleaned; `None` for one that is not UTF-8, which no document can name.
    fn admit(&mut self, name: &[u8]) -> Result<Option<String>, ArchiveError> {
        let text = String::from_utf8_lossy(name);
        let cleaned = clean("", &text)?;
        self.members = self.members.saturating_add(1);
        if self.members > MAX_MEMBERS {
            let why = format!("is one member too many: an archive may have {MAX_MEMBERS}");
            return Err(ArchiveError::Member { member: shown(&text), why });
        }
        self.count(cleaned.len(), &shown(&text))?;
        Ok(std::str::from_utf8(name).is_ok().then_some(cleaned))
    }

    fn count(&mut self, bytes: usize, member: &str) -> Result<(), ArchiveError> {
        self.text = self.text.saturating_add(bytes);
        if self.text <= MAX_NAMES {
            return Ok(());
        }
        let why = format!("brings the names and links of the archive to more than {MAX_NAMES} bytes");
        Err(ArchiveError::Member { member: member.to_owned(), why })
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

    #[test]
    fn whatever_it_is_it_stays_inside() {
        let check = |name: &[u8], expect: bool| {
            assert_eq!(MemberMap::<()>::default().other(name).is_ok(), expect, "{name:?}");
            assert_eq!(MemberMap::default().file(name, ()).is_ok(), expect, "{name:?}");
            assert_eq!(MemberMap::<()>::default().symlink(name, b"x").is_ok(), expect, "{name:?}");
            assert_eq!(MemberMap::<()>::default().hard_link(b"x", name).is_ok(), expect, "{name:?}");
        };
        check(b"./", true);
        check(b"d/", true);
        check(b"d/\xff", true);
        check(b"../d/", false);
        check(b"/d/", false);
        check(b"../\xff", false);
    }

    #[test]
    fn names_have_an_end() {
        let refused = |result: Result<Option<usize>, ArchiveError>, expect: &str| {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        };
        let mut map = MemberMap::default();
        for at in 0..MAX_MEMBERS {
            map.file(b"same", at).unwrap();
        }
        refused(map.file(b"same", 0), "same is one member too many");
        let mut map = MemberMap::default();
        let long = "x".repeat(MAX_PATH - 16);
        for at in 0..MAX_NAMES / MAX_PATH {
            map.file(format!("{at}{long}").as_bytes(), at).unwrap();
        }
        map.symlink(b"x", &[b'x'; MAX_PATH]).unwrap();
        let more = (0..64).find_map(|_| map.symlink(b"x", &[b'y'; MAX_PATH]).err()).unwrap();
        refused(Err(more), "names and links of the archive");
    }
}
