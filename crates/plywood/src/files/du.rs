//! `du`: what each layer adds, what it hides, and the largest files that nobody sees any more.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use ply_overlay::{Hidden, Origin, Removal, Usage, hidden, usage};
use ply_tree::{Kind, TreeView, walk};

use super::{Files, LayerNumber};
use crate::Error;

/// A file whose bytes are stored and not shown under any name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiddenFile {
    /// The path it had; of several, the one that went last.
    pub path: Vec<u8>,
    /// Bytes of content.
    pub size: u64,
    /// The layer that has it.
    pub added: LayerNumber,
    /// The layer that hid it, or its last name.
    pub hidden: LayerNumber,
    /// How.
    pub removal: Removal,
    /// Whether a newer version took its place.
    pub replaced: bool,
}

impl Files {
    /// Counts what each layer adds and hides, in bytes of file content.
    ///
    /// # Errors
    /// A layer is damaged.
    pub fn usage(&self) -> Result<Usage, Error> {
        usage(&self.trees(None)).map_err(self.failed())
    }

    /// The files that no name shows any more, the largest first, at most so many.
    ///
    /// # Errors
    /// A layer is damaged.
    pub fn largest_hidden(&self, most: usize) -> Result<Vec<HiddenFile>, Error> {
        let mut files: HashMap<Origin, HiddenFile> = HashMap::new();
        for entry in hidden(&self.trees(None)).map_err(self.failed())? {
            let entry = entry.map_err(self.failed())?;
            let origin = entry.origin;
            let Some(file) = hidden_file(entry) else { continue };
            match files.entry(origin) {
                Slot::Vacant(slot) => _ = slot.insert(file),
                Slot::Occupied(mut slot) if slot.get().hidden < file.hidden => _ = slot.insert(file),
                Slot::Occupied(_) => {}
            }
        }
        self.forget_shown(&mut files)?;
        let mut files: Vec<HiddenFile> = files.into_values().collect();
        files.sort_unstable_by(|a, b| (b.size, &a.path, a.added).cmp(&(a.size, &b.path, b.added)));
        files.truncate(most);
        Ok(files)
    }

    /// A file may have another name that shows, in its layer or by a link of a layer above.
    fn forget_shown(&self, files: &mut HashMap<Origin, HiddenFile>) -> Result<(), Error> {
        if files.is_empty() {
            return Ok(());
        }
        let stack = self.stack(None)?;
        let mut steps = walk(&stack, stack.root()).map_err(self.failed())?;
        while let Some(id) = steps.advance().map_err(self.failed())? {
            if let Some(origin) = stack.origin(id) {
                files.remove(&origin);
            }
        }
        Ok(())
    }
}

/// What is of interest here: a regular file with bytes.
fn hidden_file(entry: Hidden) -> Option<HiddenFile> {
    let Kind::File { size, .. } = entry.node.kind else { return None };
    (size > 0).then(|| HiddenFile {
        size,
        added: LayerNumber(entry.origin.layer),
        hidden: LayerNumber(entry.by),
        replaced: entry.is_shadowed(),
        path: entry.path,
        removal: entry.removal,
    })
}
