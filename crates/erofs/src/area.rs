//! Where inodes stand in the metadata.

use std::collections::VecDeque;

use crate::fields::pad;
use crate::superblock::{BLOCK_LEN, UNIT};

/// Most inodes that wait for a block with room: it bounds what is looked at again, and what is left empty.
const WAITING: usize = 64;

/// Where an inode may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// Where there is room.
    Anywhere,
    /// After the one before that is not [`Anywhere`](Self::Anywhere).
    InOrder,
    /// The same, and in one block, which it must fit into.
    InOneBlock,
}

/// The metadata, as it grows. Data behind an inode may not cross the end of a block, so what has such data and does not
/// fit waits for the next block, and what has none fills the gap.
#[derive(Default)]
pub(crate) struct Area {
    pub(crate) bytes: Vec<u8>,
    /// Where each inode stands.
    pub(crate) places: Vec<usize>,
    waiting: VecDeque<(usize, Vec<u8>, Room)>,
}

impl Area {
    /// Takes an inode with all that stands behind it.
    pub(crate) fn push(&mut self, inode: Vec<u8>, room: Room) {
        let number = self.places.len();
        self.places.push(0);
        if room == Room::Anywhere {
            self.put(number, &inode);
        } else {
            self.waiting.push_back((number, inode, room));
            if self.waiting.len() > WAITING {
                self.next_block();
            }
        }
        self.settle();
    }

    /// Places all that still waits.
    pub(crate) fn finish(&mut self) {
        while !self.waiting.is_empty() {
            self.next_block();
            self.settle();
        }
        self.next_block();
    }

    fn settle(&mut self) {
        while let Some((number, inode, room)) = self.waiting.pop_front() {
            if room == Room::InOneBlock
                && (self.bytes.len() % BLOCK_LEN).saturating_add(inode.len()) > BLOCK_LEN
            {
                self.waiting.push_front((number, inode, room));
                break;
            }
            self.put(number, &inode);
        }
    }

    fn put(&mut self, number: usize, inode: &[u8]) {
        if let Some(place) = self.places.get_mut(number) {
            *place = self.bytes.len();
        }
        self.bytes.extend_from_slice(inode);
        pad(&mut self.bytes, UNIT);
    }

    fn next_block(&mut self) {
        pad(&mut self.bytes, BLOCK_LEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use Room::{Anywhere, InOneBlock, InOrder};

    fn area(inodes: &[(usize, Room)]) -> Area {
        let mut area = Area::default();
        for (size, room) in inodes {
            area.push(vec![1; *size], *room);
        }
        area.finish();
        area
    }

    #[test]
    fn gaps_are_filled() {
        let check = |inodes: &[(usize, Room)], expect: &[usize], len: usize| {
            let area = area(inodes);
            assert_eq!((area.places.as_slice(), area.bytes.len()), (expect, len));
        };
        check(&[], &[], 0);
        check(&[(64, Anywhere), (72, Anywhere), (70, InOneBlock)], &[0, 64, 160], 512);
        // The second would cross the end: it waits, the third goes before it.
        check(
            &[(420, Anywhere), (100, InOneBlock), (72, Anywhere), (72, Anywhere)],
            &[0, 544, 448, 672],
            1024,
        );
        // Those that are not anywhere keep their order.
        check(&[(420, InOneBlock), (100, InOneBlock), (64, InOneBlock)], &[0, 512, 640], 1024);
        check(&[(420, InOneBlock), (100, InOneBlock), (64, InOrder)], &[0, 512, 640], 1024);
        check(&[(420, InOneBlock), (700, InOrder), (64, InOneBlock)], &[0, 448, 1152], 1536);
    }

    #[test]
    fn nothing_waits_for_ever() {
        assert_eq!(area(&[(480, InOneBlock); 200]).bytes.len(), 200 * 512);
    }
}
