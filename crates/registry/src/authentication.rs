//! Tokens and passwords: what is sent so that a registry knows who asks (the distribution project's token authentication, and
//! its OAuth2 form for identity tokens).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use ureq::http::Uri;

use crate::RegistryError;
use crate::answer::Answer;
use crate::challenge::Challenge;
use crate::credentials::{Credential, Credentials};
use crate::error::shown;
use crate::origin::{encode, with_query};

/// How long a token lives whose server does not say, by the specification.
const USUAL_LIFE: Duration = Duration::from_secs(60);
/// A token is renewed after so long, whatever its server says.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// A token this near its end is not used any more.
const MARGIN: Duration = Duration::from_secs(10);
/// Largest answer of a realm that is read.
const TOKEN_LIMIT: u64 = 1 << 20;

/// What may be done where: what a token is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    /// The repository's path on its registry.
    pub(crate) repository: String,
    pub(crate) push: bool,
    /// Repositories that blobs are mounted from.
    pub(crate) from: Vec<String>,
}

impl Scope {
    /// As the specification spells it, each in a parameter of its own.
    fn words(&self) -> Vec<String> {
        let actions = if self.push { "pull,push" } else { "pull" };
        let own = format!("repository:{}:{actions}", self.repository);
        let from = self.from.iter().map(|other| format!("repository:{other}:pull"));
        std::iter::once(own).chain(from).collect()
    }
}

/// Asks a realm, with headers, and by POST where there is a form.
pub(crate) type AskRealm<'r> =
    dyn Fn(&Uri, &[(&str, &str)], Option<&str>) -> Result<Answer, RegistryError> + 'r;

/// Who we are to one registry.
#[derive(Debug)]
pub(crate) struct Authentication {
    domain: String,
    credentials: Credentials,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Asked of the files and helpers once for each repository.
    credentials: HashMap<String, Option<Credential>>,
    /// What the registry asked for last.
    challenge: Option<Challenge>,
    tokens: HashMap<Option<Scope>, Token>,
}

#[derive(Debug)]
struct Token {
    header: String,
    expires: Instant,
}

/// A realm's answer.
#[derive(Deserialize)]
struct Given {
    token: Option<String>,
    access_token: Option<String>,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl Authentication {
    pub(crate) fn new(domain: &str, credentials: &Credentials) -> Self {
        Self { domain: domain.to_owned(), credentials: credentials.clone(), known: Mutex::default() }
    }

    /// What to send along, as far as the registry has asked for anything yet.
    pub(crate) fn header(
        &self,
        scope: Option<&Scope>,
        ask: &AskRealm<'_>,
    ) -> Result<Option<String>, RegistryError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.challenge.is_none() {
            return Ok(None);
        }
        self.make(&mut known, scope, ask)
    }

