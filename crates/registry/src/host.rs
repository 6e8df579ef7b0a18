//! A registry's host: requests to it, with credentials where it wants them, retries, and redirects that are looked at.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use ply_digest::Digest;
use ureq::http::{Method, Uri};

use crate::RegistryError;
use crate::addresses::Reach;
use crate::answer::Answer;
use crate::authentication::{Authentication, Scope};
use crate::challenge::Challenge;
use crate::client::{Settings, Stop};
use crate::error::shown;
use crate::origin::Origin;
use crate::places::without_query;
use crate::retry::{may_pass, retry_after, sleep};
use crate::transport::{Fault, Payload, Transport, reason};

/// One registry.
pub(crate) struct Host<'a> {
    /// As names spell it.
    pub(crate) domain: String,
    pub(crate) transport: Transport,
    authentication: Authentication,
    pub(crate) settings: Arc<Settings>,
    pub(crate) stop: Stop<'a>,
    /// Which way it is spoken to, once that is known.
    pub(crate) origin: OnceLock<Origin>,
    /// Whether it hung up before it was known how it is spoken to.
    pub(crate) hung_up: AtomicBool,
    /// How far inside it lies itself.
    pub(crate) reach: OnceLock<Reach>,
}

/// A request to a registry.
pub(crate) struct Call<'c> {
    pub(crate) method: Method,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) payload: Payload<'c>,
    pub(crate) scope: Option<Scope>,
    /// What is asked for, for messages.
    pub(crate) what: String,
    /// Whether what fails in passing is tried again here.
    pub(crate) retried: bool,
}

