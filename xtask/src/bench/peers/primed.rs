//! Free memory that is there, and not only promised.
//!
//! A virtual machine gives free memory back to its host, and has to ask for it again page by page: whoever writes next pays,
//! up to ten times the time. It gives back whole blocks of pages only; so one page in each is kept.

/// How much is kept at hand: the archive in memory, what either side writes, and room.
const BYTES: usize = 8 << 30;
/// What Linux gives back is at least as large (free page reporting, `pageblock_order`); the kept page stands in its middle.
const BLOCK: usize = 1 << 20;
const PAGE: usize = 4096;

/// Pages that keep the memory around them from being given back; free again when dropped.
#[derive(Debug)]
pub(super) struct Primed(#[expect(dead_code, reason = "held for its pages")] Vec<Vec<u8>>);

impl Primed {
    pub(super) fn new() -> Self {
        let (mut kept, mut around) = (Vec::new(), Vec::new());
        for _ in 0..BYTES / BLOCK {
            // Filled with ones: zeros would cost nothing, and be nothing.
            around.push(vec![1_u8; BLOCK - 2 * PAGE]);
            kept.push(vec![1_u8; 2 * PAGE]);
        }
        drop(around);
        Self(kept)
    }
}
