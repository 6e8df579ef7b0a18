//! From images to their family: a tree of layers, of which what no two images tell apart becomes one.

use std::collections::{HashMap, HashSet};

use ply_digest::Digest;
use ply_image::{ChainId, DiffId};
use ply_reference::Reference;

use super::{Born, Family, Relative};

/// Stacks of layers: each knows the layer on its top, and the stack below. The first is `scratch`.
#[derive(Debug)]
struct Trie {
    stacks: Vec<Stack>,
    by_layer: HashMap<(usize, DiffId), usize>,
}

#[derive(Debug, Default)]
struct Stack {
    below: usize,
    layer: Option<DiffId>,
    chain: Option<ChainId>,
    above: Vec<usize>,
    /// The images that are this stack.
    images: Vec<usize>,
    blobs: Vec<Digest>,
}

const SCRATCH: usize = 0;

impl Trie {
    fn new(born: &[Born]) -> Self {
        let mut trie = Self { stacks: vec![Stack::default()], by_layer: HashMap::new() };
        for (image, born) in born.iter().enumerate() {
            let mut at = SCRATCH;
            for (number, layer) in born.layers.iter().enumerate() {
                at = trie.step(at, *layer);
                let blobs = born.blobs.get(number).into_iter().flatten();
                if let Some(stack) = trie.stacks.get_mut(at) {
                    for blob in blobs {
                        if !stack.blobs.contains(blob) {
                            stack.blobs.push(*blob);
                        }
                    }
                }
            }
            if let Some(stack) = trie.stacks.get_mut(at) {
                stack.images.push(image);
            }
        }
        trie
    }

    fn step(&mut self, below: usize, layer: DiffId) -> usize {
        let next = self.stacks.len();
        let at = *self.by_layer.entry((below, layer)).or_insert(next);
        if at == next {
            let chain = self.stacks.get(below).and_then(|stack| stack.chain);
            let chain = Some(chain.map_or(ChainId::bottom(layer), |chain| chain.with(layer)));
            self.stacks.push(Stack { below, layer: Some(layer), chain, ..Stack::default() });
            if let Some(stack) = self.stacks.get_mut(below) {
                stack.above.push(at);
            }
        }
        at
    }

    /// From a stack down to `scratch`, that one left out.
    fn down(&self, from: usize) -> impl Iterator<Item = &Stack> {
        let at = |at: usize| self.stacks.get(at).filter(|_| at != SCRATCH);
        std::iter::successors(at(from), move |stack| at(stack.below))
    }

    /// For each stack what it is sorted by: the first name of all images above it; those without one come last, by ID.
    fn keys<'a>(&self, born: &'a [Born]) -> Vec<Option<Key<'a>>> {
        let mut keys: Vec<Option<Key<'a>>> = Vec::new();
        keys.resize(self.stacks.len(), None);
        // What lies above was made later.
        for (at, stack) in self.stacks.iter().enumerate().rev() {
            let own = stack.images.iter().filter_map(|image| born.get(*image)).map(key);
            let above = stack.above.iter().filter_map(|above| keys.get(*above).copied());
            let first = own.map(Some).chain(above).flatten().min();
            if let Some(key) = keys.get_mut(at) {
                *key = first;
            }
        }
        keys
    }
}

type Key<'a> = (bool, Option<&'a Reference>, Digest);

fn key(born: &Born) -> Key<'_> {
    let name = born.member.names.first();
    (name.is_none(), name, born.member.id)
}

/// Leaves these images and what they are built on.
pub(super) fn keep_line(born: &mut Vec<Born>, wanted: &HashSet<Digest>) {
    let trie = Trie::new(born);
    let mut kept = HashSet::new();
    for stack in &trie.stacks {
        let here = stack
            .images
            .iter()
            .filter(|image| born.get(**image).is_some_and(|b| wanted.contains(&b.member.id)));
        let here: Vec<usize> = here.copied().collect();
        if here.is_empty() {
            continue;
        }
        kept.extend(here);
        if stack.layer.is_some() {
            for below in trie.down(stack.below) {
                kept.extend(&below.images);
            }
        }
    }
    let mut at = 0..;
    born.retain(|_| at.next().is_some_and(|at| kept.contains(&at)));
}

