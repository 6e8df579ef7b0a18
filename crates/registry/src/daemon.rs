//! A Docker Engine, asked over its socket: images leave it, and come into it, as archives.

mod context;
mod line;
mod stream;
mod unix;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::io::{BufReader, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ply_digest::Digest;
use serde::Deserialize;
use ureq::http::Response;
use ureq::{Body, SendBody};

use self::context::Variables;
use self::line::Line;
pub use self::stream::DaemonStream;
use self::unix::{Archive, HungUp};
use crate::RegistryError;
use crate::error::shown;

/// Bytes that a document of the daemon may have.
const DOCUMENT: u64 = 8 << 20;
/// Bytes that are read of the reason for a refusal.
const REASON: u64 = 64 << 10;
/// How long a question that the daemon answers from memory may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A Docker Engine on this machine. Nothing is open between two calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daemon {
    socket: PathBuf,
}

/// What `/images/NAME/json` says, as far as it matters here.
#[derive(Deserialize)]
struct Inspected {
    #[serde(rename = "Id")]
    id: String,
}

/// The body of an answer that is a refusal.
#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl Daemon {
    /// The daemon that `docker` would speak to: `DOCKER_HOST`, then the context that `DOCKER_CONTEXT` or
    /// `config.json` names, then `/var/run/docker.sock`. It is not asked anything.
    ///
    /// # Errors
    /// The settings cannot be read, or lead to something else than a Unix socket.
    pub fn from_environment() -> Result<Self, RegistryError> {
        let socket = context::socket(&Variables::of_process(), std::env::home_dir().as_deref())?;
        Ok(Self { socket })
    }

    /// The daemon that listens on a Unix socket.
    #[must_use]
    pub fn at(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// The socket it listens on.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Images as `docker save` writes them. What the reader gives is the answer as it comes.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] if an image is not there; the daemon cannot be reached, or refuses.
    pub fn export(&self, names: &[String]) -> Result<DaemonStream, RegistryError> {
        let query: Vec<String> = names.iter().map(|name| format!("names={}", encoded(name))).collect();
        let listed = shown(&names.join(", "));
        // The daemon writes every layer down before its first byte, and is silent meanwhile: no time is too long.
        let answer = self.get(&format!("/images/get?{}", query.join("&")), None)?;
        match answer.status().as_u16() {
            404 => {
                let among = if names.len() == 1 { "image" } else { "such image among" };
                let what = format!("{among} {listed}: {}", reason(answer.into_body()));
                Err(RegistryError::NotFound { registry: self.called(), what })
            }
            _ => Ok(DaemonStream::new(self.accepted(answer, &format!("to save {listed}"))?)),
        }
    }

    /// Loads an archive as `docker load` does, and returns what the daemon says about it, a line each:
    /// `Loaded image: team/app:1`. The lines are the daemon's own, not escaped.
    ///
    /// # Errors
    /// The archive cannot be read, which is [`RegistryError::Io`]; the daemon cannot be reached, or refuses.
    pub fn import(&self, archive: &mut dyn Read) -> Result<Vec<String>, RegistryError> {
        let hung_up = HungUp::default();
        let mut archive = Archive::new(archive, hung_up.clone());
        // Without `quiet` the daemon tells its progress while it reads, and stops reading when nobody takes that.
        let sent = unix::agent(self.connect()?, hung_up, None)
            .post(uri("/images/load?quiet=1"))
            .header("Content-Type", "application/x-tar")
            .send(SendBody::from_reader(&mut archive));
        if let Some(source) = archive.failure() {
            return Err(RegistryError::Io { doing: "read the archive".to_owned(), source });
        }
        let answer = self.accepted(sent.map_err(|e| self.broken("load an archive into", e))?, "to load")?;
        self.told(answer)
    }

    /// The ID of an image, or none if it is not there. It is the digest of the config, but that of the index or
    /// manifest where Docker keeps its images in containerd.
    ///
    /// # Errors
    /// The daemon cannot be reached, refuses, or does not answer in time.
    pub fn id(&self, name: &str) -> Result<Option<Digest>, RegistryError> {
        let answer = self.get(&format!("/images/{}/json", encoded(name)), Some(PATIENCE))?;
        if answer.status() == 404 {
            return Ok(None);
        }
        let body = self.accepted(answer, &format!("to inspect {}", shown(name)))?;
        let body = BufReader::new(body.into_with_config().limit(DOCUMENT).reader());
        let Inspected { id } = serde_json::from_reader(body).map_err(|e| self.not_json(e))?;
        let none = |_| self.refused(format!("gives an image the ID {}, which is none", shown(&id)));
        id.parse().map(Some).map_err(none)
    }

    /// What the lines of an answer say, read to its end or to the first error.
    fn told(&self, body: Body) -> Result<Vec<String>, RegistryError> {
        let body = BufReader::new(body.into_with_config().limit(DOCUMENT).reader());
        let mut told = Vec::new();
        for line in serde_json::Deserializer::from_reader(body).into_iter() {
            let line: Line = line.map_err(|e| self.not_json(e))?;
            if let Some(why) = line.error() {
                return Err(self.refused(format!("does not load the archive: {}", shown(why))));
            }
            told.extend(line.stream.iter().flat_map(|text| text.lines()).map(str::to_owned));
        }
        Ok(told)
    }

    fn connect(&self) -> Result<UnixStream, RegistryError> {
        UnixStream::connect(&self.socket).map_err(|e| self.broken("reach", e.into()))
    }

    fn get(&self, path: &str, patience: Option<Duration>) -> Result<Response<Body>, RegistryError> {
        let agent = unix::agent(self.connect()?, HungUp::default(), patience);
        agent.get(uri(path)).call().map_err(|e| self.broken("get an answer from", e))
    }

    /// The body of an answer, if it is no refusal.
    fn accepted(&self, answer: Response<Body>, request: &str) -> Result<Body, RegistryError> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer.into_body());
        }
        let (registry, what) = (self.called(), format!("the request {request}"));
        Err(RegistryError::Status {
            registry,
            what,
            status: status.as_u16(),
            why: reason(answer.into_body()),
        })
    }

    fn called(&self) -> String {
        format!("the Docker daemon at {}", shown(&self.socket.to_string_lossy()))
    }

    fn refused(&self, why: String) -> RegistryError {
        RegistryError::Refused { registry: self.called(), why }
    }

    fn broken(&self, doing: &str, error: ureq::Error) -> RegistryError {
        let source: Box<dyn std::error::Error + Send + Sync> = match error {
            ureq::Error::Io(error) => error.into(),
            other => other.into(),
        };
        RegistryError::Unreachable { doing: format!("{doing} {}", self.called()), source }
    }

    fn not_json(&self, error: serde_json::Error) -> RegistryError {
        if error.is_io() {
            return self.broken("read the answer of", ureq::Error::Io(error.into()));
        }
        self.refused(format!("answers what cannot be understood: {}", shown(&error.to_string())))
    }
}

/// A path without a version: the daemon takes its own, which suits all that is asked here.
fn uri(path: &str) -> String {
    format!("http://docker{path}")
}

/// A name as a part of a path or a query.
fn encoded(name: &str) -> String {
    name.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(byte.into()),
            _ => _ = write!(text, "%{byte:02X}"),
        }
        text
    })
}

/// The daemon's own words for a refusal, escaped.
fn reason(body: Body) -> String {
    let mut raw = Vec::new();
    // What came before a break still says something.
    let _ = body.into_reader().take(REASON).read_to_end(&mut raw);
    match serde_json::from_slice(&raw) {
        Ok(Refusal { message }) => shown(&message),
        Err(_) => shown(&String::from_utf8_lossy(&raw)),
    }
}
