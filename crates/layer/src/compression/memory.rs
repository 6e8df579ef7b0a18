//! How much memory a decoder will take, told before it is set up.

use super::Compression;

impl Compression {
    /// How many bytes [`memory`](Self::memory) looks at, at most.
    pub const HEAD: usize = 18;

    /// About how many bytes of memory the decoder of an input with this head takes: a guide for who runs several at once.
    /// A later frame may ask for more, up to the [`Limits`](super::Limits).
    ///
    /// The window of a zstd frame stands in its header (RFC 8878, section 3.1.1.1.2); the dictionary of an xz stream,
    /// which may be of several filters, is taken to be that of `xz -9`.
    #[must_use]
    pub fn memory(self, head: &[u8]) -> u64 {
        match self {
            Self::None => 0,
            Self::Gzip => 96 << 10,
            Self::Zstd => zstd_window(head).unwrap_or(8 << 20).saturating_add(256 << 10),
            Self::Bzip2 => 4 << 20,
            Self::Xz => 65 << 20,
        }
    }
}

/// The window of the frame that begins here; `None` where none does, as where a skippable one comes first.
fn zstd_window(head: &[u8]) -> Option<u64> {
    let (&[0x28, 0xb5, 0x2f, 0xfd, descriptor], rest) = head.split_first_chunk()? else { return None };
    let is_single = descriptor & 0x20 != 0;
    if !is_single {
        let window = *rest.first()?;
        // 3.1.1.1.2: a power of two and some eighths of it, at most 15 << 38.
        return Some(u64::from(8 | window & 7) << (window >> 3) << 7);
    }
    // The whole content is the window; its size stands behind the number of a dictionary.
    let dictionary = *[0_usize, 1, 2, 4].get(usize::from(descriptor & 3))?;
    let len = *[1, 2, 4, 8].get(usize::from(descriptor >> 6))?;
    let mut size = [0; 8];
    size.get_mut(..len)?.copy_from_slice(rest.get(dictionary..dictionary.saturating_add(len))?);
    let size = u64::from_le_bytes(size);
    // Two bytes count from 256 on (section 3.1.1.1.4).
    Some(if len == 2 { size.saturating_add(256) } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_stands_in_the_frames_header() {
        let check = |head: &[u8], expect: Option<u64>| assert_eq!(zstd_window(head), expect, "{head:02x?}");
        check(&[], None);
        check(&[0x28, 0xb5, 0x2f, 0xfd], None);
        check(&[0x50, 0x2a, 0x4d, 0x18, 0, 0], None);
        // Examples of RFC 8878: exponent 0 is 1 KiB, the largest 3.75 TiB.
        check(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x00], Some(1 << 10));
        check(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff], Some(15 << 38));
        check(&[0x28, 0xb5, 0x2f, 0xfd, 0x20, 7], Some(7));
        check(&[0x28, 0xb5, 0x2f, 0xfd, 0x60, 1, 0], Some(257));
        check(&[0x28, 0xb5, 0x2f, 0xfd, 0xa1, 9, 0, 0, 1, 0], Some(1 << 16));
        check(&[0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 1, 0, 0, 0], Some(1 << 32));
    }

    /// What the reference implementation writes for a level says the window of that level.
    #[test]
    fn zstd_itself_says_so() {
        let check = |level, window| {
            let mut encoder = zstd::Encoder::new(Vec::new(), level).unwrap();
            std::io::copy(&mut std::io::Read::take(std::io::repeat(7), 64 << 20), &mut encoder).unwrap();
            let frame = encoder.finish().unwrap();
            assert_eq!(zstd_window(&frame), Some(window), "level {level}");
        };
        check(3, 2 << 20);
        check(19, 8 << 20);
    }
}
