//! Sparse maps: which stretches of a file are stored (GNU tar manual, "Storing Sparse Files").
//!
//! There are four spellings: in the header block itself and blocks after it (old GNU, letter `S`), as pairs of records
//! (PAX 0.0), as one record (0.1), and as text before the data (1.0).

use crate::block::BLOCK;
use crate::number;
use crate::{Limits, Segment};

/// Why a map cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MapError {
    Malformed(&'static str),
    Segments(u64),
    Size(u64),
}

/// The records `GNU.sparse.*` of an extended header.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SparseRecords {
    major: Option<u64>,
    minor: Option<u64>,
    name: Option<Vec<u8>>,
    size: Option<u64>,
    real_size: Option<u64>,
    blocks: Option<u64>,
    /// 0.1: `map`.
    map: Option<Vec<u64>>,
    /// 0.0: `offset` and `numbytes` in turn.
    pairs: Vec<u64>,
}

/// Where the map of a sparse file is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum MapPlace {
    /// Here: offsets and lengths in turn.
    Records(Vec<u64>),
    /// In the first blocks of the data.
    Data,
}

impl SparseRecords {
    pub(crate) fn set(&mut self, keyword: &[u8], value: &[u8]) -> number::Result<()> {
        match keyword {
            b"major" => self.major = Some(number::decimal(value)?),
            b"minor" => self.minor = Some(number::decimal(value)?),
            b"size" => self.size = Some(number::decimal(value)?),
            b"realsize" => self.real_size = Some(number::decimal(value)?),
            b"numblocks" => self.blocks = Some(number::decimal(value)?),
            b"name" if value.is_empty() || value.contains(&0) => return Err("is no name"),
            b"name" => self.name = Some(value.to_vec()),
            b"map" if value.is_empty() => self.map = Some(Vec::new()),
            b"map" => {
                let numbers = value.split(|byte| *byte == b',').map(number::decimal);
                self.map = Some(numbers.collect::<number::Result<_>>()?);
            }
            b"offset" if self.pairs.len().is_multiple_of(2) => self.pairs.push(number::decimal(value)?),
            b"numbytes" if !self.pairs.len().is_multiple_of(2) => self.pairs.push(number::decimal(value)?),
            b"offset" | b"numbytes" => return Err("stands out of turn"),
            _ => {}
        }
        Ok(())
    }

    /// Whether there is any such record.
    pub(crate) fn any(&self) -> bool {
        *self != Self::default()
    }

    /// The real name of the file; `path` then holds a made-up one.
    pub(crate) fn name(&self) -> Option<Vec<u8>> {
        self.name.clone()
    }

    /// The size with holes, and where the map is.
    pub(crate) fn resolve(&mut self) -> number::Result<(u64, MapPlace)> {
        let real = self.size.or(self.real_size).ok_or("its sparse map comes without the file's size")?;
        match (self.major, self.minor) {
            (Some(1), Some(0)) => Ok((real, MapPlace::Data)),
            (Some(0), Some(0 | 1)) | (None, None) => Ok((real, MapPlace::Records(self.take_numbers()?))),
            _ => Err("its sparse map is of an unknown version"),
        }
    }

    fn take_numbers(&mut self) -> number::Result<Vec<u64>> {
        let pairs = std::mem::take(&mut self.pairs);
        let numbers = match self.map.take() {
            Some(_) if !pairs.is_empty() => return Err("its sparse map is given twice"),
            Some(map) => map,
            None => pairs,
        };
        let blocks = self.blocks.ok_or("its sparse map comes without a count")?;
        if u64::try_from(numbers.len()).ok() != blocks.checked_mul(2) {
            return Err("its sparse map has another count than it says");
        }
        Ok(numbers)
    }
}

