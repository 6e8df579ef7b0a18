//! Whether two files have the same bytes.

use std::io::{self, Read};

use crate::transfer::BLOCK;

/// Room for a block of each file.
pub(super) struct Blocks([Vec<u8>; 2]);

impl Default for Blocks {
    fn default() -> Self {
        Self([vec![0; BLOCK], vec![0; BLOCK]])
    }
}

/// Whether two readers give the same bytes; reads no further than the block that tells.
pub(super) fn same_bytes(a: &mut dyn Read, b: &mut dyn Read, blocks: &mut Blocks) -> io::Result<bool> {
    let Blocks([of_a, of_b]) = blocks;
    loop {
        let (n, m) = (fill(a, of_a)?, fill(b, of_b)?);
        if of_a.get(..n) != of_b.get(..m) {
            return Ok(false);
        }
        if n < of_a.len() {
            return Ok(true);
        }
    }
}

/// Reads until the buffer is full or nothing is left.
fn fill(from: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(n) => filled = filled.saturating_add(n),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time, as a file in many stretches does.
    struct Few<'a>(&'a [u8], usize);

    impl Read for Few<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(buffer.len());
            self.0.read(&mut buffer[..n])
        }
    }

    #[test]
    fn bytes_are_compared_block_by_block() {
        let check = |a: &[u8], b: &[u8], expect: bool| {
            for few in [1, 1000, BLOCK + 1] {
                let same = |a: &mut dyn Read, b: &mut dyn Read| same_bytes(a, b, &mut Blocks::default());
                let (mut left, mut right) = (b, b);
                let told = (same(&mut Few(a, few), &mut right), same(&mut left, &mut Few(a, few)));
                assert_eq!(
                    (told.0.unwrap(), told.1.unwrap()),
                    (expect, expect),
                    "{} {} {few}",
                    a.len(),
                    b.len()
                );
            }
        };
        let long = vec![7; 2 * BLOCK];
        let mut other = long.clone();
        other[2 * BLOCK - 1] = 8;
        check(b"", b"", true);
        check(b"a", b"", false);
        check(b"abc", b"abc", true);
        check(b"abc", b"abd", false);
        check(&long, &long, true);
        check(&long, &other, false);
        check(&long, &long[..BLOCK], false);
        check(&long, &long[1..], false);
    }
}
