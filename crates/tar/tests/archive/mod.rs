//! Archives made by hand, byte by byte, and all three drivers run over them.
// Not every test file needs all of it; and a test may panic, its helpers too.
#![allow(dead_code, clippy::cast_possible_truncation, clippy::unwrap_used)]

use std::io::{Cursor, Read};

use ply_tar::{BLOCK, End, Entries, Entry, Limits, TarError, Walker, padding};

/// A header block under construction, checksum last.
#[derive(Clone)]
pub(crate) struct Block([u8; BLOCK]);

pub(crate) const MODE: usize = 100;
pub(crate) const UID: usize = 108;
pub(crate) const GID: usize = 116;
pub(crate) const SIZE: usize = 124;
pub(crate) const MTIME: usize = 136;
pub(crate) const CHECKSUM: usize = 148;
pub(crate) const LINK: usize = 157;
pub(crate) const MAGIC: usize = 257;
pub(crate) const USER: usize = 265;
pub(crate) const GROUP: usize = 297;
pub(crate) const MAJOR: usize = 329;
pub(crate) const MINOR: usize = 337;
pub(crate) const PREFIX: usize = 345;

impl Block {
    /// POSIX 1988: magic, version, numbers in octal.
    pub(crate) fn ustar(name: &str, typeflag: u8, size: u64) -> Self {
        Self::v7(name, typeflag, size).set(MAGIC, b"ustar\x0000")
    }

    pub(crate) fn gnu(name: &str, typeflag: u8, size: u64) -> Self {
        Self::v7(name, typeflag, size).set(MAGIC, b"ustar  \0")
    }

    pub(crate) fn v7(name: &str, typeflag: u8, size: u64) -> Self {
        Self([0; BLOCK])
            .set(0, name.as_bytes())
            .set(MODE, b"0000644\0")
            .set(UID, b"0001750\0")
            .set(GID, b"0000144\0")
            .set(SIZE, format!("{size:011o}\0").as_bytes())
            .set(MTIME, b"14631467100\0")
            .set(156, &[typeflag])
    }

    pub(crate) fn set(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// With its checksum: the sum of all bytes, its own field taken as spaces.
    pub(crate) fn done(self) -> Vec<u8> {
        let block = self.set(CHECKSUM, b"        ");
        let sum: u64 = block.0.iter().map(|byte| u64::from(*byte)).sum();
        block.set(CHECKSUM, format!("{sum:06o}\0 ").as_bytes()).raw()
    }

    pub(crate) fn raw(self) -> Vec<u8> {
        self.0.to_vec()
    }

    /// With its checksum, and content after it.
    pub(crate) fn with(self, content: &[u8]) -> Vec<u8> {
        [self.done(), padded(content)].concat()
    }
}

pub(crate) fn padded(content: &[u8]) -> Vec<u8> {
    let mut bytes = content.to_vec();
    bytes.resize(content.len() + padding(content.len() as u64) as usize, 0);
    bytes
}

/// One record of an extended header; its length by trial.
pub(crate) fn record(keyword: &str, value: impl AsRef<[u8]>) -> Vec<u8> {
    let rest = [b" ", keyword.as_bytes(), b"=", value.as_ref(), b"\n"].concat();
    let length = (rest.len()..).find(|length| length.to_string().len() + rest.len() == *length).unwrap();
    [length.to_string().as_bytes(), &rest].concat()
}

/// An extended header of these records.
pub(crate) fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    pax_body(&records.iter().flat_map(|(keyword, value)| record(keyword, value)).collect::<Vec<_>>())
}

pub(crate) fn pax_body(body: &[u8]) -> Vec<u8> {
    Block::ustar("PaxHeaders/x", b'x', body.len() as u64).with(body)
}

pub(crate) fn global(records: &[(&str, &str)]) -> Vec<u8> {
    let body: Vec<u8> = records.iter().flat_map(|(keyword, value)| record(keyword, value)).collect();
    Block::ustar("pax_global_header", b'g', body.len() as u64).with(&body)
}

