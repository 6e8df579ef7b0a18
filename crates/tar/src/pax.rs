//! Extended headers: records `LENGTH KEYWORD=VALUE` and a newline (POSIX pax, "pax Extended Header").
//!
//! Keywords nobody here needs (`comment`, `atime`, `SCHILY.ino`, ...) are passed over; a record that is malformed is
//! an error, since readers that step over one come to disagree about what follows.

use std::collections::BTreeMap;

use crate::Time;
use crate::error::printable;
use crate::number;
use crate::sparse::SparseRecords;
use crate::xattr;

/// What the records of one extended header say. `None`: nothing, so the header block's own field holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Records {
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) link: Option<Vec<u8>>,
    pub(crate) user: Option<Vec<u8>>,
    pub(crate) group: Option<Vec<u8>>,
    pub(crate) uid: Option<u64>,
    pub(crate) gid: Option<u64>,
    pub(crate) size: Option<u64>,
    pub(crate) mtime: Option<Time>,
    /// `SCHILY.xattr.NAME`, as star began and Go, GNU tar and libarchive write them.
    xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// `LIBARCHIVE.xattr.NAME`: bsdtar writes each attribute both ways.
    libarchive_xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) sparse: SparseRecords,
}

impl Records {
    pub(crate) fn parse(mut bytes: &[u8]) -> Result<Self, String> {
        let mut records = Self::default();
        while !bytes.is_empty() {
            let (Record { keyword, value }, rest) = split_record(bytes)?;
            records.set(keyword, value).map_err(|why| {
                let (keyword, value) = (printable(keyword), printable(value));
                format!("its extended header's {keyword}, \"{value}\", {why}")
            })?;
            bytes = rest;
        }
        Ok(records)
    }

    /// Of two records with one keyword the last holds. An empty value takes the keyword back, but for those that say
    /// which member is meant or where the next begins: there POSIX has the header's field deleted as well, Go keeps it.
    fn set(&mut self, keyword: &[u8], value: &[u8]) -> number::Result<()> {
        if keyword.contains(&0) {
            return Err("has a NUL in its keyword");
        }
        match keyword {
            b"path" => self.path = Some(name(value)?),
            b"linkpath" => self.link = Some(name(value)?),
            b"size" => self.size = Some(number::decimal(value)?),
            b"uname" => self.user = unless_empty(value, name)?,
            b"gname" => self.group = unless_empty(value, name)?,
            b"uid" => self.uid = unless_empty(value, number::decimal)?,
            b"gid" => self.gid = unless_empty(value, number::decimal)?,
            b"mtime" => self.mtime = unless_empty(value, number::time)?,
            _ => {
                if let Some(name) = keyword.strip_prefix(b"SCHILY.xattr.") {
                    // An attribute may well be empty, so an empty value is one.
                    self.xattrs.insert(xattr::name(name)?, value.to_vec());
                } else if let Some(name) = keyword.strip_prefix(b"LIBARCHIVE.xattr.") {
                    let name = xattr::name(&xattr::decode_percent(name)?)?;
                    self.libarchive_xattrs.insert(name, xattr::decode_base64(value)?);
                } else if let Some(keyword) = keyword.strip_prefix(b"GNU.sparse.") {
                    self.sparse.set(keyword, value)?;
                }
            }
        }
        Ok(())
    }

    /// The extended attributes, sorted; where both spellings name one, star's holds, which Docker reads.
    pub(crate) fn take_xattrs(&mut self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut all = std::mem::take(&mut self.libarchive_xattrs);
        all.append(&mut self.xattrs);
        all.into_iter().collect()
    }

    /// A keyword that changes which member is meant or where its bytes lie.
    pub(crate) fn steers(&self) -> bool {
        self.path.is_some() || self.link.is_some() || self.size.is_some() || self.sparse.any()
    }
}

fn name(value: &[u8]) -> number::Result<Vec<u8>> {
    match value {
        [] => Err("is empty"),
        _ if value.contains(&0) => Err("has a NUL in it"),
        _ => Ok(value.to_vec()),
    }
}

fn unless_empty<T>(
    value: &[u8],
    parse: impl FnOnce(&[u8]) -> number::Result<T>,
) -> number::Result<Option<T>> {
    if value.is_empty() { Ok(None) } else { parse(value).map(Some) }
}

struct Record<'a> {
    keyword: &'a [u8],
    value: &'a [u8],
}

/// The first record, and what follows it.
fn split_record(bytes: &[u8]) -> Result<(Record<'_>, &[u8]), &'static str> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (length, after) = bytes.split_at(digits);
    let length = number::decimal(length).map_err(|_| "its extended header has a record without a length")?;
    let Some(after) = after.strip_prefix(b" ") else {
        return Err("its extended header has a record without a space after the length");
    };
    let body = usize::try_from(length).ok().and_then(|length| length.checked_sub(digits.saturating_add(1)));
    let Some((record, rest)) = body.and_then(|body| after.split_at_checked(body)) else {
        return Err("its extended header has a record of a wrong length");
    };
    let Some(record) = record.strip_suffix(b"\n") else {
        return Err("its extended header has a record that does not end in a newline");
    };
    let mut parts = record.splitn(2, |byte| *byte == b'=');
    match (parts.next().unwrap_or_default(), parts.next()) {
        (_, None) => Err("its extended header has a record without an equals sign"),
        (b"", Some(_)) => Err("its extended header has a record without a keyword"),
        (keyword, Some(value)) => Ok((Record { keyword, value }, rest)),
    }
}

#[cfg(test)]
mod tests;
