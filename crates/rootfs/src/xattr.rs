//! Extended attributes: which an image may set on a host, and how they are read and written.

use ply_tree::Xattr;
use rustix::fd::BorrowedFd;
use rustix::fs::{XattrFlags, fsetxattr, lgetxattr, llistxattr, lsetxattr};
use rustix::io::Errno;

use crate::attributes::{Target, magic};
use crate::owner;

/// POSIX access control lists: of a file, and of what is made in a directory.
pub(crate) const LISTS: [&str; 2] = ["system.posix_acl_access", "system.posix_acl_default"];

/// The most a value has on Linux (`XATTR_SIZE_MAX`).
const LONGEST: usize = 64 << 10;

/// Whether an attribute may come from an image: what a program in it needs, and nothing that the host itself reads. The
/// state of an overlay, and owners recorded for somebody else, would be taken at their word later.
#[must_use]
pub fn welcome(name: &[u8]) -> bool {
    if name.starts_with(b"user.") {
        return !name.starts_with(b"user.overlay.") && name != owner::ATTRIBUTE;
    }
    name == b"security.capability" || LISTS.iter().any(|list| list.as_bytes() == name)
}

/// Whether an attribute can be set, and then not be read: Linux looks at the form of capabilities only where there are any.
pub(crate) fn is_unreadable(name: &[u8], value: &[u8]) -> bool {
    name == b"security.capability" && value.is_empty()
}

pub(crate) fn set(target: &Target<'_>, name: &[u8], value: &[u8]) -> rustix::io::Result<()> {
    match *target {
        Target::Open(fd) => fsetxattr(fd, name, value, XattrFlags::empty()),
        Target::Named { directory, name: file } => {
            lsetxattr(magic(directory, file), name, value, XattrFlags::empty())
        }
    }
}

/// All attributes of what a name in a directory is, or without a name of the directory itself, sorted.
pub(crate) fn all(directory: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<Vec<Xattr>> {
    // A path that ends at the descriptor is a link itself, which these calls do not follow.
    let path = magic(directory, if name.is_empty() { b"." } else { name });
    // A buffer of no bytes would ask for the length.
    let mut names = vec![0; 1 << 10];
    let len = loop {
        match llistxattr(&path[..], &mut names[..]) {
            Err(Errno::RANGE) if names.len() < LONGEST => names.resize(LONGEST, 0),
            Err(Errno::NOTSUP | Errno::NOSYS) => return Ok(Vec::new()),
            listed => break listed?,
        }
    };
    let mut found = Vec::new();
    for name in names.get(..len).unwrap_or_default().split(|byte| *byte == 0).filter(|name| !name.is_empty())
    {
        if let Some(value) = get(&path, name)? {
            found.push(Xattr { name: name.into(), value: value.into() });
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// One attribute of what a path is; `None` where it has none of the name.
pub(crate) fn get(path: &[u8], name: &[u8]) -> rustix::io::Result<Option<Vec<u8>>> {
    let mut value = vec![0; 256];
    loop {
        match lgetxattr(path, name, &mut value[..]) {
            Ok(len) => {
                value.truncate(len);
                return Ok(Some(value));
            }
            Err(Errno::RANGE) if value.len() < LONGEST => value.resize(LONGEST, 0),
            // Listed, but gone by now, or not to be seen by this user.
            Err(Errno::NODATA | Errno::NOTSUP | Errno::PERM | Errno::ACCESS) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::welcome;

    #[test]
    fn the_host_is_not_told_what_to_do() {
        for name in
            ["user.", "user.a", "security.capability", "system.posix_acl_access", "system.posix_acl_default"]
        {
            assert!(welcome(name.as_bytes()), "{name}");
        }
        for name in [
            "",
            "security.selinux",
            "security.ima",
            "security.evm",
            "security.capability2",
            "system.nfs4_acl",
            "trusted.overlay.opaque",
            "trusted.any",
            "user.overlay.opaque",
            "user.rootlesscontainers",
        ] {
            assert!(!welcome(name.as_bytes()), "{name}");
        }
    }
}
