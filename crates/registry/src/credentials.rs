//! Who asks a registry: user and password, or a token, as Docker and podman keep them.

mod config_file;
mod entry;
mod helper;
mod places;
mod replace;
mod scope;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use ply_reference::Name;
use serde_json::{Map, Value};

use self::config_file::ConfigFile;
use self::helper::Helper;
use self::places::{Place, Program};
use self::scope::Scope;
use crate::RegistryError;

/// The user that stands for a token, in files and in helpers.
const TOKEN_USER: &str = "<token>";

/// Who asks, as a registry wants to be told.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A user and their password.
    Password {
        /// The user.
        user: String,
        /// The password, or what a registry takes as one.
        password: String,
    },
    /// A token that stands for the user: traded for one that opens a repository.
    IdentityToken(String),
}

/// Never shows the secret.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { user, .. } => {
                f.debug_struct("Password").field("user", user).finish_non_exhaustive()
            }
            Self::IdentityToken(_) => f.write_str("IdentityToken(..)"),
        }
    }
}

/// Where a credential went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Into this file, where whoever can read it can read the secret.
    File(PathBuf),
    /// To the program `docker-credential-NAME`, of this name.
    Helper(String),
}

/// Where credentials are kept: Docker's `config.json`, its helpers, and podman's `auth.json`.
///
/// Files are read when something is looked up, each time anew, and no further than needed. A file that is missing
/// is no error; one that is damaged is, if it is come to. What is found first counts:
///
/// 1. podman's file, where `REGISTRY_AUTH_FILE` names one;
/// 2. Docker's `config.json`;
/// 3. podman's other files, where `REGISTRY_AUTH_FILE` names none.
///
/// In each file: the helper of the registry, in Docker's also that of all registries, then the entries of the file.
/// Of these the one for the smallest part of the registry counts: `host/team/app` before `host/team` before `host`.
///
/// ```no_run
/// use ply_registry::credentials::Credentials;
///
/// let credential = Credentials::from_environment().find(&"registry.example/team/app".parse()?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Given by hand for a registry, before anything that is kept.
    given: Vec<(Scope, Credential)>,
    places: Vec<Place>,
    /// Where helpers are looked for; `None` for what `PATH` says then.
    search: Option<OsString>,
}

impl Credentials {
    /// The files that the environment names: `DOCKER_CONFIG`, `HOME`, `REGISTRY_AUTH_FILE`, `XDG_RUNTIME_DIR`,
    /// `XDG_CONFIG_HOME`. Reads none of them yet.
    #[must_use]
    pub fn from_environment() -> Self {
        let variable = |name: &str| std::env::var_os(name);
        Self {
            given: Vec::new(),
            places: places::of_environment(variable, rustix::process::geteuid().as_raw()),
            search: None,
        }
    }

    /// No file and no helper: nobody is asked.
    #[must_use]
    pub fn none() -> Self {
        Self { given: Vec::new(), places: Vec::new(), search: None }
    }

    /// These files and no others: Docker's, then podman's in this order.
    #[must_use]
    pub fn at(docker_config: PathBuf, auth_files: Vec<PathBuf>) -> Self {
        let podman = auth_files.into_iter().map(|path| Place { path, program: Program::Podman });
        let docker = Place { path: docker_config, program: Program::Docker };
        Self { given: Vec::new(), places: std::iter::once(docker).chain(podman).collect(), search: None }
    }

    /// The same, and this one for a registry, before anything that is kept.
    #[must_use]
    pub fn with(&self, host: &str, credential: &Credential) -> Self {
        let mut all = self.clone();
        all.given.insert(0, (Scope::of_host(host), credential.clone()));
        all
    }

    /// Who asks for this repository, where anything is known.
    ///
    /// # Errors
    /// A file cannot be read or is damaged; a helper is missing, fails, or does not answer within 30 seconds.
    pub fn find(&self, name: &Name) -> Result<Option<Credential>, RegistryError> {
        self.look_up(&Scope::of_name(name))
    }

    /// Who asks a registry as a whole, where anything is known.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn of_host(&self, host: &str) -> Result<Option<Credential>, RegistryError> {
        self.look_up(&Scope::of_host(host))
    }

    /// Keeps a credential for a registry, where Docker would: in the helper that its `config.json` names for it, or
    /// else in that file. All else in the file stays as it is.
    ///
    /// # Errors
    /// The file cannot be read or written or is damaged, there is no place for it, or the helper does not take it.
    pub fn keep(&self, host: &str, credential: &Credential) -> Result<Kept, RegistryError> {
        let scope = Scope::of_host(host);
        if scope.host().is_empty() {
            return Err(RegistryError::Settings("no registry is named to keep credentials for".to_owned()));
        }
        let place = self.docker().ok_or_else(|| {
            let why = "there is no place to keep credentials: neither DOCKER_CONFIG nor HOME is set";
            RegistryError::Settings(why.to_owned())
        })?;
        let file = ConfigFile::read(place)?;
        let Some(name) = file.helper(&scope)? else {
            let entry = entry::write(credential)?;
            ConfigFile::change(place, |file| file.set(scope.docker_key(), entry))?;
            return Ok(Kept::File(place.path.clone()));
        };
        self.helper(name)?.store(scope.docker_key(), credential)?;
        // Docker's sign that the helper has something, by which its `logout` goes.
        ConfigFile::change(place, |file| file.set(scope.docker_key(), Value::Object(Map::new())))?;
        Ok(Kept::Helper(name.to_owned()))
    }

    /// Forgets what is kept for a registry as a whole in Docker's `config.json` and its helper; tells whether there
    /// was anything. podman's files stay as they are.
    ///
    /// # Errors
    /// The file cannot be read or written or is damaged, or the helper fails; the file has forgotten by then.
    pub fn forget(&self, host: &str) -> Result<bool, RegistryError> {
        let scope = Scope::of_host(host);
        let Some(place) = self.docker() else { return Ok(false) };
        let file = ConfigFile::read(place)?;
        let in_file = file.holds(&scope)? && ConfigFile::change(place, |file| file.remove(&scope))?;
        let in_helper = match file.helper(&scope)? {
            Some(name) => self.helper(name)?.forget(scope.docker_key())?,
            None => false,
        };
        Ok(in_file || in_helper)
    }

    fn look_up(&self, wanted: &Scope) -> Result<Option<Credential>, RegistryError> {
        if wanted.host().is_empty() {
            return Ok(None);
        }
        if let Some((_, given)) = self.given.iter().find(|(scope, _)| scope.host() == wanted.host()) {
            return Ok(Some(given.clone()));
        }
        for place in &self.places {
            let file = ConfigFile::read(place)?;
            if let Some(name) = file.helper(wanted)? {
                let server = match place.program {
                    Program::Docker => wanted.docker_key(),
                    Program::Podman => wanted.host(),
                };
                if let Some(found) = self.helper(name)?.get(server)? {
                    return Ok(Some(found));
                }
            }
            if let Some(found) = file.credential(wanted)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn docker(&self) -> Option<&Place> {
        self.places.iter().find(|place| place.program == Program::Docker)
    }

    fn helper(&self, name: &str) -> Result<Helper, RegistryError> {
        let path = self.search.clone().or_else(|| std::env::var_os("PATH"));
        Helper::find(name, &path.unwrap_or_default())
    }
}
