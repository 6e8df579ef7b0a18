//! Tars of any members, written by the `tar` crate: none of our own code has a hand in what our code must read.

use std::io::Write;

use tar::{Builder, EntryType, Header};

/// A tar in the making.
#[derive(Debug, Default)]
pub struct Tarball {
    bytes: Vec<u8>,
}

impl Tarball {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file.
    #[must_use]
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.member(EntryType::Regular, name, "", content.as_ref())
    }

    /// Adds a program.
    #[must_use]
    pub fn program(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let mut header = Header::new_ustar();
        header.set_mode(0o755);
        header.set_size(content.as_ref().len() as u64);
        let mut builder = Builder::new(&mut self.bytes);
        builder.append_data(&mut header, name, content.as_ref()).unwrap();
        std::mem::forget(builder);
        self
    }

    /// Adds a folder.
    #[must_use]
    pub fn folder(self, name: &str) -> Self {
        self.member(EntryType::Directory, name, "", &[])
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.member(EntryType::Symlink, name, target, &[])
    }

    /// Adds a hard link.
    #[must_use]
    pub fn hard_link(self, name: &str, target: &str) -> Self {
        self.member(EntryType::Link, name, target, &[])
    }

    /// Adds an empty file of a name of any length, as GNU tar writes one that is too long for a header.
    #[must_use]
    pub fn long_named(mut self, name: &str) -> Self {
        let mut header = Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(0);
        let mut builder = Builder::new(&mut self.bytes);
        builder.append_data(&mut header, name, &[][..]).unwrap();
        std::mem::forget(builder);
        self
    }

    /// Adds a device: the null device's numbers.
    #[must_use]
    pub fn device(self, name: &str) -> Self {
        self.member(EntryType::Char, name, "", &[])
    }

    /// Adds an entry that is told in words: its kind as a tar has it (`0` a file, `1` a hard link, `2` a symbolic link,
    /// `5` a folder, …) and its name; then a file's content or `> TARGET`, and what is not as usual: `@700` for a mode,
    /// `:1:2` for an owner, `+name=value` for an extended attribute.
    #[must_use]
    pub fn told(mut self, words: &str) -> Self {
        let mut words = words.split(' ');
        let kind = EntryType::new(words.next().unwrap().as_bytes()[0]);
        let name = words.next().unwrap();
        let (mut content, mut target, mut mode, mut owner) = ("", "", None, (0, 0));
        let mut xattrs = Vec::new();
        while let Some(word) = words.next() {
            match word.split_at(1) {
                (">", "") => target = words.next().unwrap(),
                ("@", bits) => mode = Some(u32::from_str_radix(bits, 8).unwrap()),
                (":", ids) => {
                    let (uid, gid) = ids.split_once(':').unwrap();
                    owner = (uid.parse().unwrap(), gid.parse().unwrap());
                }
                ("+", xattr) => {
                    let (name, value) = xattr.split_once('=').unwrap();
                    xattrs.push((format!("SCHILY.xattr.{name}"), value.as_bytes()));
                }
                _ => content = word,
            }
        }
        if !xattrs.is_empty() {
            let mut builder = Builder::new(&mut self.bytes);
            builder.append_pax_extensions(xattrs.iter().map(|(key, value)| (&**key, *value))).unwrap();
            std::mem::forget(builder);
        }
        let header = plain_header(kind, name, target, content.len());
        self.headed(header, mode, owner, content.as_bytes())
    }

    fn member(self, kind: EntryType, name: &str, target: &str, content: &[u8]) -> Self {
        self.headed(plain_header(kind, name, target, content.len()), None, (0, 0), content)
    }

    fn headed(mut self, mut header: Header, mode: Option<u32>, owner: (u64, u64), content: &[u8]) -> Self {
        if let Some(mode) = mode {
            header.set_mode(mode);
        }
        header.set_uid(owner.0);
        header.set_gid(owner.1);
        header.set_cksum();
        let mut builder = Builder::new(&mut self.bytes);
        builder.append(&header, content).unwrap();
        // Its end is ours to write.
        std::mem::forget(builder);
        self
    }

    /// The whole, with its end.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.extend([0; 1024]);
        self.bytes
    }
}

/// When every entry was made.
pub(crate) const MADE: u64 = 1_767_323_045;

/// Names are written as they are: `..` and absolute ones too, which the crate's own checks would refuse.
fn plain_header(kind: EntryType, name: &str, target: &str, size: usize) -> Header {
    let mut header = Header::new_ustar();
    let fields = header.as_old_mut();
    assert!(name.len() <= 100 && target.len() <= 100, "{name} is too long for a plain header");
    fields.name[..name.len()].copy_from_slice(name.as_bytes());
    fields.linkname[..target.len()].copy_from_slice(target.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o644 });
    header.set_size(size as u64);
    header.set_mtime(MADE);
    if kind == EntryType::GNUSparse {
        // The map is in GNU's header alone: one piece, and no hole.
        *header.as_mut_bytes() = gnu_sparse(&header, size);
    }
    if kind == EntryType::Char {
        header.set_device_major(1).unwrap();
        header.set_device_minor(3).unwrap();
    }
    header
}

fn gnu_sparse(plain: &Header, size: usize) -> [u8; 512] {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..157].copy_from_slice(&plain.as_bytes()[..157]);
    let fields = header.as_gnu_mut().unwrap();
    let octal = |number: usize| -> [u8; 12] { format!("{number:011o}\0").into_bytes().try_into().unwrap() };
    (fields.sparse[0].offset, fields.sparse[0].numbytes) = (octal(0), octal(size));
    fields.realsize = octal(size);
    *header.as_bytes()
}

/// Compressed by gzip: flate2's encoder.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Compressed by zstd: the reference implementation.
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

/// Compressed by bzip2.
pub fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Compressed by xz.
pub fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 3);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
