use std::path::{Path, PathBuf};

use ply_digest::Digest;

/// Where everything stands in a store.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) root: PathBuf,
}

impl Layout {
    pub(crate) fn oci_layout(&self) -> PathBuf {
        self.root.join("oci-layout")
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.root.join("index.json")
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }

    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs/sha256").join(digest.hex())
    }

    pub(crate) fn private(&self) -> PathBuf {
        self.root.join("ply")
    }

    pub(crate) fn version(&self) -> PathBuf {
        self.root.join("ply/version")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("ply/lock")
    }

    pub(crate) fn index_lock(&self) -> PathBuf {
        self.root.join("ply/index.lock")
    }

    pub(crate) fn reserve(&self) -> PathBuf {
        self.root.join("ply/reserve")
    }

    /// Where a file is written that takes the name of one that stands in the root or in the private folder.
    pub(crate) fn beside(&self, path: &Path) -> PathBuf {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        self.private().join(name)
    }

    pub(crate) fn catalog(&self) -> PathBuf {
        self.root.join("ply/catalog")
    }

    pub(crate) fn ingest(&self) -> PathBuf {
        self.root.join("ply/ingest")
    }

    pub(crate) fn layers(&self) -> PathBuf {
        self.root.join("ply/layers")
    }

    pub(crate) fn plain_tar(&self, layer: &ply_image::DiffId) -> PathBuf {
        self.layers().join(format!("{}.tar", layer.0.hex()))
    }

    pub(crate) fn containers(&self) -> PathBuf {
        self.root.join("ply/containers")
    }

    /// A link for each name, to the folder of the container that has it.
    pub(crate) fn container_names(&self) -> PathBuf {
        self.root.join("ply/container-names")
    }

    pub(crate) fn containers_lock(&self) -> PathBuf {
        self.root.join("ply/containers.lock")
    }

    pub(crate) fn layer_index(&self, of: &Digest) -> PathBuf {
        self.layers().join(format!("{}.erofs", of.hex()))
    }

    pub(crate) fn unions(&self) -> PathBuf {
        self.root.join("ply/unions")
    }

    pub(crate) fn union_index(&self, of: &Digest) -> PathBuf {
        self.unions().join(format!("{}.erofs", of.hex()))
    }

    pub(crate) fn sums(&self) -> PathBuf {
        self.root.join("ply/sums")
    }

    pub(crate) fn sums_of(&self, layer: &ply_image::DiffId) -> PathBuf {
        self.sums().join(format!("{}.sums", layer.0.hex()))
    }

    pub(crate) fn twins(&self) -> PathBuf {
        self.root.join("ply/twins")
    }

    pub(crate) fn twins_of(&self, layer: &ply_image::DiffId) -> PathBuf {
        self.twins().join(format!("{}.json", layer.0.hex()))
    }

    pub(crate) fn mounts(&self) -> PathBuf {
        self.root.join("ply/mounts")
    }

    pub(crate) fn mount(&self, id: u64) -> PathBuf {
        self.mounts().join(id.to_string())
    }

    pub(crate) fn damaged(&self) -> PathBuf {
        self.root.join("ply/damaged")
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }
}
