//! Where a registry sends us: what is followed, who is told who asks, and which places are not visited.

use std::net::ToSocketAddrs;

use ureq::http::{Method, Uri};

use crate::RegistryError;
use crate::addresses::Reach;
use crate::answer::Answer;
use crate::error::shown;
use crate::host::{Call, Failed, Host};
use crate::origin::{Origin, join};
use crate::transport::Role;

/// Redirects of one request that are followed.
const REDIRECTS: usize = 5;

impl Host<'_> {
    /// Follows redirects of what only reads. Who is not the registry gets no credentials, and must be a place that may be
    /// visited.
    pub(crate) fn follow(
        &self,
        mut uri: Uri,
        call: &Call<'_>,
        authorization: Option<&str>,
    ) -> Result<Answer, Failed> {
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
    pub(crate) fn role(&self, uri: &Uri) -> Role {
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
    pub(crate) fn most(&self) -> Reach {
        *self.reach.get_or_init(|| {
            let Some(origin) = self.origin.get().cloned().or_else(|| self.ways().into_iter().next()) else {
                return Reach::Public;
            };
            let addresses = format!("{}:{}", origin.host, origin.port).to_socket_addrs();
            let reaches = addresses.into_iter().flatten().map(|address| Reach::of(address.ip()));
            reaches.min().unwrap_or(Reach::Public).min(Reach::Loopback)
        })
    }
}

/// A URL for a message: its query may hold a signature, and what is before an `@` a password.
pub(crate) fn without_query(url: &str) -> String {
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
