use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::document::{CONFIG_LIMIT, Readable, null_is_default};
use crate::json::{Keys, Shape};
use crate::{ChainId, DiffId, Platform, Timestamp, chain_ids};

/// An image config ([OCI image-spec, config]), with the fields Docker adds. Its digest is the image's ID.
///
/// [OCI image-spec, config]: https://github.com/opencontainers/image-spec/blob/main/config.md
#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "a config: an object with rootfs")]
pub struct Config {
    /// When the image was made, as spelled.
    #[serde(default)]
    pub created: Option<String>,
    /// Who made it.
    #[serde(default, deserialize_with = "null_is_default")]
    pub author: String,
    /// Processor.
    #[serde(default, deserialize_with = "null_is_default")]
    pub architecture: String,
    /// Processor variant.
    #[serde(default, deserialize_with = "null_is_default")]
    pub variant: String,
    /// Operating system.
    #[serde(default, deserialize_with = "null_is_default")]
    pub os: String,
    /// Windows build.
    #[serde(default, rename = "os.version", deserialize_with = "null_is_default")]
    pub os_version: String,
    /// What the maker said of the last step.
    #[serde(default, deserialize_with = "null_is_default")]
    pub comment: String,
    /// Version of the Docker that made it.
    #[serde(default, deserialize_with = "null_is_default")]
    pub docker_version: String,
    /// How to run it, as it stands: Env, Cmd, Entrypoint, Labels and the rest.
    #[serde(default)]
    pub config: Option<Box<RawValue>>,
    /// The layers, by the digests of their plain tars.
    pub rootfs: RootFs,
    /// What was done, from the bottom up.
    #[serde(default, deserialize_with = "null_is_default")]
    pub history: Vec<History>,
}

/// The layers of an image.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(expecting = "a rootfs: an object with type and diff_ids")]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// DiffIDs, from the bottom up.
    #[serde(default, deserialize_with = "null_is_default")]
    pub diff_ids: Vec<DiffId>,
}

/// One step in the making of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "a step of the history: an object")]
pub struct History {
    /// When, as spelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// By which command.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// What was said of it.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Whether the step left the files alone, so that no layer belongs to it.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

/// More layers than any engine mounts: a config that names more is refused.
const MAX_LAYERS: usize = 4096;
/// Steps in a history that are still believable.
const MAX_HISTORY: usize = 16_384;

impl Readable for Config {
    const WHAT: &'static str = "config";
    const LIMIT: u64 = CONFIG_LIMIT;
    const KEYS: Keys<'static> = Keys {
        known: &["rootfs", "diff_ids", "history", "architecture", "os", "config", "created"],
        // How to run it has keys of its own (`Labels`, `Env`), and whoever adds one may call it anything.
        free: &["config", "container_config"],
        shape: Shape::Object(&[
            ("config", Shape::OBJECT),
            ("rootfs", Shape::OBJECT),
            ("history", Shape::List(&Shape::OBJECT)),
        ]),
    };

    fn check(&self) -> Result<(), String> {
        if !self.rootfs.kind.is_empty() && self.rootfs.kind != "layers" {
            return Err(format!("has a rootfs of type {:?}, not layers", self.rootfs.kind));
        }
        let layers = self.rootfs.diff_ids.len();
        if layers > MAX_LAYERS {
            return Err(format!("has {layers} layers, more than {MAX_LAYERS}"));
        }
        let steps = self.history.len();
        if steps > MAX_HISTORY {
            return Err(format!("has {steps} steps of history, more than {MAX_HISTORY}"));
        }
        Ok(())
    }
}

impl Config {
    /// When the image was made, where the config says so in a way that can be read.
    #[must_use]
    pub fn created(&self) -> Option<Timestamp> {
        self.created.as_deref().and_then(Timestamp::parse)
    }

    /// What the image is for.
    #[must_use]
    pub fn platform(&self) -> Platform {
        Platform {
            variant: self.variant.clone(),
            os_version: self.os_version.clone(),
            ..Platform::new(&self.os, &self.architecture)
        }
    }

    /// ChainID of each layer, from the bottom up.
    #[must_use]
    pub fn chain_ids(&self) -> Vec<ChainId> {
        chain_ids(&self.rootfs.diff_ids)
    }

    /// The labels: `config.Labels`, sorted by key.
    #[must_use]
    pub fn labels(&self) -> std::collections::BTreeMap<String, String> {
        #[derive(Deserialize)]
        struct Labels {
            #[serde(rename = "Labels", default, deserialize_with = "null_is_default")]
            labels: std::collections::BTreeMap<String, String>,
        }
        self.config
            .as_ref()
            .and_then(|raw| serde_json::from_str::<Labels>(raw.get()).ok())
            .map(|l| l.labels)
            .unwrap_or_default()
    }
}
