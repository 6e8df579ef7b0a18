//! The documents of container images: manifest, index, config, history, platform, identities.
