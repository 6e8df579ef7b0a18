//! One request, one answer: over TLS or not, through a proxy or not, to the registry or to another host. Redirects are not
//! followed here.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use ureq::http::{Method, Request, Uri};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Proxy, SendBody};

use crate::RegistryError;
use crate::addresses::{Guarded, Reach};
use crate::answer::Answer;
use crate::certificates::Certificates;
use crate::client::Settings;
use crate::origin::Origin;

/// Connections to one place that are kept for the next request.
const IDLE: usize = 16;

/// What is sent along.
#[derive(Clone, Copy)]
pub(crate) enum Payload<'a> {
    None,
    Bytes(&'a [u8]),
    /// So many bytes, read again for each try.
    Stream(u64, &'a (dyn Fn() -> io::Result<Box<dyn io::Read + 'a>> + Sync)),
}

/// How far inside the place may lie that a request goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    /// The registry itself.
    Home,
    /// A host that the registry named.
    Away,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    role: Role,
    tls: bool,
    proxy: Option<Proxy>,
}

/// Connections, and how they are made.
#[derive(Debug)]
pub(crate) struct Transport {
    certificates: Certificates,
    settings: Arc<Settings>,
    agents: Mutex<HashMap<Kind, Agent>>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The same may work later.
    Passing(ureq::Error),
    /// It will not.
    Lasting(ureq::Error),
    /// It was not even tried.
    Ours(RegistryError),
}

impl Transport {
    pub(crate) fn new(certificates: Certificates, settings: &Arc<Settings>) -> Self {
        Self { certificates, settings: Arc::clone(settings), agents: Mutex::default() }
    }

    /// The agent for a place; `most`: how far inside another host than the registry may lie.
    fn agent(
        &self,
        origin: &Origin,
        role: Role,
        most: impl FnOnce() -> Reach,
    ) -> Result<Agent, RegistryError> {
        let kind = Kind { role, tls: origin.tls, proxy: self.settings.proxies().proxy(origin)? };
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = agents.get(&kind) {
            return Ok(agent.clone());
        }
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(kind.proxy.clone())
            .user_agent(self.settings.user_agent.as_str())
            .accept_encoding("identity")
            .max_idle_connections(IDLE)
            .max_idle_connections_per_host(IDLE)
            .timeout_connect(Some(self.settings.patience.silence.min(std::time::Duration::from_secs(30))))
            .timeout_per_read(Some(self.settings.patience.silence))
            .timeout_per_write(Some(self.settings.patience.silence));
        if kind.tls {
            let certificates = match role {
                Role::Home => self.certificates.clone(),
                Role::Away => self.certificates.roots_only(),
            };
            config = config.tls_config(certificates.config(self.settings.tls_verify)?);
        }
        let most = match role {
            Role::Home => Reach::Never,
            Role::Away => most(),
        };
        let agent = Agent::with_parts(config.build(), DefaultConnector::default(), Guarded::new(most));
        agents.insert(kind, agent.clone());
        Ok(agent)
    }

    /// Ends all connections, also those that somebody waits for.
    pub(crate) fn end(&self) {
        let agents = std::mem::take(&mut *self.agents.lock().unwrap_or_else(PoisonError::into_inner));
        agents.into_values().for_each(Agent::shutdown);
    }

    /// Sends a request, and waits for the head of the answer.
    pub(crate) fn send(
        &self,
        role: Role,
        most: impl FnOnce() -> Reach,
        (method, uri): (&Method, &Uri),
        headers: &[(&str, &str)],
        payload: Payload<'_>,
    ) -> Result<Answer, Fault> {
        let wrong = || Fault::Ours(RegistryError::Settings(format!("{uri} is no URL that can be asked")));
        let origin = Origin::of(uri).ok_or_else(wrong)?;
        let agent = self.agent(&origin, role, most).map_err(Fault::Ours)?;
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = match payload {
            Payload::None if *method == Method::POST || *method == Method::PUT => {
                agent.run(request.body(&[][..]).map_err(|_| wrong())?)
            }
            Payload::None => agent.run(request.body(()).map_err(|_| wrong())?),
            Payload::Bytes(bytes) => agent.run(request.body(bytes).map_err(|_| wrong())?),
            Payload::Stream(length, open) => {
                let mut reader =
                    open().map_err(|e| Fault::Ours(RegistryError::io("read what is uploaded")(e)))?;
                let request = request.header("content-length", length.to_string());
                agent.run(request.body(SendBody::from_reader(&mut *reader)).map_err(|_| wrong())?)
            }
        };
        let response = sent
            .map_err(|error| if may_pass(&error) { Fault::Passing(error) } else { Fault::Lasting(error) })?;
        let (parts, body) = response.into_parts();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, from: uri.clone(), body })
    }
}

/// Whether a connection that failed may work the next time: who is not there, and who is not who they say, stays so.
fn may_pass(error: &ureq::Error) -> bool {
    use io::ErrorKind;
    match error {
        ureq::Error::Io(error) => !matches!(
            error.kind(),
            ErrorKind::ConnectionRefused
                | ErrorKind::PermissionDenied
                | ErrorKind::InvalidData
                | ErrorKind::NotFound
        ),
        ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed | ureq::Error::Protocol(_) => true,
        _ => false,
    }
}

/// What went wrong, in words that a person can act on.
pub(crate) fn reason(error: ureq::Error) -> Box<dyn std::error::Error + Send + Sync> {
    match error {
        // What is inside says more than that it was input or output.
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => "nobody listens there".into(),
            io::ErrorKind::UnexpectedEof => "the connection was closed before all had come".into(),
            _ => error.into(),
        },
        ureq::Error::HostNotFound => "there is no such host".into(),
        ureq::Error::Timeout(_) => "it does not answer in time".into(),
        error => error.into(),
    }
}
