//! Where a request goes: scheme, host and port, and what of them is the same place.

use std::fmt;

use ureq::http::Uri;

/// Who serves a URL. Credentials go to one origin and to no other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) tls: bool,
    /// As in a URL: IPv6 addresses in brackets, lower case.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Origin {
    pub(crate) fn of(uri: &Uri) -> Option<Self> {
        let tls = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        // `user@host` hides who is asked.
        if authority.as_str().contains('@') {
            return None;
        }
        let port = match authority.as_str().get(authority.host().len()..)? {
            "" | ":" => {
                if tls {
                    443
                } else {
                    80
                }
            }
            // What is no port must not become another one.
            _ => authority.port_u16()?,
        };
        Some(Self { tls, host: authority.host().to_ascii_lowercase(), port })
    }

    /// A registry's domain, as names spell it: `registry.example`, `localhost:5000`, `[::1]:5000`.
    pub(crate) fn parse(domain: &str, tls: bool) -> Option<Self> {
        Self::of(&format!("{}://{domain}/", if tls { "https" } else { "http" }).parse().ok()?)
    }

    /// Whether the host is this machine by its very name, whatever a resolver says.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || host.ends_with(".localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The URL of a path here.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{self}{path}")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.tls { ("https", 443) } else { ("http", 80) };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == usual { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// What a `Location` or `Link` means, seen from the URL that answered with it (RFC 3986, section 5.2, as far as servers
/// use it: a whole URL, a host, a path, a query).
pub(crate) fn join(base: &Uri, target: &str) -> Option<Uri> {
    let scheme = base.scheme_str()?;
    let authority = base.authority()?;
    let target = target.split('#').next().unwrap_or_default().trim();
    let text = if target.contains("://") && target.find("://") < target.find(['/', '?']) {
        target.to_owned()
    } else if target.starts_with("//") {
        format!("{scheme}:{target}")
    } else if target.starts_with('/') {
        format!("{scheme}://{authority}{target}")
    } else if target.starts_with('?') {
        format!("{scheme}://{authority}{}{target}", base.path())
    } else {
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{target}")
    };
    text.parse().ok()
}

/// The same URL with another parameter in its query.
pub(crate) fn with_query(uri: &Uri, key: &str, value: &str) -> Option<Uri> {
    let separator = if uri.query().is_some() { '&' } else { '?' };
    format!("{uri}{separator}{key}={}", encode(value)).parse().ok()
}

/// Percent-encodes all that is not unreserved (RFC 3986, section 2.3).
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations() {
        let check = |target: &str, expect: &str| {
            let base = "https://registry.example:5000/v2/app/blobs/uploads/".parse().unwrap();
            assert_eq!(join(&base, target).map(|uri| uri.to_string()).as_deref(), Some(expect), "{target}");
        };
        check("https://cdn.example/x?y=1", "https://cdn.example/x?y=1");
        check("//cdn.example/x", "https://cdn.example/x");
        check(
            "/v2/app/blobs/uploads/17?state=a",
            "https://registry.example:5000/v2/app/blobs/uploads/17?state=a",
        );
        check("17", "https://registry.example:5000/v2/app/blobs/uploads/17");
        check("?state=b", "https://registry.example:5000/v2/app/blobs/uploads/?state=b");
        check("/x?to=http://elsewhere/", "https://registry.example:5000/x?to=http://elsewhere/");
    }

    #[test]
    fn same_place() {
        let check = |a: &str, b: &str, expect: bool| {
            let of = |url: &str| Origin::of(&url.parse().unwrap());
            assert_eq!(of(a) == of(b), expect, "{a} {b}");
        };
        check("https://a.example/x", "https://A.example:443/y", true);
        check("https://a.example/", "http://a.example/", false);
        check("https://a.example/", "https://a.example:8443/", false);
        check("https://a.example/", "https://b.example/", false);
        assert_eq!(Origin::of(&"https://user@a.example/".parse().unwrap()), None);
        assert_eq!(Origin::of(&"ftp://a.example/".parse().unwrap()), None);
        check("http://a.example:/", "http://a.example:80/", true);
        check("http://[::1]:80/", "http://[::1]/", true);
        for wrong in ["http://a.example:99999/", "http://[::1]:65536/"] {
            assert!(wrong.parse().ok().is_none_or(|uri| Origin::of(&uri).is_none()), "{wrong}");
        }
        for (domain, expect) in [
            ("localhost:5000", true),
            ("127.0.0.2", true),
            ("[::1]:5000", true),
            ("localhost.example", false),
        ] {
            assert_eq!(Origin::parse(domain, true).map(|o| o.is_loopback()), Some(expect), "{domain}");
        }
    }
}
