//! `commit`: a container as an image.

use ply_image::{Draft, History, Image, Timestamp};
use ply_layer::changeset::{Options as Tar, write};
use ply_reference::Reference;
use ply_store::Container;
use ply_tree::{Tree, TreeView};

use super::below;
use crate::files::{Files, Need};
use crate::measure::content;
use crate::new_image::{Made, NewImage};
use crate::watch::TaskProgress;
use crate::{Change, Engine, Error};

/// What to make of a container.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The names of the image; without one it is kept by its ID.
    pub names: Vec<Reference>,
    /// How it is run, where that is to change.
    pub changes: Vec<Change>,
    /// What is said of it.
    pub message: String,
    /// Who made it; nobody, without, whoever made what is below.
    pub author: Option<String>,
    /// When it was made: the same files, options and time give the same ID.
    pub created: Timestamp,
}

impl Engine<'_> {
    /// Makes an image of a container: its own layer on top of those of its image, what the image said, and how it is run.
    /// The same files give the same layer, to the byte. A container in which nothing was changed gives no layer.
    ///
    /// # Errors
    /// A change cannot be made, a file has a name that means a deletion in a layer, or the store cannot be written. Then
    /// all is as before.
    pub fn commit(&self, container: &Container, options: &Commit) -> Result<Made, Error> {
        let new = NewImage::begin(self)?;
        let parent = new.parent_of(Image::read(&self.store, &container.manifest)?)?;
        let mut draft = Draft::of(&parent.config)?;
        draft.set_created(options.created)?;
        // As Docker has it: what is said stands in the last step alone, and nobody made this image but who commits.
        draft.set_comment("")?;
        draft.set_author(options.author.as_deref().unwrap_or_default())?;
        if !container.command.is_empty() {
            let set = draft.run_mut().set("Cmd", &container.command);
            set.map_err(Error::within("the command of the container"))?;
        }
        // As Docker has it: the command of the container, before a change to it.
        let command: Option<Vec<String>> =
            draft.run().get("Cmd").map_err(Error::within("the command of the container"))?;
        Change::apply(&options.changes, &mut draft)?;

        let files = self.files_of_container(Need::Headers, container, self.read_container(container)?)?;
        let step = History {
            created: Some(options.created.to_string()),
            author: options.author.clone().unwrap_or_default(),
            created_by: command.unwrap_or_default().join(" "),
            comment: options.message.clone(),
            empty_layer: false,
        };
        let mut layers = parent.layers;
        let how = Tar { root: root_is_changed(&files)? };
        let is_changed = |tree: &&Tree| how.root || tree.children(Tree::ROOT).next().is_some();
        match files.own().filter(is_changed) {
            None => draft.push_empty(&step)?,
            Some(tree) => {
                let progress = TaskProgress::alone(self.watch, &container.name, Some(content(tree)));
                let layer = new.layer(&progress, |out| {
                    let written = write(tree, &files, out, how).map_err(files.failed())?;
                    written.warnings.iter().for_each(|warning| self.watch.note(&warning.to_string()));
                    Ok(())
                })?;
                draft.push_layer(layer.diff_id, &step)?;
                layers.push(layer.blob);
            }
        }
        new.publish(&draft.finish()?, &layers, &options.names)
    }
}

/// Whether the root is another one than below: every layer of a container has one, and most say nothing by it.
fn root_is_changed(files: &Files) -> Result<bool, Error> {
    let below = below(files)?;
    let before = below.node(below.root()).map_err(files.failed())?;
    let own = files.own().and_then(|tree| tree.get(Tree::ROOT));
    Ok(own.is_some_and(|own| own.metadata != before.metadata || own.kind != before.kind))
}