/// An `L` or `K` header.
pub(crate) fn long(typeflag: u8, name: &[u8]) -> Vec<u8> {
    Block::gnu("././@LongLink", typeflag, name.len() as u64).with(name)
}

pub(crate) fn file(name: &str, content: &[u8]) -> Vec<u8> {
    Block::ustar(name, b'0', content.len() as u64).with(content)
}

/// The parts and two blocks of zeros.
pub(crate) fn archive(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), vec![0; 2 * BLOCK]].concat()
}

/// What an archive holds: each member with its content, and how it ended.
pub(crate) type Reading = (Vec<(Entry, Vec<u8>)>, End);

/// Reads with every driver, which must agree, in entries as in errors.
pub(crate) fn read(bytes: &[u8]) -> Result<Reading, TarError> {
    read_with(bytes, Limits::default())
}

/// The same with fewer sizes of pieces, for tests that read often.
pub(crate) fn skim(bytes: &[u8]) -> Result<Reading, TarError> {
    compare(bytes, Limits::default(), &[700])
}

pub(crate) fn read_with(bytes: &[u8], limits: Limits) -> Result<Reading, TarError> {
    compare(bytes, limits, &[1, 7, 512, 513, 4096, usize::MAX])
}

fn compare(bytes: &[u8], limits: Limits, sizes: &[usize]) -> Result<Reading, TarError> {
    let streamed = stream(bytes, limits);
    let members = |reading: &Result<Reading, TarError>| match reading {
        Ok((members, end)) => Ok((members.iter().map(|(entry, _)| entry.clone()).collect::<Vec<_>>(), *end)),
        Err(error) => Err(error.to_string()),
    };
    let expected = members(&streamed);
    for size in sizes {
        let walked = walk(bytes, *size, limits).map_err(|error| error.to_string());
        assert_eq!(walked, expected, "walked in pieces of {size}");
    }
    assert_eq!(index(bytes, limits).map_err(|error| error.to_string()), expected, "indexed");
    streamed
}

pub(crate) fn walk(bytes: &[u8], size: usize, limits: Limits) -> Result<(Vec<Entry>, End), TarError> {
    let mut walker = Walker::new(limits);
    let mut entries = Vec::new();
    for piece in bytes.chunks(size) {
        walker.push(piece, |entry| entries.push(entry.clone()))?;
    }
    Ok((entries, walker.finish()?))
}

fn index(bytes: &[u8], limits: Limits) -> Result<(Vec<Entry>, End), TarError> {
    let mut index = ply_tar::index(Cursor::new(bytes), limits)?;
    let entries = index.by_ref().collect::<Result<Vec<_>, _>>()?;
    Ok((entries, index.end().unwrap()))
}

/// Content is read of every other member, so that passing over it is tried as well.
fn stream(bytes: &[u8], limits: Limits) -> Result<Reading, TarError> {
    let mut entries = Entries::new(bytes, limits);
    let mut members = Vec::new();
    while let Some(entry) = entries.next_entry()? {
        let mut content = Vec::new();
        if members.len() % 2 == 0 {
            // A hole may be long; the start is enough. A truncated content is told again by the next call.
            let _ = entries.by_ref().take(1 << 20).read_to_end(&mut content);
        }
        members.push((entry, content));
    }
    Ok((members, entries.end().unwrap()))
}

/// The entries alone.
pub(crate) fn entries(bytes: &[u8]) -> Vec<Entry> {
    read(bytes).unwrap().0.into_iter().map(|(entry, _)| entry).collect()
}

/// The only entry.
pub(crate) fn entry(bytes: &[u8]) -> Entry {
    let [entry] = <[Entry; 1]>::try_from(entries(bytes)).unwrap();
    entry
}

/// The error, as it is printed.
pub(crate) fn error(bytes: &[u8]) -> String {
    read(bytes).unwrap_err().to_string()
}