    /// What to send instead of `refused`; `None` where there is nothing else to be had. Many threads may be refused at once:
    /// the first one asks.
    pub(crate) fn renew(
        &self,
        challenge: Challenge,
        scope: Option<&Scope>,
        refused: Option<&str>,
        ask: &AskRealm<'_>,
    ) -> Result<Option<String>, RegistryError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.challenge = Some(challenge);
        let token = known.tokens.get(&scope.cloned());
        if token.is_some_and(|token| Some(token.header.as_str()) == refused) {
            known.tokens.remove(&scope.cloned());
        }
        let renewed = self.make(&mut known, scope, ask)?;
        Ok(renewed.filter(|header| Some(header.as_str()) != refused))
    }

    fn make(
        &self,
        known: &mut Known,
        scope: Option<&Scope>,
        ask: &AskRealm<'_>,
    ) -> Result<Option<String>, RegistryError> {
        let credential = self.credential(known, scope)?;
        match (&known.challenge, credential) {
            (Some(Challenge::Basic), Some(Credential::Password { user, password })) => {
                Ok(Some(basic(&user, &password)))
            }
            (Some(Challenge::Bearer { realm, service, scope: asked }), credential) => {
                let key = scope.cloned();
                if let Some(token) = known.tokens.get(&key).filter(|token| token.expires > Instant::now()) {
                    return Ok(Some(token.header.clone()));
                }
                let words = scope.map_or_else(|| asked.iter().cloned().collect(), Scope::words);
                let token = self.token(realm, service.as_deref(), &words, credential.as_ref(), ask)?;
                let header = token.header.clone();
                known.tokens.insert(key, token);
                Ok(Some(header))
            }
            (Some(Challenge::Basic) | None, _) => Ok(None),
        }
    }

    fn credential(
        &self,
        known: &mut Known,
        scope: Option<&Scope>,
    ) -> Result<Option<Credential>, RegistryError> {
        let path = scope.map(|scope| scope.repository.clone()).unwrap_or_default();
        if let Some(credential) = known.credentials.get(&path) {
            return Ok(credential.clone());
        }
        let name = ply_reference::Name::parse(&format!("{}/{path}", self.domain));
        let found = match name {
            Ok(name) if !path.is_empty() => self.credentials.find(&name)?,
            _ => self.credentials.of_host(&self.domain)?,
        };
        known.credentials.insert(path, found.clone());
        Ok(found)
    }

    /// Asks the realm for a token.
    fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        scopes: &[String],
        credential: Option<&Credential>,
        ask: &AskRealm<'_>,
    ) -> Result<Token, RegistryError> {
        let refused = |why: String| RegistryError::Refused { registry: self.domain.clone(), why };
        let no_realm = || refused(format!("names the realm {}, which is none", shown(realm)));
        let mut uri: Uri = realm.parse().map_err(|_| no_realm())?;
        let asked = Instant::now();
        let answer = match credential {
            Some(Credential::IdentityToken(token)) => {
                let scope = scopes.join(" ");
                let form = [
                    ("grant_type", "refresh_token"),
                    ("service", service.unwrap_or_default()),
                    ("client_id", "plywood"),
                    ("scope", &scope),
                    ("refresh_token", token),
                ];
                let form: Vec<String> =
                    form.iter().map(|(key, value)| format!("{key}={}", encode(value))).collect();
                let headers = [("content-type", "application/x-www-form-urlencoded")];
                ask(&uri, &headers, Some(&form.join("&")))?
            }
            credential => {
                let service = service.map(|service| ("service", service));
                let scopes = scopes.iter().map(|scope| ("scope", scope.as_str()));
                for (key, value) in service.into_iter().chain(scopes) {
                    uri = with_query(&uri, key, value).ok_or_else(no_realm)?;
                }
                match credential {
                    Some(Credential::Password { user, password }) => {
                        ask(&uri, &[("authorization", &basic(user, password))], None)?
                    }
                    _ => ask(&uri, &[], None)?,
                }
            }
        };
        self.read_token(answer, asked)
    }

    /// Reads the token out of an answer of the realm, which was asked at some time.
    fn read_token(&self, answer: Answer, asked: Instant) -> Result<Token, RegistryError> {
        let refused = |why: String| RegistryError::Refused { registry: self.domain.clone(), why };
        let no_token = || refused("has a realm that gives no token".to_owned());
        if answer.status != 200 {
            let (registry, what, status) = (self.domain.clone(), "a token".to_owned(), answer.status);
            let why = answer.words();
            return Err(match status {
                401 | 403 => RegistryError::Unauthorized { registry, what, why },
                _ => RegistryError::Status { registry, what, status, why },
            });
        }
        let raw = answer.read(TOKEN_LIMIT).map_err(|e| refused(format!("gave half a token: {e}")))?;
        let given: Given = serde_json::from_slice(&raw).map_err(|_| no_token())?;
        let token = given.token.filter(|token| !token.is_empty()).or(given.access_token).unwrap_or_default();
        // It becomes a header: what is no token must not become several.
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(no_token());
        }
        let life = given.expires_in.map_or(USUAL_LIFE, Duration::from_secs);
        let life = life.clamp(MARGIN.saturating_add(Duration::from_secs(1)), LONGEST_LIFE);
        Ok(Token {
            header: format!("Bearer {token}"),
            expires: asked.checked_add(life.saturating_sub(MARGIN)).unwrap_or(asked),
        })
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}
