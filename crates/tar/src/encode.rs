//! A member's headers as bytes: plain ustar where it fits, and PAX records for what does not.

use std::collections::BTreeMap;

use tar::{EntryType, Header};

use crate::block::BLOCK;
use crate::error::printable;
use crate::{Entry, Kind, Limits, Time, WriteError, xattr};

/// Largest number of a field of 8 bytes: seven octal digits.
const MAX_SMALL: u64 = 0o777_7777;
/// Largest number of a field of 12 bytes: 8 GiB less one.
const MAX_LARGE: u64 = 0o777_7777_7777;

type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// The headers of a member, whole blocks, ready to stand before its content; the same bytes for the same entry always.
///
/// `entry.size` bytes of content are to follow, and [`padding`](crate::padding); of a sparse file too, which is written
/// out whole. Fields that say where the member lies are not looked at.
///
/// # Errors
///
/// [`WriteError::Entry`] if no header can hold the entry: a path or a link target that is empty or has a NUL, a name of
/// an attribute that has one, a device without its numbers, records over 1 MiB, a number over `i64::MAX`.
pub fn header_bytes(entry: &Entry) -> Result<Vec<u8>, WriteError> {
    check(entry).map_err(|why| WriteError::Entry { member: printable(&entry.path), why })?;
    let mut records = Records::new();
    let main = main_header(entry, &mut records);
    let mut bytes = Vec::new();
    if !records.is_empty() {
        let body = records_body(&records);
        if body.len() as u64 > Limits::default().extension {
            let why = "its names and attributes take over 1 MiB";
            return Err(WriteError::Entry { member: printable(&entry.path), why });
        }
        bytes.extend_from_slice(extension_header(body.len() as u64).as_bytes());
        bytes.extend_from_slice(&body);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    }
    bytes.extend_from_slice(main.as_bytes());
    Ok(bytes)
}

fn check(entry: &Entry) -> Result<(), &'static str> {
    let is_link = matches!(entry.kind, Kind::HardLink | Kind::Symlink);
    let has_nul = |text: &[u8]| text.contains(&0);
    if entry.path.is_empty() {
        return Err("it has no name");
    }
    if is_link && entry.link.is_empty() {
        return Err("it has no target");
    }
    if is_device(entry.kind) && entry.device.is_none() {
        return Err("it has no device numbers");
    }
    if [&entry.path, &entry.link, &entry.user, &entry.group].into_iter().any(|text| has_nul(text)) {
        return Err("it has a NUL in a name");
    }
    if entry.xattrs.iter().any(|(name, _)| xattr::name(name).is_err()) {
        return Err("it has an extended attribute whose name is empty or has a NUL");
    }
    if [entry.size, entry.uid, entry.gid].into_iter().any(|number| i64::try_from(number).is_err()) {
        return Err("it has a number over 63 bits");
    }
    if entry.mtime.nanoseconds >= 1_000_000_000 {
        return Err("its mtime has a billion nanoseconds or more");
    }
    Ok(())
}

fn is_device(kind: Kind) -> bool {
    matches!(kind, Kind::CharDevice | Kind::BlockDevice)
}

fn main_header(entry: &Entry, records: &mut Records) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(match entry.kind {
        Kind::File => EntryType::Regular,
        Kind::HardLink => EntryType::Link,
        Kind::Symlink => EntryType::Symlink,
        Kind::CharDevice => EntryType::Char,
        Kind::BlockDevice => EntryType::Block,
        Kind::Directory => EntryType::Directory,
        Kind::Fifo => EntryType::Fifo,
    });
    header.set_mode(entry.mode & 0o7777);
    header.set_uid(number(records, b"uid", entry.uid, MAX_SMALL));
    header.set_gid(number(records, b"gid", entry.gid, MAX_SMALL));
    let size = if entry.kind.has_content() { entry.size } else { 0 };
    header.set_size(number(records, b"size", size, MAX_LARGE));
    header.set_mtime(mtime(records, entry.mtime));
    if let Some(ustar) = header.as_ustar_mut() {
        path(records, &entry.path, &mut ustar.name, &mut ustar.prefix);
        text(records, b"linkpath", &entry.link, &mut ustar.linkname);
        // POSIX wants a NUL at the end of these two.
        text(records, b"uname", &entry.user, &mut ustar.uname[..31]);
        text(records, b"gname", &entry.group, &mut ustar.gname[..31]);
        let (major, minor) = entry.device.filter(|_| is_device(entry.kind)).unwrap_or_default();
        device(major, &mut ustar.dev_major);
        device(minor, &mut ustar.dev_minor);
    }
    for (name, value) in &entry.xattrs {
        let (keyword, value) = attribute(name, value);
        records.insert(keyword, value);
    }
    header.set_cksum();
    header
}

/// What stands in the field: the number if it fits, else 0 and a record.
fn number(records: &mut Records, keyword: &[u8], number: u64, max: u64) -> u64 {
    if number <= max {
        return number;
    }
    records.insert(keyword.to_vec(), number.to_string().into_bytes());
    0
}