/// Checks a map against the file's size and against the bytes stored: in order, no overlap, nothing outside, nothing
/// left over. Segments of no bytes, with which GNU tar marks the end, are dropped.
pub(crate) fn segments(
    numbers: &[u64],
    real: u64,
    stored: u64,
    limits: &Limits,
) -> Result<Vec<Segment>, MapError> {
    if real > limits.sparse_size {
        return Err(MapError::Size(real));
    }
    if numbers.len() / 2 > limits.segments {
        return Err(MapError::Segments(u64::try_from(numbers.len() / 2).unwrap_or(u64::MAX)));
    }
    let mut segments = Vec::new();
    let (mut end, mut sum) = (0_u64, 0_u64);
    for pair in numbers.chunks(2) {
        let [offset, len] = *pair else { return Err(MapError::Malformed("its sparse map is cut short")) };
        if offset < end {
            return Err(MapError::Malformed("its sparse map overlaps itself or is out of order"));
        }
        end = offset.checked_add(len).ok_or(MapError::Malformed("its sparse map runs past 64 bits"))?;
        if end > real {
            return Err(MapError::Malformed("its sparse map runs past the end of the file"));
        }
        // Without overlaps the sum is at most `end`.
        sum = sum.saturating_add(len);
        if len > 0 {
            segments.push(Segment { offset, len });
        }
    }
    if sum != stored {
        return Err(MapError::Malformed("its sparse map covers another number of bytes than are stored"));
    }
    Ok(segments)
}

/// The map of an old GNU sparse file: four descriptors in the header, 21 in each block after it.
#[derive(Debug, Default)]
pub(crate) struct OldMap {
    pub(crate) numbers: Vec<u64>,
}

impl OldMap {
    /// Takes the descriptors of the header block; true: a continuation block follows.
    pub(crate) fn header(&mut self, block: &[u8; BLOCK]) -> number::Result<bool> {
        self.descriptors(&block[386..482], block[482] != 0)
    }

    /// Takes a continuation block; true: another follows.
    pub(crate) fn continuation(&mut self, block: &[u8; BLOCK]) -> number::Result<bool> {
        self.descriptors(&block[..504], block[504] != 0)
    }

    fn descriptors(&mut self, bytes: &[u8], more: bool) -> number::Result<bool> {
        for descriptor in bytes.chunks_exact(24) {
            let (offset, len) = descriptor.split_at(12);
            match (offset.first(), len.first()) {
                // GNU tar looks at the second of the two fields, Go at the first: where they differ, so would the map.
                (Some(0), Some(0)) if more => return Err("its sparse map goes on after its end"),
                (Some(0), Some(0)) => return Ok(false),
                (Some(0), _) | (_, Some(0)) => return Err("its sparse map has half a segment"),
                _ => {}
            }
            for field in [offset, len] {
                let number = number::unsigned_field(field).map_err(|_| "its sparse map holds no number")?;
                self.numbers.push(number);
            }
        }
        Ok(more)
    }
}

/// The map that stands before the data (1.0): a count, then offsets and lengths, a decimal number a line, filled up to
/// whole blocks.
#[derive(Debug, Default)]
pub(crate) struct TextMap {
    count: Option<u64>,
    pub(crate) numbers: Vec<u64>,
    digits: Vec<u8>,
}

impl TextMap {
    /// Takes a block; true: the map is complete.
    pub(crate) fn push(&mut self, block: &[u8; BLOCK], limits: &Limits) -> Result<bool, MapError> {
        for byte in block {
            if *byte != b'\n' {
                // The longest number has 19 digits; a longer line need not be kept to be refused.
                if self.digits.len() < 32 {
                    self.digits.push(*byte);
                }
                continue;
            }
            let number = number::decimal(&self.digits)
                .map_err(|_| MapError::Malformed("its sparse map holds no number"))?;
            self.digits.clear();
            match self.count {
                Some(_) => self.numbers.push(number),
                None if usize::try_from(number).is_ok_and(|count| count <= limits.segments) => {
                    self.count = Some(number);
                }
                None => return Err(MapError::Segments(number)),
            }
            if self.is_complete() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_complete(&self) -> bool {
        self.count
            .and_then(|count| count.checked_mul(2))
            .is_some_and(|wanted| u64::try_from(self.numbers.len()).is_ok_and(|have| have >= wanted))
    }
}

#[cfg(test)]
mod tests;
