//! Sorted entries of several directories as one sorted list.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use ply_tree::{Entries, NodeId, TreeError};

use crate::{Origin, OverlayError};

/// The names in several directories, each once, in order, and where each is found.
pub(crate) struct Join<'a> {
    /// The next name of each directory that has one left.
    heads: BinaryHeap<Head<'a>>,
    parts: Vec<Part<'a>>,
}

struct Part<'a> {
    layer: usize,
    rest: Entries<'a>,
}

struct Head<'a> {
    /// The first bytes of the name as a number, which is mostly enough to tell names apart, without going to the memory
    /// where they lie.
    beginning: u64,
    name: Cow<'a, [u8]>,
    /// Which of the parts; a smaller one lies further up.
    part: usize,
    id: NodeId,
}

/// The heap gives the greatest first: of the smallest name, the one furthest up.
impl Ord for Head<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let beginnings = other.beginning.cmp(&self.beginning);
        beginnings.then_with(|| other.name.cmp(&self.name)).then_with(|| other.part.cmp(&self.part))
    }
}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head<'_> {}

impl<'a> Join<'a> {
    /// Directories from the top down, each with its layer and its entries.
    pub(crate) fn new(
        directories: impl Iterator<Item = Result<(usize, Entries<'a>), OverlayError>>,
    ) -> Result<Self, OverlayError> {
        let mut join = Self { heads: BinaryHeap::new(), parts: Vec::new() };
        for directory in directories {
            let (layer, mut rest) = directory?;
            if let Some(entry) = rest.next() {
                let (name, id) = entry.map_err(|source| OverlayError::Layer { layer, source })?;
                join.heads.push(Head { beginning: beginning(&name), name, part: join.parts.len(), id });
            }
            join.parts.push(Part { layer, rest });
        }
        Ok(join)
    }

    /// The next name; `versions` becomes all that bear it, from the top down.
    pub(crate) fn next(&mut self, versions: &mut Vec<Origin>) -> Result<Option<Cow<'a, [u8]>>, OverlayError> {
        versions.clear();
        let Some(name) = self.pop(versions)? else { return Ok(None) };
        while self.heads.peek().is_some_and(|head| head.name == name) {
            self.pop(versions)?;
        }
        Ok(Some(name))
    }

    fn pop(&mut self, versions: &mut Vec<Origin>) -> Result<Option<Cow<'a, [u8]>>, OverlayError> {
        let Some(mut head) = self.heads.peek_mut() else { return Ok(None) };
        let Some(part) = self.parts.get_mut(head.part) else { return Ok(None) };
        versions.push(Origin { layer: part.layer, id: head.id });
        // The next entry takes the place of this one: half the sifting of a pop and a push.
        match part.rest.next().transpose() {
            Ok(Some((name, id))) => {
                head.id = id;
                head.beginning = beginning(&name);
                Ok(Some(std::mem::replace(&mut head.name, name)))
            }
            Ok(None) => Ok(Some(PeekMut::pop(head).name)),
            Err(source) => Err(layer_error(part.layer, source)),
        }
    }
}

/// Names compare as these do, unless these are equal.
fn beginning(name: &[u8]) -> u64 {
    match name.first_chunk() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => name.iter().rev().fold(0, |number, byte| (number >> 8) | (u64::from(*byte) << 56)),
    }
}

fn layer_error(layer: usize, source: TreeError) -> OverlayError {
    OverlayError::Layer { layer, source }
}
