//! What is known of a container beside its record.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ply_image::{Config, Document};
use ply_store::Container;
use serde::Deserialize;

use crate::files::Upper;
use crate::measure::content;
use crate::select::nameless_view;
use crate::{Engine, Error, View};

/// A container, and what its image says of it.
#[derive(Debug, Clone)]
pub struct Looked {
    /// The record.
    pub container: Container,
    /// The config of its image.
    pub config: Config,
    /// What would be run: entrypoint and command.
    pub command: Vec<String>,
    /// The labels of its image.
    pub labels: BTreeMap<String, String>,
    /// Where what is written lies.
    pub upper: PathBuf,
    /// The folder beside it to work in.
    pub work: PathBuf,
}

/// How large a container is, in bytes of file content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// What was written in it.
    pub written: u64,
    /// Its image; `None` where that was never counted.
    pub image: Option<u64>,
}

/// As much of how an image is run as says what is run.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Run {
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
}

impl Engine<'_> {
    /// What is known of a container.
    ///
    /// # Errors
    /// The config of its image is missing or damaged.
    pub fn look(&self, container: Container) -> Result<Looked, Error> {
        let config = Document::<Config>::read(&self.store, &container.image_id)?.value;
        let run = config.config.as_ref().map_or("{}", |raw| raw.get());
        // What has another shape than Docker's is somebody else's affair.
        let run: Run = serde_json::from_str(run).unwrap_or_default();
        let cmd = match container.command.is_empty() {
            true => run.cmd.unwrap_or_default(),
            false => container.command.clone(),
        };
        let folder = self.store.container_folder(&container.id);
        Ok(Looked {
            command: [run.entrypoint.unwrap_or_default(), cmd].concat(),
            labels: config.labels(),
            upper: folder.upper(),
            work: folder.work(),
            config,
            container,
        })
    }

    /// How large a container is.
    ///
    /// # Errors
    /// Its layer or its image cannot be read.
    pub fn sizes(&self, container: &Container) -> Result<Sizes, Error> {
        let written = self.written(container)?;
        let image = ply_image::Image::read(&self.store, &container.manifest)?;
        Ok(Sizes { written, image: nameless_view(&self.store.catalog()?, image).size() })
    }

    /// Bytes of file content that were written in a container.
    pub(crate) fn written(&self, container: &Container) -> Result<u64, Error> {
        let upper = Upper::read(&self.store, container, 0, self.read_container(container)?)?;
        Ok(content(&upper.tree))
    }
}

impl Looked {
    /// Whether it was made from an image, or from one that is built on it.
    #[must_use]
    pub fn is_built_on(&self, image: &View) -> bool {
        let below: Vec<_> = image.layers.iter().map(|layer| layer.diff_id).collect();
        let is_same = image.config.digest == self.container.image_id;
        is_same || (!below.is_empty() && self.config.rootfs.diff_ids.starts_with(&below))
    }
}
