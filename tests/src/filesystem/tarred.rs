//! What stands in a flat tar, by the `tar` crate: a second opinion on what our writer writes.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use tar::{Archive, EntryType};

use super::{Entry, Filesystem, Kind, hash};

impl Filesystem {
    /// All entries of a tar; a name that comes twice is a failure.
    pub fn in_tar(tar: impl Read) -> Self {
        let mut found = Self::default();
        // By the name that stands first, which the others link to.
        let mut groups: HashMap<Vec<u8>, Vec<Vec<u8>>> = HashMap::new();
        let mut archive = Archive::new(tar);
        for member in archive.entries().unwrap() {
            let mut member = member.unwrap();
            let name = clean(&member.path_bytes());
            if member.header().entry_type() == EntryType::Link {
                let target = clean(&member.link_name_bytes().unwrap());
                let same = found.entries[&target].clone();
                groups.entry(target.clone()).or_insert_with(|| vec![target]).push(name.clone());
                found.add(name, same);
            } else {
                let entry = entry(&mut member);
                found.add(name, entry);
            }
        }
        found.link(groups.into_values());
        // To its end, for the sake of a program that still writes.
        std::io::copy(&mut archive.into_inner(), &mut std::io::sink()).unwrap();
        found
    }

    fn add(&mut self, name: Vec<u8>, entry: Entry) {
        let shown = String::from_utf8_lossy(&name).into_owned();
        assert!(self.entries.insert(name, entry).is_none(), "{shown} stands twice in the tar");
    }
}

/// `./a/` and `a` are the same.
fn clean(name: &[u8]) -> Vec<u8> {
    let parts = name.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    parts.collect::<Vec<_>>().join(&b'/')
}

fn entry(member: &mut tar::Entry<'_, impl Read>) -> Entry {
    let header = member.header().clone();
    let kind = match header.entry_type() {
        EntryType::Directory => Kind::Directory,
        EntryType::Symlink => Kind::Symlink,
        EntryType::Char => Kind::CharDevice,
        EntryType::Block => Kind::BlockDevice,
        EntryType::Fifo => Kind::Fifo,
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Kind::File,
        other => panic!("an entry of type {other:?}"),
    };
    let mut mtime = (header.mtime().unwrap().cast_signed(), 0);
    let mut xattrs = BTreeMap::new();
    for record in member.pax_extensions().unwrap().into_iter().flatten() {
        // Values with a line end are beyond the crate; ours have none.
        let record = record.unwrap();
        match record.key().unwrap() {
            "mtime" => mtime = time(record.value().unwrap()),
            key => {
                if let Some(name) = key.strip_prefix("SCHILY.xattr.") {
                    xattrs.insert(name.as_bytes().to_owned(), record.value_bytes().to_owned());
                }
            }
        }
    }
    let device = matches!(kind, Kind::CharDevice | Kind::BlockDevice);
    let number = |number: std::io::Result<Option<u32>>| number.unwrap().unwrap();
    let target =
        if kind == Kind::Symlink { member.link_name_bytes().unwrap().into_owned() } else { Vec::new() };
    let id = |id: std::io::Result<u64>| u32::try_from(id.unwrap()).unwrap();
    let content = (kind == Kind::File).then(|| hash(&mut *member));
    Entry {
        kind,
        mode: if kind == Kind::Symlink { 0o777 } else { header.mode().unwrap() & 0o7777 },
        owner: (id(header.uid()), id(header.gid())),
        size: content.as_ref().map_or(0, |(size, _)| *size),
        mtime,
        target,
        device: device.then(|| (number(header.device_major()), number(header.device_minor()))),
        xattrs,
        content: content.map(|(_, digest)| digest),
        names: Some(Vec::new()),
    }
}

/// `-1.25` is three quarters of a second after -2.
fn time(text: &str) -> (i64, u32) {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let (whole, nanos) = (whole.parse::<i64>().unwrap(), format!("{part:0<9.9}").parse::<u32>().unwrap());
    if text.starts_with('-') && nanos > 0 { (whole - 1, 1_000_000_000 - nanos) } else { (whole, nanos) }
}
