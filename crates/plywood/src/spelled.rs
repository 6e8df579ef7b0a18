//! How an image is spelled, after skopeo: by the place it lies in, or by what the store calls it.

use ply_archive::Place;
#[cfg(feature = "registry")]
use ply_reference::Reference;

use crate::Error;

/// Where an image lies that somebody means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Spelled<'t> {
    /// In an archive or a layout: `docker-archive:FILE`, `./FILE` and the like.
    Place(Place),
    /// In a registry: `docker://NAME`.
    #[cfg(feature = "registry")]
    Remote(Reference),
    /// In a Docker daemon: `docker-daemon:NAME`.
    Daemon(&'t str),
    /// In the store: a name, an ID, or `store:NAME`.
    Stored(&'t str),
}

impl<'t> Spelled<'t> {
    /// Tells them apart.
    pub(crate) fn parse(text: &'t str) -> Result<Self, Error> {
        if let Some(rest) = text.strip_prefix("docker://") {
            return remote(text, rest);
        }
        if let Some(name) = text.strip_prefix("docker-daemon:") {
            return Ok(Self::Daemon(name));
        }
        if let Some(name) = text.strip_prefix("store:") {
            return Ok(Self::Stored(name));
        }
        Ok(Place::parse(text).map_or(Self::Stored(text), Self::Place))
    }
}

#[cfg(feature = "registry")]
fn remote<'t>(_: &str, rest: &str) -> Result<Spelled<'t>, Error> {
    Ok(Spelled::Remote(Reference::parse(rest)?.with_default_tag()))
}

#[cfg(not(feature = "registry"))]
fn remote<'t>(text: &str, _: &str) -> Result<Spelled<'t>, Error> {
    Err(without_registries(text))
}

/// Why a build without registries does not find something.
#[cfg(not(feature = "registry"))]
pub(crate) fn without_registries(text: &str) -> Error {
    let shown = crate::error::shown(text);
    Error::Misuse(format!(
        "{shown}: this build knows no registries and no daemon, since the feature `registry` is off"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        let check = |text: &str, expect: &str| {
            let found = match Spelled::parse(text) {
                Ok(Spelled::Place(place)) => format!("place {}", place.path.display()),
                #[cfg(feature = "registry")]
                Ok(Spelled::Remote(reference)) => format!("remote {}", reference.canonical()),
                Ok(Spelled::Daemon(name)) => format!("daemon {name}"),
                Ok(Spelled::Stored(name)) => format!("stored {name}"),
                Err(_) => "error".to_owned(),
            };
            assert_eq!(found, expect, "{text}");
        };
        check("app:1", "stored app:1");
        check("store:app:1", "stored app:1");
        check("store/app:1", "stored store/app:1");
        check("oci:dir:1", "place dir");
        check("./a.tar", "place ./a.tar");
        check("docker-daemon:app:1", "daemon app:1");
        #[cfg(feature = "registry")]
        check("docker://localhost:5000/app", "remote localhost:5000/app:latest");
        #[cfg(feature = "registry")]
        check("docker://App", "error");
        #[cfg(not(feature = "registry"))]
        check("docker://app", "error");
    }
}
