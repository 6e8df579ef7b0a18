//! How a registry is spoken to: with TLS, or without where that may be.

use std::sync::atomic::Ordering::Relaxed;

use ureq::http::Uri;

use crate::RegistryError;
use crate::answer::Answer;
use crate::error::shown;
use crate::host::{At, Call, Failed, Host};
use crate::origin::Origin;

/// The registry that names without a host belong to serves its API, and keeps its credentials, under other names.
const DEFAULT: (&str, &str) = ("docker.io", "registry-1.docker.io");

impl Host<'_> {
    pub(crate) fn parse_origin(&self, tls: bool) -> Option<Origin> {
        let (name, api) = DEFAULT;
        Origin::parse(if self.domain == name { api } else { &self.domain }, tls)
    }

    /// The ways to speak to it, the first to be tried first. Without TLS only to this machine, unless somebody asked for it;
    /// and never as a way out where TLS fails, unless somebody asked for that.
    pub(crate) fn ways(&self) -> Vec<Origin> {
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

    /// To the registry's API by the way that is known to work, or by those there are, one after the other.
    pub(crate) fn way(
        &self,
        at: At<'_>,
        call: &Call<'_>,
        authorization: Option<&str>,
    ) -> Result<Answer, Failed> {
        let path = match at {
            At::Url(uri) => return self.follow(uri.clone(), call, authorization),
            At::Path(path) => path,
        };
        if let Some(origin) = self.origin.get() {
            return self.follow(self.uri(origin, path)?, call, authorization);
        }
        let ways = self.ways();
        let mut ways = ways.iter().peekable();
        // What the way before this one came to, which counts where this one comes to nothing.
        let mut before: Option<(&Origin, Result<Answer, Failed>)> = None;
        while let Some(origin) = ways.next() {
            let found = self.follow(self.uri(origin, path)?, call, authorization);
            let is_other = match &found {
                Ok(answer) => !origin.tls && wants_tls(answer),
                Err(failed) => self.speaks_otherwise(failed, origin),
            };
            let (origin, found) = match before.take() {
                _ if is_other && ways.peek().is_some() => {
                    before = Some((origin, found));
                    continue;
                }
                Some((origin, Err(first))) if found.is_err() => (origin, Err(first)),
                // It said no, and meant it: there is no TLS.
                Some((_, Ok(answer))) if is_other || matches!(found, Err(Failed::Passing(_))) => {
                    return Ok(answer);
                }
                _ => (origin, found),
            };
            if found.is_ok() {
                let _ = self.origin.set(origin.clone());
            }
            return found;
        }
        Err(Failed::Ours(self.refused("cannot be spoken to")))
    }

    fn uri(&self, origin: &Origin, path: &str) -> Result<Uri, Failed> {
        origin.url(path).parse().map_err(|_| Failed::Ours(self.refused(format!("has no {}", shown(path)))))
    }

    /// Whether the other end does not speak as it was spoken to: no TLS where it was tried, or the other way round.
    fn speaks_otherwise(&self, failed: &Failed, origin: &Origin) -> bool {
        let (Failed::Passing(RegistryError::Unreachable { source, .. })
        | Failed::Lasting(RegistryError::Unreachable { source, .. })) = failed
        else {
            return false;
        };
        let text = source.to_string();
        // A certificate that is not trusted is another matter: whoever wants it otherwise says so.
        let nobody = text.contains("nobody");
        match origin.tls {
            // Where no port is named the two have different ones.
            true => text.contains("corrupt message") || nobody && origin.port == 443,
            // Who is slow is slow either way; and who hangs up may have had a bad moment, once.
            false if nobody || text.contains("in time") => false,
            false if text.contains("closed") || text.contains("reset") => self.hung_up.swap(true, Relaxed),
            false => true,
        }
    }
}

/// What a server says that speaks TLS to one who does not.
fn wants_tls(answer: &Answer) -> bool {
    answer.status == 400 && answer.header("docker-distribution-api-version").is_none()
}
