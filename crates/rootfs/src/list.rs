use rustix::fd::BorrowedFd;
use rustix::fs::{FileType, RawDir};
use rustix::io::Errno;

/// A name in a directory, as the directory itself tells it.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: Box<[u8]>,
    /// `Unknown` on some filesystems.
    pub(crate) kind: FileType,
    pub(crate) inode: u64,
}

/// The names in a directory that was just opened, sorted.
pub(crate) fn list(directory: BorrowedFd<'_>) -> rustix::io::Result<Vec<Named>> {
    let mut buffer = Vec::with_capacity(32 << 10);
    let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        let entry = match entry {
            Err(Errno::INTR) => continue,
            entry => entry?,
        };
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(Named { name: name.into(), kind: entry.file_type(), inode: entry.ino() });
        }
    }
    names.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(names)
}