fn mtime(records: &mut Records, time: Time) -> u64 {
    let whole = u64::try_from(time.seconds).ok().filter(|seconds| *seconds <= MAX_LARGE);
    if whole.is_none() || time.nanoseconds != 0 {
        records.insert(b"mtime".to_vec(), spell_time(time).into_bytes());
    }
    whole.unwrap_or(0)
}

/// Seconds and, if there is one, the fraction without closing zeros; before 1970 it counts backwards.
fn spell_time(time: Time) -> String {
    let (sign, whole, nanoseconds) = match time {
        Time { seconds, nanoseconds: 0 } => return seconds.to_string(),
        Time { seconds, nanoseconds } if seconds < 0 => {
            ("-", !seconds, 1_000_000_000_u32.saturating_sub(nanoseconds))
        }
        Time { seconds, nanoseconds } => ("", seconds, nanoseconds),
    };
    let text = format!("{sign}{whole}.{nanoseconds:09}");
    text.trim_end_matches('0').to_owned()
}

/// A name goes into the header block if it is ASCII and fits. As in Go, and so in Docker's layers, anything else becomes
/// a record, since PAX alone says that names are UTF-8.
fn path(records: &mut Records, path: &[u8], name: &mut [u8; 100], prefix: &mut [u8; 155]) {
    match split(path) {
        Some((before, after)) if path.is_ascii() => {
            put(before, prefix);
            put(after, name);
        }
        _ => text(records, b"path", path, name),
    }
}

/// At a slash, so that both sides fit and neither is empty: the last such one.
fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= 100 {
        return Some((b"", path));
    }
    // A closing slash belongs to the name.
    let inner = path.len().saturating_sub(1);
    let slash = path.get(..inner.min(156))?.iter().rposition(|byte| *byte == b'/')?;
    let (before, after) = (path.get(..slash)?, path.get(slash.checked_add(1)?..)?);
    (slash > 0 && after.len() <= 100).then_some((before, after))
}

fn text(records: &mut Records, keyword: &[u8], value: &[u8], field: &mut [u8]) {
    if value.is_ascii() && value.len() <= field.len() {
        put(value, field);
        return;
    }
    records.insert(keyword.to_vec(), value.to_vec());
    // For readers that know no PAX: cut, and nothing outside ASCII.
    let stand_in = value.iter().map(|byte| if byte.is_ascii() { *byte } else { b'_' });
    for (slot, byte) in field.iter_mut().zip(stand_in) {
        *slot = byte;
    }
}

fn put(value: &[u8], field: &mut [u8]) {
    for (slot, byte) in field.iter_mut().zip(value) {
        *slot = *byte;
    }
}

/// PAX has no record for device numbers: over seven octal digits they are in base-256, as star and Go write them.
fn device(number: u32, field: &mut [u8; 8]) {
    if u64::from(number) <= MAX_SMALL {
        put(format!("{number:07o}").as_bytes(), field);
    } else {
        *field = u64::from(number).to_be_bytes();
        field[0] = 0x80;
    }
}

/// The keyword and value of an attribute. An equals sign would end the keyword early: then libarchive's spelling.
fn attribute(name: &[u8], value: &[u8]) -> (Vec<u8>, Vec<u8>) {
    if name.contains(&b'=') {
        let keyword = [b"LIBARCHIVE.xattr.", &xattr::encode_percent(name)[..]].concat();
        return (keyword, xattr::encode_base64(value));
    }
    ([b"SCHILY.xattr.", name].concat(), value.to_vec())
}

fn records_body(records: &Records) -> Vec<u8> {
    let mut body = Vec::new();
    // It holds for the names after it (POSIX pax), so it comes first.
    let is_name = |keyword: &[u8]| matches!(keyword, b"path" | b"linkpath" | b"uname" | b"gname");
    if records.iter().any(|(keyword, value)| is_name(keyword) && std::str::from_utf8(value).is_err()) {
        push_record(&mut body, b"hdrcharset", b"BINARY");
    }
    for (keyword, value) in records {
        push_record(&mut body, keyword, value);
    }
    body
}

/// A record begins with its own length, the digits of the length included.
fn push_record(body: &mut Vec<u8>, keyword: &[u8], value: &[u8]) {
    let bare = keyword.len().saturating_add(value.len()).saturating_add(" =\n".len());
    let mut length = bare;
    while length != bare.saturating_add(length.to_string().len()) {
        length = bare.saturating_add(length.to_string().len());
    }
    body.extend_from_slice(length.to_string().as_bytes());
    body.push(b' ');
    body.extend_from_slice(keyword);
    body.push(b'=');
    body.extend_from_slice(value);
    body.push(b'\n');
}

fn extension_header(size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::XHeader);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    header.set_mtime(0);
    if let Some(ustar) = header.as_ustar_mut() {
        put(b"././@PaxHeader", &mut ustar.name);
        device(0, &mut ustar.dev_major);
        device(0, &mut ustar.dev_minor);
    }
    header.set_cksum();
    header
}

#[cfg(test)]
mod tests;