/// What is to be drawn next: from a stack upwards, with the layers that lie between it and its parent.
struct Next {
    parent: Option<usize>,
    stack: usize,
    /// Only this image of the stack: what stands on the stack is not built on it alone.
    image: Option<usize>,
    layers: Vec<DiffId>,
    blobs: Vec<Digest>,
}

pub(super) fn family(
    born: &[Born],
    sizes: &HashMap<Digest, u64>,
    content: impl Fn(&DiffId) -> Option<u64>,
) -> Family {
    let trie = Trie::new(born);
    let keys = trie.keys(born);
    let mut family = Family { images: born.len(), ..Family::default() };
    let mut told = HashSet::new();
    let mut ahead = Vec::new();
    trie.above(SCRATCH, None, born, &keys, &mut ahead);
    while let Some(Next { parent, stack: at, image, layers, blobs }) = ahead.pop() {
        let Some(stack) = trie.stacks.get(at) else { continue };
        let is_one_of_several = image.is_some();
        let image = image.or_else(|| stack.images.first().copied().filter(|_| stack.images.len() == 1));
        let born_here = image.and_then(|image| born.get(image));
        let documents = born_here.map(|born| &born.documents);
        let mut own = 0_u64;
        for blob in blobs.iter().chain(documents.into_iter().flatten()) {
            if told.insert(*blob) {
                own = own.saturating_add(sizes.get(blob).copied().unwrap_or(0));
            }
        }
        let all: HashSet<&Digest> =
            trie.down(at).flat_map(|stack| &stack.blobs).chain(documents.into_iter().flatten()).collect();
        let all = all
            .into_iter()
            .filter_map(|blob| sizes.get(blob))
            .fold(0, |all: u64, size| all.saturating_add(*size));
        family.layers = family.layers.saturating_add(layers.len());
        family.on_disk = family.on_disk.saturating_add(own);
        if image.is_some() {
            family.without_sharing = family.without_sharing.saturating_add(all);
        }
        let number = family.relatives.len();
        family.relatives.push(Relative {
            parent,
            image: born_here.map(|born| born.member.clone()),
            chain_id: stack.chain,
            content: layers.iter().try_fold(0, |all: u64, layer| Some(all.saturating_add(content(layer)?))),
            layers,
            own,
            shared: all.saturating_sub(own),
        });
        if !is_one_of_several {
            trie.above(at, Some(number), born, &keys, &mut ahead);
        }
    }
    family
}

impl Trie {
    /// Puts what stands on a stack on the pile, the last to be drawn first.
    fn above(
        &self,
        at: usize,
        parent: Option<usize>,
        born: &[Born],
        keys: &[Option<Key<'_>>],
        ahead: &mut Vec<Next>,
    ) {
        let Some(stack) = self.stacks.get(at) else { return };
        let mut found: Vec<(Option<Key<'_>>, Next)> = Vec::new();
        if stack.images.len() > 1 || at == SCRATCH {
            found.extend(stack.images.iter().map(|image| {
                let next =
                    Next { parent, stack: at, image: Some(*image), layers: Vec::new(), blobs: Vec::new() };
                (born.get(*image).map(key), next)
            }));
        }
        for above in &stack.above {
            let (mut at, mut layers, mut blobs) = (*above, Vec::new(), Vec::new());
            while let Some(stack) = self.stacks.get(at) {
                layers.extend(stack.layer);
                blobs.extend(&stack.blobs);
                match *stack.above {
                    [only] if stack.images.is_empty() => at = only,
                    _ => break,
                }
            }
            let key = keys.get(*above).copied().flatten();
            found.push((key, Next { parent, stack: at, image: None, layers, blobs }));
        }
        found.sort_by(|(a, _), (b, _)| b.cmp(a));
        ahead.extend(found.into_iter().map(|(_, next)| next));
    }
}
