//! A registry's host: requests to it, with credentials where it wants them, retries, and redirects that are looked at.

use std::net::ToSocketAddrs;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use ureq::http::{Method, Uri};

use crate::RegistryError;
use crate::addresses::Reach;
use crate::answer::Answer;
use crate::authentication::{Authentication, Scope};
use crate::challenge::Challenge;
use crate::client::{Settings, Stop};
use crate::error::shown;
use crate::origin::{Origin, join};
use crate::proxy::Proxies;
use crate::retry::{may_pass, retry_after, sleep};
use crate::transport::{Fault, Payload, Role, Transport, reason};

/// Redirects of one request that are followed.
const REDIRECTS: usize = 5;

/// The registry that names without a host belong to serves its API, and keeps its credentials, under other names.
const DEFAULT: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// One registry.
pub(crate) struct Host<'a> {
    /// As names spell it.
    pub(crate) domain: String,
    transport: Transport,
    authentication: Authentication,
    settings: Arc<Settings>,
    stop: Stop<'a>,
    /// Which way it is spoken to, once that is known.
    origin: OnceLock<Origin>,
    /// How far inside it lies itself.
    reach: OnceLock<Reach>,
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
        let proxies = Proxies::from_environment();
        let transport = Transport::new(
            certificates,
            settings.tls_verify,
            proxies,
            settings.patience,
            &settings.user_agent,
        );
        let authentication = Authentication::new(domain, &settings.credentials);
        let (origin, reach) = (OnceLock::new(), OnceLock::new());
        let host =
            Self { domain: domain.to_owned(), transport, authentication, settings, stop, origin, reach };
        if host.parse_origin(true).is_none() {
            return Err(RegistryError::Settings(format!(
                "{:?} is no registry that can be asked",
                shown(domain)
            )));
        }
        Ok(host)
    }

    fn parse_origin(&self, tls: bool) -> Option<Origin> {
        let (name, api) = DEFAULT;
        Origin::parse(if self.domain == name { api } else { &self.domain }, tls)
    }

    /// The ways to speak to it, the first to be tried first. Without TLS only to this machine, unless somebody asked for it;
    /// and never as a way out where TLS fails, unless somebody asked for that.
    fn ways(&self) -> Vec<Origin> {
        let tls = match &self.settings {
            settings if !settings.tls_verify => vec![true, false],
            settings if settings.certs().knows(&self.domain) => vec![true],
            _ if self.parse_origin(false).is_some_and(|origin| origin.is_loopback()) => vec![false, true],
            _ => vec![true],
        };
        tls.into_iter().filter_map(|tls| self.parse_origin(tls)).collect()
    }

    /// Whether the registry is spoken to without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        self.origin.get().is_some_and(|origin| !origin.tls)
    }

    /// Sends a request and gives the answer, whatever its status; except that what may pass is waited for, and who wants
    /// credentials gets them.
    pub(crate) fn send(&self, at: At<'_>, call: &Call<'_>) -> Result<Answer, RegistryError> {
        let patience = self.settings.patience;
        let mut retry = 0;
        loop {
            if self.stop.advance(0).is_break() {
                return Err(RegistryError::Interrupted);
            }
            let last = !call.retried || retry >= patience.retries;
            let wait = match self.authenticated(at, call) {
                Ok(answer) if may_pass(answer.status) && !last => {
                    let asked =
                        answer.header("retry-after").and_then(|text| retry_after(text, SystemTime::now()));
                    answer.drain();
                    patience.wait(retry, asked)
                }
                Ok(answer) => return Ok(answer),
                Err(Failed::Passing(_)) if !last => patience.wait(retry, None),
                Err(failed) => return Err(failed.told(self)),
            };
            sleep(wait, &*self.stop)?;
            retry += 1;
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

    fn refused(&self, why: impl Into<String>) -> RegistryError {
        RegistryError::Refused { registry: self.domain.clone(), why: why.into() }
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

    /// To the registry's API by the way that is known to work, or by those there are, one after the other.
    fn way(&self, at: At<'_>, call: &Call<'_>, authorization: Option<&str>) -> Result<Answer, Failed> {
        let path = match at {
            At::Url(uri) => return self.follow(uri.clone(), call, authorization),
            At::Path(path) => path,
        };
        if let Some(origin) = self.origin.get() {
            return self.follow(self.uri(origin, path)?, call, authorization);
        }
        let ways = self.ways();
        let mut ways = ways.iter().peekable();
        let mut first = None;
        while let Some(origin) = ways.next() {
            let answer = self.follow(self.uri(origin, path)?, call, authorization);
            match answer {
                Ok(answer) if ways.peek().is_some() && !origin.tls && wants_tls(&answer) => answer.drain(),
                Ok(answer) => {
                    let _ = self.origin.set(origin.clone());
                    return Ok(answer);
                }
                Err(Failed::Lasting(error)) if ways.peek().is_some() && speaks_otherwise(&error, origin) => {
                    first = Some(Failed::Lasting(error));
                }
                Err(Failed::Passing(error)) if ways.peek().is_some() && speaks_otherwise(&error, origin) => {
                    first = Some(Failed::Passing(error));
                }
                // What the better way says is what matters.
                Err(failed) => return Err(first.unwrap_or(failed)),
            }
        }
        Err(Failed::Ours(self.refused("cannot be spoken to")))
    }

    fn uri(&self, origin: &Origin, path: &str) -> Result<Uri, Failed> {
        origin.url(path).parse().map_err(|_| Failed::Ours(self.refused(format!("has no {}", shown(path)))))
    }

    /// Follows redirects of what only reads. Who is not the registry gets no credentials, and must be a place that may be
    /// visited.
    fn follow(&self, mut uri: Uri, call: &Call<'_>, authorization: Option<&str>) -> Result<Answer, Failed> {
        for _ in 0..=REDIRECTS {
            let answer = self.hop(&uri, call, authorization)?;
            let is_redirect = matches!(answer.status, 301 | 302 | 303 | 307 | 308);
            if !is_redirect || !(call.method == Method::GET || call.method == Method::HEAD) {
                return Ok(answer);
            }
            let target = answer.header("location").unwrap_or_default().to_owned();
            answer.drain();
            uri = self.next(&uri, &target)?;
        }
        Err(Failed::Ours(self.refused(format!("redirects {} more than {REDIRECTS} times", call.what))))
    }

    fn hop(&self, uri: &Uri, call: &Call<'_>, authorization: Option<&str>) -> Result<Answer, Failed> {
        let role = self.role(uri);
        let mut headers: Vec<(&str, &str)> =
            call.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        headers.extend(authorization.filter(|_| role == Role::Home).map(|value| ("authorization", value)));
        self.transport
            .send(role, || self.most(), (&call.method, uri), &headers, call.payload)
            .map_err(|fault| self.failed(fault, uri))
    }

    /// Whether a URL is the registry's own: same scheme, host and port.
    fn role(&self, uri: &Uri) -> Role {
        let origin = Origin::of(uri);
        let own = match self.origin.get() {
            Some(known) => origin.as_ref() == Some(known),
            None => origin.is_some_and(|origin| self.ways().contains(&origin)),
        };
        if own { Role::Home } else { Role::Away }
    }

    /// The place that a redirect or a `Location` means, if it may be visited.
    pub(crate) fn next(&self, from: &Uri, target: &str) -> Result<Uri, RegistryError> {
        let refused = |why: &str| self.refused(format!("points to {}, {why}", shown(&without_query(target))));
        let uri = join(from, target).ok_or_else(|| refused("which is no place"))?;
        let origin = Origin::of(&uri).ok_or_else(|| refused("which is no place that is visited"))?;
        let was_tls = Origin::of(from).is_some_and(|origin| origin.tls);
        if was_tls && !origin.tls {
            return Err(refused("without TLS"));
        }
        // What is visited through a proxy is resolved there: an address can be looked at all the same.
        let host = origin.host.trim_start_matches('[').trim_end_matches(']');
        let is_inside = |most| host.parse().is_ok_and(|address| Reach::of(address) > most);
        if self.role(&uri) == Role::Away && is_inside(self.most()) {
            return Err(refused("an address inside"));
        }
        Ok(uri)
    }

    /// The same for a place that only the registry itself may be.
    pub(crate) fn next_here(&self, from: &Uri, target: &str) -> Result<Uri, RegistryError> {
        let uri = self.next(from, target)?;
        if self.role(&uri) == Role::Home {
            return Ok(uri);
        }
        Err(self.refused(format!("points to {} for what it has itself", shown(&without_query(target)))))
    }

    /// How far inside a place may lie that the registry sends us to: as far as the registry itself.
    fn most(&self) -> Reach {
        *self.reach.get_or_init(|| {
            let Some(origin) = self.origin.get().cloned().or_else(|| self.ways().into_iter().next()) else {
                return Reach::Public;
            };
            let addresses = format!("{}:{}", origin.host, origin.port).to_socket_addrs();
            let reaches = addresses.into_iter().flatten().map(|address| Reach::of(address.ip()));
            reaches.min().unwrap_or(Reach::Public).min(Reach::Loopback)
        })
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
        let patience = self.settings.patience;
        let mut retry = 0;
        loop {
            let sent = self.transport.send(self.role(uri), || self.most(), (&method, uri), headers, payload);
            let last = retry >= patience.retries;
            let wait = match sent {
                Ok(answer) if may_pass(answer.status) && !last => {
                    let asked =
                        answer.header("retry-after").and_then(|text| retry_after(text, SystemTime::now()));
                    answer.drain();
                    patience.wait(retry, asked)
                }
                Ok(answer) => return Ok(answer),
                Err(Fault::Passing(_)) if !last => patience.wait(retry, None),
                Err(fault) => return Err(self.failed(fault, uri).told(self)),
            };
            sleep(wait, &*self.stop)?;
            retry += 1;
        }
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

    fn failed(&self, fault: Fault, uri: &Uri) -> Failed {
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
enum Failed {
    Passing(RegistryError),
    Lasting(RegistryError),
    Ours(RegistryError),
}

impl Failed {
    fn told(self, _: &Host<'_>) -> RegistryError {
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

/// What a server says that speaks TLS to one who does not.
fn wants_tls(answer: &Answer) -> bool {
    answer.status == 400 && answer.header("docker-distribution-api-version").is_none()
}

/// Whether the other end does not speak as it was spoken to: no TLS where it was tried, or the other way round.
fn speaks_otherwise(error: &RegistryError, origin: &Origin) -> bool {
    let RegistryError::Unreachable { source, .. } = error else { return false };
    let text = source.to_string();
    // A certificate that is not trusted is another matter: whoever wants it otherwise says so.
    let nobody = text.contains("nobody");
    match origin.tls {
        // Where no port is named the two have different ones.
        true => text.contains("corrupt message") || nobody && origin.port == 443,
        false => !nobody,
    }
}

/// A URL for a message: its query may hold a signature, and what is before an `@` a password.
fn without_query(url: &str) -> String {
    let url = url.split('?').next().unwrap_or_default();
    match url.split_once("//") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            match authority.rsplit_once('@') {
                Some((_, host)) => format!("{scheme}//…@{host}{path}"),
                None => url.to_owned(),
            }
        }
        None => url.to_owned(),
    }
}
