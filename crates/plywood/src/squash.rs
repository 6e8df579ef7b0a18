//! `squash`: the upper layers of an image as one.

use ply_image::{Draft, History, Platform, Timestamp};
use ply_layer::changeset::{Options as Tar, write};
use ply_overlay::{keep, merge};
use ply_reference::Reference;
use ply_tree::{Directory, Kind, Presence, Tree, path, walk};

use crate::files::{Files, LayerNumber, Need};
use crate::measure::content;
use crate::new_image::{Made, NewImage};
use crate::watch::TaskProgress;
use crate::{Engine, Error};

/// How to squash.
#[derive(Debug, Clone)]
pub struct Options {
    /// The lowest layers up to this one stay as they are: a number from 1, or the beginning of a DiffID or ChainID.
    /// Without it all layers become one.
    pub from: Option<String>,
    /// The names of the new image.
    pub names: Vec<Reference>,
    /// What is said of the step; without it, Docker's words.
    pub message: Option<String>,
    /// When the step was made: the same image, options and time give the same ID.
    pub created: Timestamp,
}

impl Options {
    /// The layer up to which all stay; none where all become one.
    fn base(&self) -> Option<&str> {
        self.from.as_deref().filter(|layer| *layer != "0")
    }
}

impl Engine<'_> {
    /// Makes an image with the same files and config of fewer layers. The same layers give the same bytes; the steps of
    /// the history stay, as steps without a layer. Where there is nothing to squash, it is the same image.
    ///
    /// # Errors
    /// There is no such image or layer, it is not loaded, or a layer is damaged. Then all is as before.
    pub fn squash(
        &self,
        wanted: &str,
        platform: Option<&Platform>,
        options: &Options,
    ) -> Result<Made, Error> {
        let new = NewImage::begin(self)?;
        let parent = new.parent(wanted, platform)?;
        // Of what stays, nothing but headers is read.
        let need = if options.base().is_none() { Need::Content } else { Need::Headers };
        let files = self.image_files(need, wanted, platform)?;
        if files.view.config.digest != parent.config.digest {
            let shown = crate::error::shown(wanted);
            return Err(Error::Conflict(format!("{shown} came to be another image meanwhile: try again")));
        }
        let stays = match options.base() {
            None => 0,
            Some(layer) => files.choose(layer)?.ordinal(),
        };
        let mut layers = parent.layers;
        if stays == layers.len() {
            return new.name(&parent.manifest, parent.config.digest, &options.names);
        }
        files.layers().iter().skip(stays).flat_map(|layer| &layer.warnings).for_each(|w| self.watch.note(w));

        let (tree, how) = one_layer(&files, stays)?;
        files.make_plain(self.threads(), stays..files.len())?;
        let layer = {
            let total = files.plain_len(stays)?.saturating_add(content(&tree));
            let progress = TaskProgress::alone(self.watch, &files.name(), Some(total));
            files.verify(stays, self.threads(), &progress)?;
            new.layer(&progress, |out| write(&tree, &files, out, how).map(drop).map_err(files.failed()))?
        };
        let step = History {
            created: Some(options.created.to_string()),
            comment: options.message.clone().unwrap_or_else(|| docker_says(&files, stays)),
            ..History::default()
        };
        let mut draft = Draft::of(&parent.config)?;
        draft.set_created(options.created)?;
        if let Some(message) = &options.message {
            draft.set_comment(message)?;
        }
        draft.drop_layers_above(stays)?;
        draft.push_layer(layer.diff_id, &step)?;
        layers.truncate(stays);
        layers.push(layer.blob);
        new.publish(&draft.finish()?, &layers, &options.names)
    }
}

/// As `docker build --squash` words it; what lies below has a ChainID here, since it need not be an image.
fn docker_says(files: &Files, stays: usize) -> String {
    let id = files.view.config.digest;
    match stays.checked_sub(1).and_then(|below| files.view.layers.get(below)) {
        Some(below) => format!("merge {id} to {}", below.chain_id),
        None => format!("create new from {id}"),
    }
}

/// The layers above the lowest few as one, and how it is written.
fn one_layer(files: &Files, stays: usize) -> Result<(Tree, Tar), Error> {
    let trees = files.trees(None);
    let upper = trees.get(stays..).unwrap_or_default();
    if stays > 0 {
        let mut tree = ply_overlay::squash(upper, keep).map_err(files.failed())?;
        drop_idle_marks(&mut tree, files, LayerNumber(stays.saturating_sub(1)))?;
        return Ok((tree, Tar::default()));
    }
    let tree = merge(upper, keep).map_err(files.failed())?.tree;
    // Merged, the root has attributes, whether any layer gave it some or not.
    let mut how = Tar { root: false };
    for layer in upper {
        let root = layer.node(layer.root()).map_err(files.failed())?;
        how.root |= matches!(root.kind, Kind::Directory(Directory { presence: Presence::Explicit, .. }));
    }
    Ok((tree, how))
}

/// Takes away whiteouts and opaque marks with nothing below them to hide: what came and went in these layers.
fn drop_idle_marks(tree: &mut Tree, files: &Files, below: LayerNumber) -> Result<(), Error> {
    let stack = files.stack(Some(below))?;
    let is_directory = |id| {
        let node = ply_tree::TreeView::node(&stack, id).map_err(files.failed())?;
        Ok::<_, Error>(node.is_directory())
    };
    let (mut whiteouts, mut opaque) = (Vec::new(), Vec::new());
    for step in walk(tree, Tree::ROOT).map_err(files.failed())? {
        let step = step.map_err(files.failed())?;
        match tree.get(step.id).map(|node| &node.kind) {
            Some(Kind::Whiteout) if files.by_name(&stack, &step.path)?.is_none() => {
                whiteouts.push(step.path);
            }
            Some(Kind::Directory(Directory { opaque: true, .. })) => {
                let hides = match files.by_name(&stack, &step.path)? {
                    Some(id) => is_directory(id)?,
                    None => false,
                };
                opaque.extend(Some(step.id).filter(|_| !hides));
            }
            _ => {}
        }
    }
    for whiteout in whiteouts {
        let Some((above, name)) = path::split(&whiteout) else { continue };
        let directory =
            path::components(above).try_fold(Tree::ROOT, |directory, name| tree.child(directory, name));
        if let Some(directory) = directory {
            tree.unlink(directory, name);
        }
    }
    for id in opaque {
        if let Some(Kind::Directory(directory)) = tree.get_mut(id).map(|node| &mut node.kind) {
            directory.opaque = false;
        }
    }
    Ok(())
}
