//! A member from its header block and the extended headers before it: which of them holds where they differ.

use crate::block::{BLOCK, Header};
use crate::pax::Records;
use crate::sparse::{MapError, MapPlace, OldMap};
use crate::{Entry, Kind, Limits, TarError, Time};

/// Names that GNU `L` and `K` headers gave.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) link: Option<Vec<u8>>,
}

/// A member whose sparse map may still be missing.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) entry: Entry,
    /// Offset of its last header block, for errors.
    pub(crate) at: u64,
    /// A volume label or a directory dump: to be passed over.
    pub(crate) is_aside: bool,
}

/// The sparse map of a draft, as far as it is known.
#[derive(Debug)]
pub(crate) enum Map {
    None,
    Whole(Vec<u64>),
    /// More of it follows in continuation blocks.
    Old(OldMap),
    /// It stands before the data.
    Text,
}

impl Draft {
    /// A PAX record holds over the header block: `size` too, and also where it says 0. The name of a PAX sparse file
    /// holds over every other.
    pub(crate) fn new(
        block: &[u8; BLOCK],
        header: Header<'_>,
        at: u64,
        names: Names,
        mut records: Records,
    ) -> Result<(Self, Map), TarError> {
        let path =
            one_of(names.path, records.path.take()).map_err(|why| TarError::malformed(at, b"", why))?;
        let path = records.sparse.name().or(path).unwrap_or_else(|| header.name());
        let bad = |why: &'static str| TarError::malformed(at, &path, why);
        let told = |why: String| TarError::malformed(at, &path, why);

        let is_aside = matches!(header.typeflag(), b'V' | b'D');
        if path.is_empty() && !is_aside {
            return Err(bad("a member without a name"));
        }
        let kind = match header.typeflag() {
            0 if path.ends_with(b"/") => Kind::Directory,
            _ => header.kind(),
        };
        let link = one_of(names.link, records.link.take()).map_err(bad)?;
        let link = link.unwrap_or_else(|| header.link().to_vec());
        if link.is_empty() && matches!(kind, Kind::HardLink | Kind::Symlink) {
            return Err(bad("a link without a target"));
        }
        // Read even where PAX or the kind makes it void: junk in it is junk.
        let declared = header.size().map_err(told)?;
        let stored = if kind.has_content() { records.size.unwrap_or(declared) } else { 0 };
        let (size, map) = sparse_map(block, header, kind, stored, &mut records).map_err(told)?;
        let entry = Entry {
            kind,
            mode: header.mode().map_err(told)? & 0o7777,
            uid: records.uid.map_or_else(|| header.uid(), Ok).map_err(told)?,
            gid: records.gid.map_or_else(|| header.gid(), Ok).map_err(told)?,
            user: records.user.take().unwrap_or_else(|| header.user().to_vec()),
            group: records.group.take().unwrap_or_else(|| header.group().to_vec()),
            size,
            mtime: records.mtime.map_or_else(|| header.mtime().map(Time::from_seconds), Ok).map_err(told)?,
            link,
            device: match kind {
                Kind::CharDevice | Kind::BlockDevice => Some(header.device().map_err(told)?),
                Kind::File | Kind::HardLink | Kind::Symlink | Kind::Directory | Kind::Fifo => None,
            },
            xattrs: records.take_xattrs(),
            sparse: None,
            header_offset: at,
            data_offset: at,
            stored,
            path,
        };
        Ok((Self { entry, at, is_aside }, map))
    }

    /// Refuses names over the limit.
    pub(crate) fn check_names(&self, limits: &Limits) -> Result<(), TarError> {
        for (what, name) in
            [("its path's length", &self.entry.path), ("its target's length", &self.entry.link)]
        {
            if name.len() > limits.path {
                return Err(self.over(what, name.len() as u64, limits.path as u64));
            }
        }
        Ok(())
    }

    pub(crate) fn malformed(&self, why: &str) -> TarError {
        TarError::malformed(self.at, &self.entry.path, why)
    }

    pub(crate) fn bad_map(&self, error: MapError, limits: &Limits) -> TarError {
        match error {
            MapError::Malformed(why) => self.malformed(why),
            MapError::Segments(asked) => self.over("its number of segments", asked, limits.segments as u64),
            MapError::Size(asked) => self.over("its size with holes", asked, limits.sparse_size),
        }
    }

    pub(crate) fn over(&self, what: &'static str, asked: u64, limit: u64) -> TarError {
        let member = crate::error::printable(&self.entry.path);
        TarError::Limit { offset: self.at, member, what, asked, limit }
    }
}

/// The name that GNU and PAX headers give. Where they differ, Go takes the one and GNU tar the other.
fn one_of(gnu: Option<Vec<u8>>, pax: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, &'static str> {
    match (gnu, pax) {
        (Some(gnu), Some(pax)) if gnu != pax => Err("its GNU and PAX headers give it different names"),
        (gnu, pax) => Ok(gnu.or(pax)),
    }
}

/// The size as a user sees it, and the map.
fn sparse_map(
    block: &[u8; BLOCK],
    header: Header<'_>,
    kind: Kind,
    stored: u64,
    records: &mut Records,
) -> Result<(u64, Map), String> {
    let old = header.typeflag() == b'S';
    let pax = records.sparse.any();
    match (old, pax) {
        (false, false) => Ok((stored, Map::None)),
        (true, true) => Err("its sparse map is given twice".to_owned()),
        (true, false) if !header.is_gnu() => Err("a GNU sparse file without a GNU header".to_owned()),
        (true, false) => {
            let real = header.real_size()?;
            let mut map = OldMap::default();
            let more = map.header(block)?;
            Ok((real, if more { Map::Old(map) } else { Map::Whole(map.numbers) }))
        }
        (false, true) if !kind.has_content() => Err("a sparse map, but no file".to_owned()),
        (false, true) => match records.sparse.resolve()? {
            (real, MapPlace::Data) => Ok((real, Map::Text)),
            (real, MapPlace::Records(numbers)) => Ok((real, Map::Whole(numbers))),
        },
    }
}
