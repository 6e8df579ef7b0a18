//! What the image itself calls its owners: its `/etc/passwd` and `/etc/group`, never those of this machine.

use std::collections::HashMap;
use std::io::Read;

use ply_tree::{Last, TreeView, find};

use super::Files;

/// More than this is no list of users: the rest is not read.
const LIMIT: u64 = 1 << 20;

/// `LOGIN_NAME_MAX` of Linux: what is longer is no name, and would tear every table apart.
const LONGEST_NAME: usize = 256;

/// Names of users and groups by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owners {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl Files {
    /// What the image calls its owners; nothing where its lists cannot be read.
    #[must_use]
    pub fn owners(&self) -> Owners {
        let read = |path: &[u8]| self.text(path).map(|text| names(&text)).unwrap_or_default();
        Owners { users: read(b"etc/passwd"), groups: read(b"etc/group") }
    }

    fn text(&self, path: &[u8]) -> Option<String> {
        let stack = self.stack(None).ok()?;
        let found = find(&stack, path, Last::Follow).ok()??;
        let (origin, node) = (stack.origin(found.id)?, stack.node(found.id).ok()?);
        let mut bytes = Vec::new();
        self.content(origin, &node)?.take(LIMIT).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// `name:x:number:…`, a line each (passwd(5), group(5)); the first line of a number holds.
fn names(text: &str) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(number)) = (fields.next(), fields.nth(1).and_then(|n| n.parse().ok()))
            && (1..LONGEST_NAME).contains(&name.len())
        {
            names.entry(number).or_insert_with(|| name.to_owned());
        }
    }
    names
}

impl Owners {
    /// A user's name; the number where it has none.
    #[must_use]
    pub fn user(&self, uid: u32) -> String {
        self.users.get(&uid).cloned().unwrap_or_else(|| uid.to_string())
    }

    /// A group's name; the number where it has none.
    #[must_use]
    pub fn group(&self, gid: u32) -> String {
        self.groups.get(&gid).cloned().unwrap_or_else(|| gid.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn lists_of_users_are_read() {
        let names = names(
            "root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\n\nodd\n:x:3:\nbig:x:99999999999:\nweb:x:33:33\n",
        );
        let mut found: Vec<_> = names.iter().map(|(number, name)| (*number, name.as_str())).collect();
        found.sort_unstable();
        assert_eq!(found, [(0, "root"), (33, "web")]);
    }

    #[test]
    fn what_is_too_long_is_no_name() {
        let check = |len: usize, expect: usize| {
            assert_eq!(names(&format!("{}:x:0:0\n", "x".repeat(len))).len(), expect, "{len} bytes");
        };
        check(255, 1);
        check(256, 0);
        check(70_000, 0);
    }
}
