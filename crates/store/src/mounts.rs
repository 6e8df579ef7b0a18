//! Mounts of images and containers: records of what stands where. A record keeps the blobs of its image from being collected
//! for as long as the mount is there, whoever unmounts it, and however.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use ply_digest::Digest;
use ply_image::ChainId;
use serde::{Deserialize, Serialize};

use crate::error::io as io_error;
use crate::lock::{self, Mode};
use crate::sealed::{seal, unseal};
use crate::store::{Hold, sync_folder};
use crate::{ContainerId, Store, StoreError};

/// A mount, as its record tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mount {
    /// The kernel's number of it; another mount may have had it before, and may get it after.
    pub id: u64,
    /// The boot it belongs to, as `/proc/sys/kernel/random/boot_id` names it.
    pub boot: String,
    /// The directory it stands over, absolute and over no link.
    pub directory: PathBuf,
    /// The image or container, as somebody called it.
    pub image: String,
    /// The container, where it is one's.
    #[serde(default)]
    pub container: Option<ContainerId>,
    /// What shows it.
    #[serde(default)]
    pub way: Way,
    /// The image's ID: the digest of its config.
    pub image_id: Digest,
    /// The layers that are mounted; none of an image that has none.
    pub union: Option<ChainId>,
    /// Set-user-ID bits and file capabilities work in it.
    pub suid: bool,
    /// Device files work in it.
    pub dev: bool,
    /// The archive or folder of an image that is not loaded; none of one of the store.
    pub from: Option<PathBuf>,
    /// The files that such an image is read from, as they were.
    #[serde(default)]
    pub files: Vec<MountedFile>,
    /// The blobs that stay for its sake: manifest, config and layers.
    pub blobs: Vec<Digest>,
}

/// What shows a mount's files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// The kernel, from the files as they lie.
    #[default]
    Kernel,
    /// The kernel, from loop devices over them.
    Loop,
    /// A process of ours, asked by the kernel.
    Fuse,
}

impl Mount {
    /// Whether the kernel would call it so: the kind of its file system.
    fn is_of_kind(&self, kind: &str) -> bool {
        match (self.container, self.way) {
            (Some(_), _) => kind == "overlay",
            (None, Way::Fuse) => kind == "fuse" || kind.starts_with("fuse."),
            (None, Way::Kernel | Way::Loop) => kind == "erofs",
        }
    }
}

/// A file that a mount reads from, and that is not ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MountedFile {
    /// Where it was.
    pub path: PathBuf,
    /// The device it lies on, and its inode there.
    pub inode: (u64, u64),
    /// Bytes it had.
    pub size: u64,
    /// When it was written last: seconds since 1970, and nanoseconds.
    pub modified: (i64, i64),
}

impl Store {
    /// Writes the record of a mount down and then has `attach` put it in its place. `hold` was taken before its image was
    /// looked up.
    ///
    /// # Errors
    /// What `attach` says, and then there is no record; or the store cannot be written.
    pub fn record_mount<E: From<StoreError>>(
        &self,
        _hold: &Hold,
        mount: &Mount,
        attach: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        self.record_standing(mount)?;
        let attached = attach();
        if attached.is_err() {
            let _ = fs::remove_file(self.layout.mount(mount.id));
        }
        attached
    }

    /// Writes the record of a mount down that stands already: one that has no number before.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn record_standing(&self, mount: &Mount) -> Result<(), StoreError> {
        self.create()?;
        let folder = self.layout.mounts();
        fs::create_dir_all(&folder).map_err(io_error("create", &folder))?;
        let path = self.layout.mount(mount.id);
        let beside = path.with_extension("new");
        let write = || -> io::Result<()> {
            fs::write(&beside, seal(&mount.id.to_string(), &serde_json::to_vec(mount)?)?)?;
            fs::rename(&beside, &path)
        };
        // A crash of the machine ends the mount as well: nothing is synced.
        write().map_err(io_error("write", &path))
    }

    /// The mounts that are there, by directory. Records of others go, if nobody uses the store at this moment.
    ///
    /// # Errors
    /// What is mounted cannot be found out, or a record cannot be read.
    pub fn mounts(&self) -> Result<Vec<Mount>, StoreError> {
        let (there, gone) = self.recorded_mounts()?;
        if !gone.is_empty()
            && lock::take_if_free(&self.layout.lock(), Mode::Exclusive).is_ok_and(|l| l.is_some())
        {
            gone.iter().for_each(|path| {
                let _ = fs::remove_file(path);
            });
        }
        Ok(there)
    }

    /// Forgets a mount that was ended.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn forget_mount(&self, mount: &Mount) -> Result<(), StoreError> {
        let path = self.layout.mount(mount.id);
        fs::remove_file(&path).map_err(io_error("remove", &path))?;
        sync_folder(&self.layout.mounts())
    }

    /// Where a container is mounted.
    ///
    /// # Errors
    /// As [`mounts`](Self::mounts).
    pub fn mounts_of(&self, container: &ContainerId) -> Result<Vec<Mount>, StoreError> {
        let mut mounts = self.mounts()?;
        mounts.retain(|mount| mount.container == Some(*container));
        Ok(mounts)
    }

    /// The blobs that mounts keep; `None` where nobody can say.
    pub(crate) fn kept_by_mounts(&self) -> Option<Vec<Digest>> {
        let (there, _) = self.recorded_mounts().ok()?;
        Some(there.into_iter().flat_map(|mount| mount.blobs).collect())
    }

    /// The mounts that are there, and the paths of other records.
    fn recorded_mounts(&self) -> Result<(Vec<Mount>, Vec<PathBuf>), StoreError> {
        let folder = self.layout.mounts();
        let entries = match fs::read_dir(&folder) {
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Default::default());
            }
            entries => entries.map_err(io_error("list", &folder))?,
        };
        let (mut there, mut gone, mut table) = (Vec::new(), Vec::new(), None);
        for entry in entries {
            let path = entry.map_err(io_error("list", &folder))?.path();
            let raw = match fs::read(&path) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                raw => raw.map_err(io_error("read", &path))?,
            };
            let table = match &mut table {
                Some(table) => table,
                none => none.insert(MountTable::now()?),
            };
            let id = path.file_name().unwrap_or_default().to_string_lossy();
            let record = unseal(&id, &raw).ok().map(|(record, _)| record);
            match record.and_then(|record| serde_json::from_slice::<Mount>(record).ok()) {
                Some(mount) if path == self.layout.mount(mount.id) && table.holds(&mount) => {
                    there.push(mount)
                }
                // Of an earlier boot, too, is what a crash left of one.
                _ => gone.push(path),
            }
        }
        there.sort_by(|a, b| a.directory.cmp(&b.directory));
        Ok((there, gone))
    }
}

