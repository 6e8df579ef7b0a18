//! Whether a program needs another to be loaded.

use crate::Outcome;
use std::fs;
use std::path::Path;

/// Program header: the path of the loader that maps the libraries (elf(5)).
const PT_INTERP: u32 = 3;

/// An error where the program asks for a loader.
pub(super) fn is_static(path: &Path) -> Outcome {
    let elf = fs::read(path).map_err(|why| format!("reading {}: {why}", path.display()))?;
    match asks_for_loader(&elf) {
        Some(false) => Ok(()),
        Some(true) => Err(format!("{} is linked dynamically", path.display())),
        None => Err(format!("{} is no program of 64 bits", path.display())),
    }
}

/// None: no ELF file of 64 bits, little-endian.
fn asks_for_loader(elf: &[u8]) -> Option<bool> {
    elf.strip_prefix(b"\x7fELF\x02\x01")?;
    let field = |at: usize, len: usize| {
        let bytes = elf.get(at..at.checked_add(len)?)?;
        Some(bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)))
    };
    let (start, size, count) = (field(0x20, 8)?, field(0x36, 2)?, field(0x38, 2)?);
    for n in 0..count {
        let at = usize::try_from(start.checked_add(n.checked_mul(size)?)?).ok()?;
        if field(at, 4)? == u64::from(PT_INTERP) {
            return Some(true);
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_loader_is_seen() {
        // This very test is linked dynamically.
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(super::asks_for_loader(&own), Some(true));
        assert_eq!(super::asks_for_loader(b"#!/bin/sh\n"), None);
        assert_eq!(super::asks_for_loader(&own[..70]), None, "cut off");
    }
}
