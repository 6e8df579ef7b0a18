//! An entry of a tar as an inode of a tree, and back.

use ply_tar::Entry;
use ply_tree::{Device, Extent, Kind, Metadata, Source, Time, Xattr};

use super::name::Why;

/// Longest target of a symbolic link: `PATH_MAX` less its NUL.
const LONGEST_TARGET: usize = 4095;
/// Bits of a device's numbers in Linux (`MINORBITS`); what is over them would be cut to another device.
const MAJORS: u32 = 1 << 12;
const MINORS: u32 = 1 << 20;

/// Name spaces in which overlayfs and fuse-overlayfs keep what they know of a layer.
const OVERLAY: [&[u8]; 3] = [b"trusted.overlay.", b"user.overlay.", b"user.fuseoverlayfs."];

/// Where a tar's bytes lie: in which source, and how far from its beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) source: Source,
    pub(super) base: u64,
}

/// What an entry is, unless it is a directory or a hard link.
pub(super) fn kind(entry: &Entry, origin: Origin) -> Result<Kind, Why> {
    Ok(match entry.kind {
        ply_tar::Kind::File => Kind::File {
            size: entry.size,
            extents: extents(entry, origin).ok_or("its content ends beyond 64 bits")?,
        },
        ply_tar::Kind::Symlink if entry.link.is_empty() => return Err("a symbolic link to nothing".into()),
        ply_tar::Kind::Symlink if entry.link.len() > LONGEST_TARGET => {
            let bytes = entry.link.len();
            return Err(
                format!("a symbolic link whose target has {bytes} bytes, over {LONGEST_TARGET}").into()
            );
        }
        ply_tar::Kind::Symlink => Kind::Symlink { target: entry.link.as_slice().into() },
        ply_tar::Kind::CharDevice => match device(entry)? {
            // On overlayfs this is a whiteout.
            Device { major: 0, minor: 0 } => {
                return Err("a character device 0:0, a whiteout in disguise".into());
            }
            device => Kind::CharDevice(device),
        },
        ply_tar::Kind::BlockDevice => Kind::BlockDevice(device(entry)?),
        ply_tar::Kind::Fifo => Kind::Fifo,
        ply_tar::Kind::Directory => Kind::Directory(ply_tree::Directory::default()),
        ply_tar::Kind::HardLink => return Err("a hard link where none can be".into()),
    })
}

fn device(entry: &Entry) -> Result<Device, Why> {
    let (major, minor) = entry.device.ok_or("a device without numbers")?;
    if major >= MAJORS || minor >= MINORS {
        return Err(format!("a device {major}:{minor}, more than Linux has numbers for").into());
    }
    Ok(Device { major, minor })
}

/// All bytes of a file, holes between the stretches of a sparse one included.
fn extents(entry: &Entry, origin: Origin) -> Option<Vec<Extent>> {
    let mut offset = origin.base.checked_add(entry.data_offset)?;
    let mut data = |len: u64| {
        let extent = Extent { source: origin.source, offset, len };
        offset = offset.checked_add(len)?;
        Some(extent)
    };
    let hole = |len| Extent { source: Source::HOLE, offset: 0, len };
    let Some(segments) = &entry.sparse else {
        // An exact allocation: most inodes of most trees are such files.
        return Some(if entry.size == 0 { Vec::new() } else { vec![data(entry.size)?] });
    };
    let (mut extents, mut at) = (Vec::new(), 0);
    for segment in segments {
        let gap = segment.offset.checked_sub(at)?;
        extents.extend((gap > 0).then(|| hole(gap)));
        extents.push(data(segment.len)?);
        at = segment.offset.checked_add(segment.len)?;
    }
    let rest = entry.size.checked_sub(at)?;
    extents.extend((rest > 0).then(|| hole(rest)));
    Some(extents)
}

/// Attributes of an entry, but for the extended ones.
pub(super) fn metadata(entry: &Entry) -> Result<Metadata, Why> {
    let mode = match entry.kind {
        // Linux has no other.
        ply_tar::Kind::Symlink => 0o777,
        _ => u16::try_from(entry.mode & 0o7777).unwrap_or_default(),
    };
    let (seconds, nanoseconds) = (entry.mtime.seconds, entry.mtime.nanoseconds);
    Ok(Metadata {
        mode,
        uid: owner("owner", entry.uid)?,
        gid: owner("group", entry.gid)?,
        mtime: Time { seconds, nanoseconds },
        xattrs: Vec::new(),
    })
}

/// The kernel takes the highest number for "leave it as it is".
fn owner(what: &str, id: u64) -> Result<u32, Why> {
    match u32::try_from(id) {
        Ok(u32::MAX) | Err(_) => Err(format!("its {what} is {id}, over {}", u32::MAX - 1).into()),
        Ok(id) => Ok(id),
    }
}

/// The extended attributes that hold, and the names of those that do not.
pub(super) fn xattrs(entry: &Entry) -> (Vec<Xattr>, Vec<&[u8]>) {
    let is_overlays = |name: &[u8]| OVERLAY.iter().any(|space| name.starts_with(space));
    let (dropped, kept): (Vec<_>, Vec<_>) = entry.xattrs.iter().partition(|(name, _)| is_overlays(name));
    let kept = kept
        .into_iter()
        .map(|(name, value)| Xattr { name: name.as_slice().into(), value: value.as_slice().into() });
    (kept.collect(), dropped.into_iter().map(|(name, _)| name.as_slice()).collect())
}