/// What is mounted, as this process sees it.
#[derive(Debug)]
pub struct MountTable {
    boot: String,
    /// In the order in which one may lie over another.
    mounts: Vec<Line>,
}

impl MountTable {
    /// As it is at this moment.
    ///
    /// # Errors
    /// `/proc` does not tell.
    pub fn now() -> Result<Self, StoreError> {
        let read = |path: &str| fs::read(path).map_err(io_error("read", Path::new(path)));
        let boot = read("/proc/sys/kernel/random/boot_id")?;
        let table = read("/proc/self/mountinfo")?;
        let boot = String::from_utf8_lossy(&boot).trim().to_owned();
        Ok(Self { boot, mounts: table.split(|byte| *byte == b'\n').filter_map(line).collect() })
    }

    /// The boot it belongs to.
    #[must_use]
    pub fn boot(&self) -> &str {
        &self.boot
    }

    /// Whether a mount is among them.
    #[must_use]
    pub fn holds(&self, mount: &Mount) -> bool {
        let is_it =
            |line: &Line| line.id == mount.id && line.at == mount.directory && mount.is_of_kind(&line.kind);
        mount.boot == self.boot && self.mounts.iter().any(is_it)
    }

    /// The number of the topmost mount over a directory.
    #[must_use]
    pub fn top(&self, directory: &Path) -> Option<u64> {
        self.mounts.iter().rfind(|line| line.at == directory).map(|line| line.id)
    }

    /// Whether something else stands over a mount, so that its directory shows that.
    #[must_use]
    pub fn is_covered(&self, mount: &Mount) -> bool {
        self.top(&mount.directory).is_some_and(|id| id != mount.id)
    }
}

/// A mount, by its line.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    id: u64,
    at: PathBuf,
    /// The kind of its file system.
    kind: String,
}

/// A line of `/proc/self/mountinfo` (proc(5)): `36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/root rw`.
fn line(line: &[u8]) -> Option<Line> {
    let mut fields = line.split(|byte| *byte == b' ');
    let id = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    let at = unescape(fields.nth(3)?);
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
    let at = PathBuf::from(std::ffi::OsString::from_vec(at));
    Some(Line { id, at, kind: String::from_utf8_lossy(kind).into_owned() })
}

/// Blanks, tabs, line ends and backslashes are `\040` and so on.
fn unescape(field: &[u8]) -> Vec<u8> {
    let (mut text, mut rest) = (Vec::with_capacity(field.len()), field);
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| *first == b'\\').and_then(|d| std::str::from_utf8(d).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                text.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                text.push(*first);
                rest = after;
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_mountinfo() {
        let check = |text: &str, expect: Option<(u64, &str, &str)>| {
            let expect = expect.map(|(id, at, kind)| Line { id, at: at.into(), kind: kind.to_owned() });
            assert_eq!(line(text.as_bytes()), expect, "{text}");
        };
        // The example of proc(5), and what Linux 6.18 shows.
        check(
            "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue",
            Some((36, "/mnt2", "ext3")),
        );
        check(
            "512 28 0:61 / /srv/a\\040b\\134c ro,nosuid,nodev,relatime - erofs /proc/self/fd/5 ro,user_xattr,acl",
            Some((512, "/srv/a b\\c", "erofs")),
        );
        check(
            "36 35 98:0 /mnt1 /mnt2 rw master:1 propagate_from:2 - fuse.ply x ro",
            Some((36, "/mnt2", "fuse.ply")),
        );
        check("", None);
        check("36 35 98:0 /mnt1", None);
        check("36 35 98:0 / /a\\9 ro - erofs x ro", Some((36, "/a\\9", "erofs")));
    }
}
