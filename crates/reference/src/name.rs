use std::fmt;
use std::str::FromStr;

use crate::error::{ReferenceError, quote};
use crate::grammar::{PATH_MAX, is_domain, is_identifier, is_path_component, looks_like_domain};
use crate::reference::Reference;

/// The registry a name without a host belongs to.
const DEFAULT_DOMAIN: &str = "docker.io";
/// What the same registry was called before.
const LEGACY_DOMAIN: &str = "index.docker.io";
/// The namespace of names of one word there.
const OFFICIAL: &str = "library/";

/// The full name of a repository: the registry's host and the path there, without tag and digest.
///
/// Always normalized, as Docker does: `nginx` is `docker.io/library/nginx`, and `index.docker.io` is `docker.io`.
/// Printed, it is the [familiar](Name::familiar) form. Names are ordered by host, then by path.
///
/// ```
/// let name: ply_reference::Name = "registry.example:5000/team/web/app".parse()?;
/// assert_eq!(name.domain(), "registry.example:5000");
/// assert_eq!(name.namespace(), "team/web");
/// assert_eq!(name.repository(), "app");
/// # Ok::<(), ply_reference::ReferenceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    domain: String,
    path: String,
}

impl Name {
    /// Reads a repository name, familiar or full.
    ///
    /// # Errors
    /// Where the grammar forbids it, and [`ReferenceError::NotBare`] where a tag or digest follows.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let reference = Reference::parse(text)?;
        if reference.tag().is_some() || reference.digest().is_some() {
            return Err(ReferenceError::NotBare { text: quote(text) });
        }
        Ok(reference.into_name())
    }

    /// What stands before tag and digest.
    pub(crate) fn normalize(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        let (domain, rest) = match text.split_once('/') {
            Some((LEGACY_DOMAIN, rest)) => (DEFAULT_DOMAIN, rest),
            Some((first, rest)) if looks_like_domain(first) => (first, rest),
            _ => (DEFAULT_DOMAIN, text),
        };
        let name = if domain == DEFAULT_DOMAIN && !rest.contains('/') {
            Self { domain: domain.to_owned(), path: format!("{OFFICIAL}{rest}") }
        } else if is_domain(domain) {
            Self { domain: domain.to_owned(), path: rest.to_owned() }
        } else if is_path_component(domain) {
            // `my_host.lan/app`: no host has an underscore, so the grammar takes all of it as a path.
            Self { domain: String::new(), path: text.to_owned() }
        } else {
            return Err(ReferenceError::Domain { domain: quote(domain) });
        };
        check_path(&name.path)?;
        Ok(name)
    }

    /// The registry's host, with its port where one was given: `docker.io`, `[::1]:5000`.
    ///
    /// Empty for the one shape the grammar takes without a host: `my_host.lan/app`, whose first part has a
    /// dot and an underscore. Such a name can stand for an image here; no registry can be asked for it.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// All that follows the host: `library/nginx`. At most 255 bytes.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path without its last part: `library` of `library/nginx`, `a/b` of `a/b/c`, empty where there is one part.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// The last part of the path: `nginx` of `library/nginx`.
    #[must_use]
    pub fn repository(&self) -> &str {
        self.path.rsplit_once('/').map_or(self.path.as_str(), |(_, repository)| repository)
    }

    /// The full form: `docker.io/library/nginx`.
    #[must_use]
    pub fn canonical(&self) -> String {
        if self.domain.is_empty() { self.path.clone() } else { format!("{}/{}", self.domain, self.path) }
    }

    /// The form people know: `nginx`, `team/app`, `registry.example/app`.
    ///
    /// Parsed again it is the same name. Where dropping `docker.io` would make it another one, as for
    /// `docker.io/localhost/app`, the full form is kept; Docker prints the short one there.
    #[must_use]
    pub fn familiar(&self) -> String {
        self.short().map_or_else(|| self.canonical(), str::to_owned)
    }

    /// The name without what is filled in by default, unless that would be read as something else.
    fn short(&self) -> Option<&str> {
        if self.domain != DEFAULT_DOMAIN {
            return None;
        }
        match self.path.strip_prefix(OFFICIAL) {
            Some(word) if !word.contains('/') => (!is_identifier(word)).then_some(word),
            _ => {
                let (first, _) = self.path.split_once('/')?;
                (!looks_like_domain(first)).then_some(self.path.as_str())
            }
        }
    }
}

fn check_path(path: &str) -> Result<(), ReferenceError> {
    if path.contains(char::is_uppercase) {
        return Err(ReferenceError::UpperCase { path: quote(path) });
    }
    if let Some(component) = path.split('/').find(|component| !is_path_component(component)) {
        return Err(ReferenceError::Component { component: quote(component) });
    }
    if path.len() > PATH_MAX {
        return Err(ReferenceError::TooLong { length: path.len() });
    }
    Ok(())
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.familiar())
    }
}

impl FromStr for Name {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}
