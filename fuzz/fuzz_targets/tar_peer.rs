//! Our reader of archives and the `tar` crate's: what we take, it reads as we do, but for what is listed here.
#![no_main]

use std::collections::HashSet;
use std::io::Read;

use libfuzzer_sys::fuzz_target;
use ply_fuzz::sums::repaired;
use ply_tar::{Entries, Entry, Kind, Limits, Trailer};
use tar::{Archive, EntryType};

/// A hole may be long; so much of a content is compared.
const MOST: u64 = 64 << 10;

/// Why the `tar` crate may read another thing where we read anything at all. Each is a row of ply-tar's README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Differs {
    /// A link, directory, device or fifo with a size: we know that no data follows, the crate skips some.
    SizeWithoutContent,
    /// PAX sparse files, and old ones whose data is not whole blocks: the crate knows none of it.
    Sparse,
    /// The crate passes over records that it cannot read, and knows no base-256, no signed checksum, no spaces in numbers.
    Lenient,
    /// One keyword twice in one extended header: the last counts (POSIX, pax), the crate takes the first.
    Twice,
    /// An extended header with a version of ustar that nobody knows: to the crate it is a member, to us and to Go what its type says.
    Version,
    /// The padding of the last member is missing.
    NoPadding,
}

struct Member {
    entry: Entry,
    content: Vec<u8>,
}

fuzz_target!(|bytes: &[u8]| {
    let bytes = repaired(bytes);
    let Some((ours, trailer)) = ours(&bytes) else { return };
    compare(&bytes, &ours, trailer);
});

fn ours(bytes: &[u8]) -> Option<(Vec<Member>, Trailer)> {
    let mut entries = Entries::new(bytes, Limits::default());
    let mut members = Vec::new();
    while let Some(entry) = entries.next_entry().ok()? {
        let mut content = Vec::new();
        entries.by_ref().take(MOST).read_to_end(&mut content).ok()?;
        members.push(Member { entry, content });
    }
    let end = entries.end()?;
    Some((members, end.trailer))
}

fn compare(bytes: &[u8], ours: &[Member], trailer: Trailer) -> Option<Differs> {
    let mut archive = Archive::new(bytes);
    let mut theirs = archive.entries().expect("it is at its beginning");
    let mut ours = ours.iter();
    loop {
        let mut their = match theirs.next() {
            None => break,
            Some(Ok(their)) => their,
            Some(Err(error)) => return Some(excused(&error.to_string(), ours.next(), trailer)),
        };
        let kind = their.header().entry_type();
        // Volume labels, directory dumps and global headers are members there.
        if kind == EntryType::XGlobalHeader || matches!(kind.as_byte(), b'V' | b'D') {
            continue;
        }
        let is_known = their.header().as_ustar().is_some() || their.header().as_gnu().is_some();
        if !is_known && matches!(kind.as_byte(), b'x' | b'L' | b'K') {
            return Some(Differs::Version);
        }
        if says_twice(&mut their) {
            return Some(Differs::Twice);
        }
        let at = their.raw_header_position();
        let Some(Member { entry, content }) = ours.next() else {
            panic!("the tar crate has one more member, at {at}")
        };
        if !entry.kind.has_content() && their.size() > 0 {
            return Some(Differs::SizeWithoutContent);
        }
        if entry.sparse.is_some() && kind != EntryType::GNUSparse {
            return Some(Differs::Sparse);
        }
        assert!(is_same_path(&their, entry), "{} at {at}: {entry:?}", their.path_bytes().escape_ascii());
        assert!(is_same_kind(kind, entry), "{kind:?} at {at}: {entry:?}");
        if matches!(entry.kind, Kind::HardLink | Kind::Symlink) {
            let link = their.link_name_bytes().unwrap_or_default();
            assert_eq!(
                until_nul(&link).escape_ascii().to_string(),
                entry.link.escape_ascii().to_string(),
                "at {at}"
            );
        }
        assert_eq!(their.size(), entry.size, "at {at}: {entry:?}");
        let mut read = Vec::new();
        if let Err(error) = their.by_ref().take(MOST).read_to_end(&mut read) {
            return Some(excused(
                &error.to_string(),
                Some(&Member { entry: entry.clone(), content: Vec::new() }),
                trailer,
            ));
        }
        assert!(&read == content, "other content at {at}: {entry:?}");
    }
    if let Some(Member { entry, .. }) = ours.next() {
        panic!("we have one more member: {entry:?}");
    }
    None
}

fn says_twice<R: Read>(theirs: &mut tar::Entry<'_, R>) -> bool {
    let Ok(Some(records)) = theirs.pax_extensions() else { return false };
    let mut seen = HashSet::new();
    records.flatten().any(|record| !seen.insert(record.key_bytes().to_vec()))
}

/// A long name of GNU's ends with its first NUL, as in Go; the crate takes away one.
fn until_nul(name: &[u8]) -> &[u8] {
    name.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// We take a prefix where Go does: in headers of GNU too, and whatever version a ustar header says; the crate asks for `00`.
fn is_same_path<R: Read>(theirs: &tar::Entry<'_, R>, ours: &Entry) -> bool {
    let path = theirs.path_bytes();
    let before = ours.path.strip_suffix(until_nul(&path));
    before == Some(b"")
        || theirs.header().as_ustar().is_none() && before.is_some_and(|rest| rest.ends_with(b"/"))
}

fn is_same_kind(theirs: EntryType, ours: &Entry) -> bool {
    match ours.kind {
        Kind::HardLink => theirs == EntryType::Link,
        Kind::Symlink => theirs == EntryType::Symlink,
        Kind::CharDevice => theirs == EntryType::Char,
        Kind::BlockDevice => theirs == EntryType::Block,
        // Before there was a type for them, a slash told them; the crate takes no heed of it.
        Kind::Directory => theirs == EntryType::Directory || theirs.is_file() && ours.path.ends_with(b"/"),
        Kind::Fifo => theirs == EntryType::Fifo,
        Kind::File => true,
    }
}

/// Why the crate refuses what we take.
fn excused(error: &str, next: Option<&Member>, trailer: Trailer) -> Differs {
    let lenient =
        ["archive header checksum mismatch", "numeric field was not a number", "numeric field did not have"];
    if lenient.iter().any(|known| error.contains(known)) {
        return Differs::Lenient;
    }
    if error.contains("sparse") || error.contains("Sparse") {
        return Differs::Sparse;
    }
    if error.contains("unexpected EOF during skip") && trailer == Trailer::None {
        return Differs::NoPadding;
    }
    panic!("the tar crate refuses {:?}: {error}", next.map(|member| &member.entry));
}
