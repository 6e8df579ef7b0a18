//! Images made from nothing: layers, and the config that names them.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::Tarball;

/// An image: its layers' plain tars from the bottom up, and its config's bytes.
#[derive(Debug, Clone)]
pub struct Made {
    /// Plain tars.
    pub layers: Vec<Vec<u8>>,
    /// The config.
    pub config: Vec<u8>,
}

impl Made {
    /// The image's ID, `sha256:` in front.
    pub fn id(&self) -> String {
        sha256(&self.config)
    }

    /// The ID's 64 digits.
    pub fn hex(&self) -> String {
        hex(&self.config)
    }

    /// The digits of a layer's DiffID.
    pub fn layer_hex(&self, at: usize) -> String {
        hex(&self.layers[at])
    }
}

/// An image of these layers. It says little, so that all of what it says is known.
pub fn made(layers: Vec<Vec<u8>>) -> Made {
    let diff_ids: Vec<String> = layers.iter().map(|layer| sha256(layer)).collect();
    let history: Vec<Value> = (1..=layers.len())
        .map(|n| json!({"created": "2026-01-02T03:04:05Z", "created_by": format!("COPY {n} /")}))
        .collect();
    let config = json!({
        "architecture": host_architecture(),
        "os": "linux",
        "created": "2026-01-02T03:04:05Z",
        "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"], "Labels": {"made": "by description"}},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": history,
    });
    Made { layers, config: serde_json::to_vec(&config).unwrap() }
}

/// A small layer that differs from those with other texts. Large enough not to be taken for a document.
pub fn layer(text: &str) -> Vec<u8> {
    let noise: String = (0..4000).map(|n| format!("{text} {n} {}\n", n * n % 7919)).collect();
    Tarball::new().folder("etc/").file("etc/motd", text).file("etc/noise", noise).finish()
}

impl Made {
    /// An image of as many small layers as there are texts.
    pub fn of(texts: &[&str]) -> Self {
        made(texts.iter().map(|text| layer(text)).collect())
    }

    /// The same with another value in its config.
    #[must_use]
    pub fn with(mut self, key: &str, value: Value) -> Self {
        let mut config: Value = serde_json::from_slice(&self.config).unwrap();
        config[key] = value;
        self.config = serde_json::to_vec(&config).unwrap();
        self
    }
}

/// An entry of `manifest.json`.
pub fn listed(config: &str, names: &[&str], layers: &[String]) -> Value {
    json!({"Config": config, "RepoTags": names, "Layers": layers})
}

/// The plainest archive of an image: `manifest.json` first, then config and layers under their digests.
pub fn archive_of(image: &Made, name: &str) -> Tarball {
    let paths: Vec<String> =
        (0..image.layers.len()).map(|at| format!("{}.tar", image.layer_hex(at))).collect();
    let config = format!("{}.json", image.hex());
    let manifest = json!([listed(&config, &[name], &paths)]).to_string();
    let mut tar = Tarball::new().file("manifest.json", manifest).file(&config, &image.config);
    let mut seen = std::collections::HashSet::new();
    for (path, layer) in paths.iter().zip(&image.layers) {
        if seen.insert(path) {
            tar = tar.file(path, layer);
        }
    }
    tar
}

/// SHA-256 as 64 hex digits, by the `sha2` crate.
pub fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A digest as documents spell it.
pub fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(bytes))
}

/// As Go spells it.
pub fn host_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
