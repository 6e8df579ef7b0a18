//! What a path of the registry's protocol names.

use super::Request;

/// A place in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Base,
    /// Where tokens are issued.
    Token,
    /// Repository and tag or digest.
    Manifest(String, String),
    /// Repository and digest.
    Blob(String, String),
    /// Where uploads to a repository start.
    Uploads(String),
    /// Repository and which upload.
    Upload(String, String),
    Tags(String),
    Elsewhere,
}

impl Route {
    pub(super) fn of(request: &Request) -> Self {
        let path = request.path();
        match path {
            "/v2" | "/v2/" => return Self::Base,
            "/token" => return Self::Token,
            _ => {}
        }
        let Some(path) = path.strip_prefix("/v2/") else { return Self::Elsewhere };
        if let Some(repository) = path.strip_suffix("/tags/list") {
            return Self::Tags(repository.to_owned());
        }
        // Repositories have slashes themselves, so what follows them is looked for from the end.
        let split =
            |middle| path.rsplit_once(middle).map(|(a, b): (&str, &str)| (a.to_owned(), b.to_owned()));
        if let Some((repository, id)) = split("/blobs/uploads/") {
            return if id.is_empty() { Self::Uploads(repository) } else { Self::Upload(repository, id) };
        }
        if let Some((repository, digest)) = split("/blobs/") {
            return Self::Blob(repository, digest);
        }
        split("/manifests/")
            .map_or(Self::Elsewhere, |(repository, reference)| Self::Manifest(repository, reference))
    }

    /// The repository it is in.
    pub(super) fn repository(&self) -> Option<&str> {
        match self {
            Self::Manifest(repository, _)
            | Self::Blob(repository, _)
            | Self::Uploads(repository)
            | Self::Upload(repository, _)
            | Self::Tags(repository) => Some(repository),
            Self::Base | Self::Token | Self::Elsewhere => None,
        }
    }
}