impl<'c> Call<'c> {
    pub(crate) fn new(method: Method, scope: &Scope, what: impl Into<String>) -> Self {
        Self {
            method,
            headers: Vec::new(),
            payload: Payload::None,
            scope: Some(scope.clone()),
            what: what.into(),
            retried: true,
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn payload(mut self, payload: Payload<'c>) -> Self {
        self.payload = payload;
        self
    }

    pub(crate) fn once(mut self) -> Self {
        self.retried = false;
        self
    }
}

/// Where a request goes.
#[derive(Clone, Copy)]
pub(crate) enum At<'c> {
    /// A path of the registry's API: `/v2/…`.
    Path(&'c str),
    /// A URL that the registry gave.
    Url(&'c Uri),
}

impl<'a> Host<'a> {
    pub(crate) fn new(domain: &str, settings: Arc<Settings>, stop: Stop<'a>) -> Result<Self, RegistryError> {
        let certificates = settings.certs().read(domain)?;
        let transport = Transport::new(certificates, &settings);
        let authentication = Authentication::new(domain, &settings.credentials);
        let host = Self {
            domain: domain.to_owned(),
            transport,
            authentication,
            settings,
            stop,
            origin: OnceLock::new(),
            hung_up: AtomicBool::new(false),
            reach: OnceLock::new(),
        };
        if host.parse_origin(true).is_none() {
            return Err(RegistryError::Settings(format!(
                "{:?} is no registry that can be asked",
                shown(domain)
            )));
        }
        Ok(host)
    }

    /// Sends a request and gives the answer, whatever its status; except that what may pass is waited for, and who wants
    /// credentials gets them.
    pub(crate) fn send(&self, at: At<'_>, call: &Call<'_>) -> Result<Answer, RegistryError> {
        self.stoppable(|| self.patiently(call.retried, || self.authenticated(at, call)))
    }

    /// Tries a request again whose failure may pass.
    fn patiently(
        &self,
        retried: bool,
        ask: impl Fn() -> Result<Answer, Failed>,
    ) -> Result<Answer, RegistryError> {
        let patience = self.settings.patience;
        let mut retry = 0;
        loop {
            self.advance(0)?;
            let last = !retried || retry >= patience.retries;
            let wait = match ask() {
                Ok(answer) if may_pass(answer.status) && !last => {
                    let asked =
                        answer.header("retry-after").and_then(|text| retry_after(text, SystemTime::now()));
                    answer.drain();
                    patience.wait(retry, asked)
                }
                Ok(answer) => return Ok(answer),
                Err(Failed::Passing(_)) if !last => patience.wait(retry, None),
                Err(failed) => return Err(failed.told()),
            };
            sleep(wait, &*self.stop)?;
            retry = retry.saturating_add(1);
        }
    }

    /// As [`send`](Self::send); another status than these is an error.
    pub(crate) fn expect(&self, at: At<'_>, call: &Call<'_>, good: &[u16]) -> Result<Answer, RegistryError> {
        let answer = self.send(at, call)?;
        if good.contains(&answer.status) { Ok(answer) } else { Err(self.refusal(answer, &call.what)) }
    }

    /// The error that a status is.
    pub(crate) fn refusal(&self, answer: Answer, what: &str) -> RegistryError {
        let (registry, what) = (self.domain.clone(), what.to_owned());
        let status = answer.status;
        if (300..400).contains(&status) {
            let why = format!("redirects {what} further than is followed");
            return RegistryError::Refused { registry, why };
        }
        let why = answer.words();
        match status {
            401 => RegistryError::Unauthorized { registry, what, why },
            403 => RegistryError::Denied { registry, what, why },
            404 => RegistryError::NotFound { registry, what },
            _ => RegistryError::Status { registry, what, status, why },
        }
    }

    pub(crate) fn refused(&self, why: impl Into<String>) -> RegistryError {
        RegistryError::Refused { registry: self.domain.clone(), why: why.into() }
    }

    /// Whether what something is called is what it was to be called.
    pub(crate) fn agree(
        &self,
        what: &str,
        found: Option<Digest>,
        expected: Digest,
    ) -> Result<(), RegistryError> {
        match found.filter(|found| *found != expected) {
            Some(found) => {
                let (registry, what) = (self.domain.clone(), what.to_owned());
                Err(RegistryError::Digest { registry, what, found, expected })
            }
            None => Ok(()),
        }
    }

    /// With a token or a password where one is wanted; one that is not accepted is renewed once.
    fn authenticated(&self, at: At<'_>, call: &Call<'_>) -> Result<Answer, Failed> {
        let realm =
            |uri: &Uri, headers: &[(&str, &str)], form: Option<&str>| self.ask_realm(uri, headers, form);
        let known = self.authentication.header(call.scope.as_ref(), &realm)?;
        let answer = self.way(at, call, known.as_deref())?;
        if answer.status != 401 || Origin::of(&answer.from).as_ref() != self.origin.get() {
            return Ok(answer);
        }
        let headers = answer.headers.get_all("www-authenticate").iter().filter_map(|h| h.to_str().ok());
        let Some(challenge) = Challenge::read(headers) else { return Ok(answer) };
        let renewed = self.authentication.renew(challenge, call.scope.as_ref(), known.as_deref(), &realm)?;
        match renewed {
            Some(header) => {
                answer.drain();
                self.way(at, call, Some(&header))
            }
            None => Ok(answer),
        }
    }

    /// Asks the realm for a token: by GET, or by POST where there is a form. It gets what it is given here and nothing else.
    fn ask_realm(
        &self,
        uri: &Uri,
        headers: &[(&str, &str)],
        form: Option<&str>,
    ) -> Result<Answer, RegistryError> {
        let Some(origin) = Origin::of(uri) else {
            return Err(self.refused(format!(
                "names the realm {}, which is none",
                shown(&without_query(&uri.to_string()))
            )));
        };
        if !origin.tls && !self.is_plain() {
            return Err(self.refused(format!("names the realm {origin}, without TLS")));
        }
        self.next(uri, &uri.to_string())?;
        let (method, payload) = match form {
            Some(form) => (Method::POST, Payload::Bytes(form.as_bytes())),
            None => (Method::GET, Payload::None),
        };
        self.patiently(true, || {
            let sent = self.transport.send(self.role(uri), || self.most(), (&method, uri), headers, payload);
            sent.map_err(|fault| self.failed(fault, uri))
        })
    }

    /// What is waited before the next try of something that broke in the middle.
    pub(crate) fn pause(&self, retry: u32) -> Result<(), RegistryError> {
        sleep(self.settings.patience.wait(retry, None), &*self.stop)
    }

    /// How often something is tried again.
    pub(crate) fn retries(&self) -> u32 {
        self.settings.patience.retries
    }

    /// Whether somebody said stop.
    pub(crate) fn advance(&self, bytes: u64) -> Result<(), RegistryError> {
        if self.stop.advance(bytes).is_break() { Err(RegistryError::Interrupted) } else { Ok(()) }
    }

    pub(crate) fn failed(&self, fault: Fault, uri: &Uri) -> Failed {
        let told = |error| {
            let host = Origin::of(uri).map_or_else(|| self.domain.clone(), |origin| origin.to_string());
            RegistryError::Unreachable { doing: format!("reach {host}"), source: reason(error) }
        };
        match fault {
            Fault::Passing(error) => Failed::Passing(told(error)),
            Fault::Lasting(error) => Failed::Lasting(told(error)),
            Fault::Ours(error) => Failed::Ours(error),
        }
    }
}

/// Why there is no answer, and whether to try again.
pub(crate) enum Failed {
    Passing(RegistryError),
    Lasting(RegistryError),
    Ours(RegistryError),
}

impl Failed {
    fn told(self) -> RegistryError {
        match self {
            Self::Passing(error) | Self::Lasting(error) | Self::Ours(error) => error,
        }
    }
}

impl From<RegistryError> for Failed {
    fn from(error: RegistryError) -> Self {
        Self::Ours(error)
    }
}
