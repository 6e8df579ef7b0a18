//! Which daemon is meant, as Docker's own command line finds it out.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use ply_digest::Digest;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::RegistryError;
use crate::error::shown;

const USUAL: &str = "/var/run/docker.sock";

/// The variables that Docker looks at. One that is empty is as good as unset.
#[derive(Debug, Default)]
pub(super) struct Variables {
    pub(super) docker_host: Option<OsString>,
    pub(super) docker_context: Option<OsString>,
    /// The folder of `config.json`, elsewhere than `~/.docker`.
    pub(super) docker_config: Option<OsString>,
}

impl Variables {
    pub(super) fn of_process() -> Self {
        let of = |name| std::env::var_os(name);
        Self {
            docker_host: of("DOCKER_HOST"),
            docker_context: of("DOCKER_CONTEXT"),
            docker_config: of("DOCKER_CONFIG"),
        }
    }
}

/// `config.json`.
#[derive(Default, Deserialize)]
struct Settings {
    #[serde(rename = "currentContext")]
    current_context: Option<String>,
}

/// `contexts/meta/<SHA-256 of the name>/meta.json`.
#[derive(Deserialize)]
struct Context {
    #[serde(rename = "Endpoints", default)]
    endpoints: Endpoints,
}

#[derive(Default, Deserialize)]
struct Endpoints {
    docker: Option<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(rename = "Host")]
    host: Option<String>,
}

/// The socket of the daemon that is meant.
pub(super) fn socket(variables: &Variables, home: Option<&Path>) -> Result<PathBuf, RegistryError> {
    let set = |variable: &Option<OsString>| variable.clone().filter(|value| !value.is_empty());
    if let Some(host) = set(&variables.docker_host) {
        return socket_of(&host, "DOCKER_HOST");
    }
    let folder = set(&variables.docker_config).map(PathBuf::from).or_else(|| Some(home?.join(".docker")));
    let context = match (set(&variables.docker_context), &folder) {
        (Some(context), _) => Some(context),
        (None, Some(folder)) => {
            let settings: Option<Settings> = read(&folder.join("config.json"))?;
            settings.unwrap_or_default().current_context.map(OsString::from)
        }
        (None, None) => None,
    };
    match context.filter(|name| !name.is_empty() && name != "default") {
        Some(name) => socket_of_context(&name, folder.as_deref()),
        None => Ok(USUAL.into()),
    }
}

fn socket_of_context(name: &OsStr, folder: Option<&Path>) -> Result<PathBuf, RegistryError> {
    let called = format!("the Docker context {}", shown(&name.to_string_lossy()));
    let missing = || RegistryError::Settings(format!("{called} does not exist"));
    let folder = folder.ok_or_else(missing)?.join("contexts/meta").join(Digest::of(name.as_bytes()).hex());
    let context: Context = read(&folder.join("meta.json"))?.ok_or_else(missing)?;
    match context.endpoints.docker {
        // Docker takes the usual one where an endpoint does not say which.
        Some(endpoint) => socket_of(endpoint.host.unwrap_or_default().as_ref(), &called),
        None => Err(RegistryError::Settings(format!("{called} is not one of a Docker daemon"))),
    }
}

/// The path in `unix:///path`; `by` says so.
fn socket_of(host: &OsStr, by: &str) -> Result<PathBuf, RegistryError> {
    match host.as_bytes().trim_ascii() {
        b"" | b"unix://" => Ok(USUAL.into()),
        trimmed => match trimmed.strip_prefix(b"unix://") {
            Some(path) => Ok(OsString::from_vec(path.to_vec()).into()),
            None => {
                let host = shown(&host.to_string_lossy());
                Err(RegistryError::Settings(format!(
                    "{by} says {host}, and only unix:// is spoken: forward the socket, for example with `ssh -nNT -L \
                     /tmp/docker.sock:{USUAL} HOST`, and set DOCKER_HOST=unix:///tmp/docker.sock"
                )))
            }
        },
    }
}

/// A file of Docker's settings, if it is there.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, RegistryError> {
    let raw = match fs::read(path) {
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        raw => raw.map_err(RegistryError::io(format!("read {}", shown(&path.to_string_lossy()))))?,
    };
    // Docker, too, takes an empty file for none.
    if raw.trim_ascii().is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(&raw).map(Some).map_err(|e| {
        let (path, why) = (shown(&path.to_string_lossy()), shown(&e.to_string()));
        RegistryError::Settings(format!("{path} is not what Docker writes: {why}"))
    })
}

#[cfg(test)]
mod tests;
