use std::fmt;

use ply_digest::{Digest, Hasher};
use serde::{Deserialize, Serialize};

/// Digest of a layer's plain tar ([OCI image-spec, layer DiffID]).
///
/// [OCI image-spec, layer DiffID]: https://github.com/opencontainers/image-spec/blob/main/config.md#layer-diffid
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DiffId(pub Digest);

/// Digest that names a stack of layers, from the bottom up ([OCI image-spec, layer ChainID]).
///
/// [OCI image-spec, layer ChainID]: https://github.com/opencontainers/image-spec/blob/main/config.md#layer-chainid
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChainId(pub Digest);

impl ChainId {
    /// The stack of one layer.
    #[must_use]
    pub const fn bottom(layer: DiffId) -> Self {
        Self(layer.0)
    }

    /// The stack with one layer more on top.
    #[must_use]
    pub fn with(self, layer: DiffId) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(self.0.to_string().as_bytes());
        hasher.update(b" ");
        hasher.update(layer.0.to_string().as_bytes());
        Self(hasher.finalize())
    }
}

/// The ChainID of each layer, from the bottom up.
#[must_use]
pub fn chain_ids(layers: &[DiffId]) -> Vec<ChainId> {
    let mut chain = None;
    layers
        .iter()
        .map(|&layer| *chain.insert(chain.map_or(ChainId::bottom(layer), |below: ChainId| below.with(layer))))
        .collect()
}

impl fmt::Display for DiffId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf 'sha256:… sha256:…' | sha256sum` of the two DiffIDs, as config.md defines ChainIDs.
    #[test]
    fn chain_of_two() {
        let a = DiffId(Digest::of(b"a"));
        let b = DiffId(Digest::of(b"b"));
        let expected = Digest::of(
            b"sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb \
              sha256:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d",
        );
        assert_eq!(chain_ids(&[a, b]), [ChainId(a.0), ChainId(expected)]);
        assert!(chain_ids(&[]).is_empty());
    }
}
