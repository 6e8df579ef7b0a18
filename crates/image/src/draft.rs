use ply_digest::Digest;
use serde::Serialize;

use crate::document::Readable;
use crate::{Config, DiffId, Document, DocumentError, History, Object, Platform, Timestamp};

/// An image config in the making: another one with a few values changed, or a fresh one.
///
/// Of a config that was there before, keys that nobody here knows stay, with their values as they were spelled.
/// What is written is read again by [`Document::parse`], so that it is as strict as what comes from outside.
#[derive(Debug, Clone)]
pub struct Draft {
    top: Object,
    run: Object,
    rootfs: Object,
    layers: Vec<DiffId>,
    history: Vec<Object>,
    /// What this was, for errors.
    was: Digest,
}

/// What Docker notes of the container it committed: another one than the next image comes from.
const OF_A_CONTAINER: [&str; 2] = ["container", "container_config"];

impl Draft {
    /// A config with nothing in it but its platform.
    ///
    /// # Errors
    /// None that can happen: text becomes JSON.
    pub fn fresh(platform: &Platform) -> Result<Self, DocumentError> {
        let mut draft = Self {
            top: Object::default(),
            run: Object::default(),
            rootfs: Object::default(),
            layers: Vec::new(),
            history: Vec::new(),
            was: Digest::of(b""),
        };
        let fields = [
            ("architecture", &platform.architecture),
            ("variant", &platform.variant),
            ("os", &platform.os),
            ("os.version", &platform.os_version),
        ];
        for (key, value) in fields {
            draft.write(|draft| draft.top.set_text(key, value))?;
        }
        draft.write(|draft| {
            draft.top.set("config", &draft.run)?;
            draft.rootfs.set("type", "layers")
        })?;
        Ok(draft)
    }

    /// A config that begins as another one.
    ///
    /// # Errors
    /// How to run the image, or a step of its history, is no object.
    pub fn of(config: &Document<Config>) -> Result<Self, DocumentError> {
        let shape = |source| DocumentError::Shape { what: Config::WHAT, digest: config.digest, source };
        let mut top: Object = serde_json::from_slice(&config.raw).map_err(shape)?;
        for key in OF_A_CONTAINER {
            top.remove(key);
        }
        Ok(Self {
            run: top.get("config").map_err(shape)?.unwrap_or_default(),
            rootfs: top.get("rootfs").map_err(shape)?.unwrap_or_default(),
            history: steps(&top).map_err(shape)?,
            top,
            layers: config.value.rootfs.diff_ids.clone(),
            was: config.digest,
        })
    }

    /// Says when the image was made.
    ///
    /// # Errors
    /// As [`set`](Object::set).
    pub fn set_created(&mut self, created: Timestamp) -> Result<(), DocumentError> {
        self.write(|draft| draft.top.set("created", &created.to_string()))
    }

    /// Says who made it; nobody, with empty text.
    ///
    /// # Errors
    /// As [`set`](Object::set).
    pub fn set_author(&mut self, author: &str) -> Result<(), DocumentError> {
        self.write(|draft| draft.top.set_text("author", author))
    }

    /// What the maker says of the last step; nothing, with empty text.
    ///
    /// # Errors
    /// As [`set`](Object::set).
    pub fn set_comment(&mut self, comment: &str) -> Result<(), DocumentError> {
        self.write(|draft| draft.top.set_text("comment", comment))
    }

    /// How to run the image: Env, Cmd, Entrypoint, Labels and the rest.
    #[must_use]
    pub const fn run(&self) -> &Object {
        &self.run
    }

    /// How to run the image, to be edited.
    pub const fn run_mut(&mut self) -> &mut Object {
        &mut self.run
    }

    /// The layers, from the bottom up.
    #[must_use]
    pub fn layers(&self) -> &[DiffId] {
        &self.layers
    }

    /// Puts a layer on top, and the step that made it. Layers below that no step speaks of get an empty one first, so
    /// that the step is taken for this layer's.
    ///
    /// # Errors
    /// As [`set`](Object::set).
    pub fn push_layer(&mut self, layer: DiffId, step: &History) -> Result<(), DocumentError> {
        self.write(|draft| {
            for _ in draft.steps_with_layer()?..draft.layers.len() {
                draft.history.push(Object::default());
            }
            draft.layers.push(layer);
            let step = History { empty_layer: false, ..step.clone() };
            draft.history.push(object(&step)?);
            Ok(())
        })
    }

    /// Adds a step that left the files alone.
    ///
    /// # Errors
    /// As [`set`](Object::set).
    pub fn push_empty(&mut self, step: &History) -> Result<(), DocumentError> {
        self.write(|draft| {
            let step = History { empty_layer: true, ..step.clone() };
            draft.history.push(object(&step)?);
            Ok(())
        })
    }

    /// Drops all layers but so many of the lowest. The steps that made the others stay, as steps without a layer.
    ///
    /// # Errors
    /// As [`set`](Object::set).
    pub fn drop_layers_above(&mut self, keep: usize) -> Result<(), DocumentError> {
        self.write(|draft| {
            draft.layers.truncate(keep);
            let mut below = 0_usize;
            for step in &mut draft.history {
                if has_layer(step)? {
                    below = below.saturating_add(1);
                    if below > keep {
                        step.set("empty_layer", &true)?;
                    }
                }
            }
            Ok(())
        })
    }

    /// The config, as bytes, and read again.
    ///
    /// # Errors
    /// It is too large, has too many layers, or an edit made of it what no reader should take.
    pub fn finish(mut self) -> Result<Document<Config>, DocumentError> {
        self.write(|draft| {
            if !draft.run.is_empty() || draft.top.keys().any(|key| key == "config") {
                draft.top.set("config", &draft.run)?;
            }
            draft.rootfs.set("diff_ids", &draft.layers)?;
            draft.top.set("rootfs", &draft.rootfs)?;
            draft.top.set("history", &draft.history)
        })?;
        let shape = |source| DocumentError::Shape { what: Config::WHAT, digest: self.was, source };
        Document::parse(serde_json::to_vec(&self.top).map_err(shape)?)
    }

    fn steps_with_layer(&self) -> Result<usize, serde_json::Error> {
        self.history
            .iter()
            .try_fold(0_usize, |count, step| Ok(count.saturating_add(usize::from(has_layer(step)?))))
    }

    fn write(
        &mut self,
        edit: impl FnOnce(&mut Self) -> Result<(), serde_json::Error>,
    ) -> Result<(), DocumentError> {
        let digest = self.was;
        edit(self).map_err(|source| DocumentError::Shape { what: Config::WHAT, digest, source })
    }
}

fn has_layer(step: &Object) -> Result<bool, serde_json::Error> {
    Ok(!step.get("empty_layer")?.unwrap_or(false))
}

/// The steps of the history; one that is null says nothing.
fn steps(top: &Object) -> Result<Vec<Object>, serde_json::Error> {
    let steps: Vec<Option<Object>> = top.get("history")?.unwrap_or_default();
    Ok(steps.into_iter().map(Option::unwrap_or_default).collect())
}

fn object(step: &impl Serialize) -> Result<Object, serde_json::Error> {
    serde_json::from_str(&serde_json::to_string(step)?)
}

#[cfg(test)]
mod tests;
