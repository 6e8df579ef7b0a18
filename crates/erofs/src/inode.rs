//! `struct erofs_inode_extended` (`fs/erofs/erofs_fs.h`): 64 bytes, times in nanoseconds, owners of 32 bits.

use ply_tree::{Device, Time};

use crate::fields::Fields;

/// Bytes of an inode.
pub(crate) const LEN: usize = 64;
/// Of an inode, where the first block of its data stands.
pub(crate) const DATA_AT: usize = 16;
/// Of an inode, where the number of its names stands.
pub(crate) const LINKS_AT: usize = 44;

/// What a file is, by the number that a directory entry has for it (`FT_*` in `include/linux/fs_types.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Type {
    File = 1,
    Directory = 2,
    CharDevice = 3,
    BlockDevice = 4,
    Fifo = 5,
    Socket = 6,
    Symlink = 7,
}

impl Type {
    const ALL: [Self; 7] = [
        Self::File,
        Self::Directory,
        Self::CharDevice,
        Self::BlockDevice,
        Self::Fifo,
        Self::Socket,
        Self::Symlink,
    ];

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|own| *own as u8 == code)
    }

    /// Bits of `st_mode` (`S_IFMT`).
    const fn bits(self) -> u16 {
        match self {
            Self::Fifo => 0o01_0000,
            Self::CharDevice => 0o02_0000,
            Self::Directory => 0o04_0000,
            Self::BlockDevice => 0o06_0000,
            Self::File => 0o10_0000,
            Self::Symlink => 0o12_0000,
            Self::Socket => 0o14_0000,
        }
    }

    fn from_mode(mode: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.bits() == mode & 0o17_0000)
    }
}

/// Where an inode's data lies (`EROFS_INODE_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Layout {
    /// In blocks of the image, all of it.
    Plain = 0,
    /// In blocks of the image, but for its last bytes, which stand behind the inode.
    Inline = 2,
    /// In chunks of other files.
    Chunks = 4,
}

/// An inode, without what stands behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inode {
    pub(crate) layout: Layout,
    /// Words of attributes and a bit (`i_xattr_icount`); 0 for none.
    pub(crate) xattr_words: u16,
    pub(crate) kind: Type,
    /// Permission bits.
    pub(crate) mode: u16,
    pub(crate) size: u64,
    /// First block of its data, device number, or form of its chunks.
    pub(crate) place: u32,
    /// For systems with small numbers.
    pub(crate) number: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: Time,
    pub(crate) links: u32,
}

impl Inode {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        // Bit 0: the long form.
        let format = 1 | u16::from(self.layout as u8) << 1;
        let mut bytes = Vec::with_capacity(LEN);
        bytes.extend(format.to_le_bytes());
        bytes.extend(self.xattr_words.to_le_bytes());
        bytes.extend((self.kind.bits() | self.mode & 0o7777).to_le_bytes());
        bytes.extend([0; 2]);
        bytes.extend(self.size.to_le_bytes());
        bytes.extend(self.place.to_le_bytes());
        bytes.extend(self.number.to_le_bytes());
        bytes.extend(self.uid.to_le_bytes());
        bytes.extend(self.gid.to_le_bytes());
        bytes.extend(self.mtime.seconds.to_le_bytes());
        bytes.extend(self.mtime.nanoseconds.to_le_bytes());
        bytes.extend(self.links.to_le_bytes());
        bytes.resize(LEN, 0);
        bytes
    }

    /// `None` for what [`to_bytes`](Self::to_bytes) never writes.
    pub(crate) fn from_bytes(bytes: &[u8; LEN]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let layout = match fields.u16()? {
            0b0001 => Layout::Plain,
            0b0101 => Layout::Inline,
            0b1001 => Layout::Chunks,
            _ => return None,
        };
        let xattr_words = fields.u16()?;
        let mode = fields.u16()?;
        let _ = fields.u16()?;
        let own = Self {
            layout,
            xattr_words,
            kind: Type::from_mode(mode)?,
            mode: mode & 0o7777,
            size: fields.u64()?,
            place: fields.u32()?,
            number: fields.u32()?,
            uid: fields.u32()?,
            gid: fields.u32()?,
            mtime: Time { seconds: fields.u64()?.cast_signed(), nanoseconds: fields.u32()? },
            links: fields.u32()?,
        };
        (own.mtime.nanoseconds < 1_000_000_000 && own.to_bytes() == bytes).then_some(own)
    }
}

/// As `new_encode_dev` has it (`include/linux/kdev_t.h`); `None` for numbers that Linux has not.
pub(crate) fn device_to_number(device: Device) -> Option<u32> {
    let Device { major, minor } = device;
    (major < 1 << 12 && minor < 1 << 20).then_some((minor & 0xff) | major << 8 | (minor & !0xff) << 12)
}

pub(crate) fn device_from_number(number: u32) -> Device {
    Device { major: (number >> 8) & 0xfff, minor: (number & 0xff) | (number >> 12) & 0xf_ff00 }
}
