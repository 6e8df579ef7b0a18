//! The proxy variables, as Docker and Go's `http.ProxyFromEnvironment` read them.

use ureq::Proxy;

use crate::RegistryError;
use crate::origin::Origin;

/// What the environment says of proxies.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies {
    http: Option<String>,
    https: Option<String>,
    none: String,
}

impl Proxies {
    pub(crate) fn from_environment() -> Self {
        Self::new(|variable| std::env::var(variable).ok())
    }

    /// `HTTPS_PROXY` and its like, in upper case before lower case.
    fn new(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&str]| names.iter().find_map(|name| variable(name).filter(|v| !v.is_empty()));
        // A CGI script's `HTTP_PROXY` is a header of its caller (CVE-2016-5386).
        let http: &[&str] = match variable("REQUEST_METHOD") {
            Some(_) => &["http_proxy", "ALL_PROXY", "all_proxy"],
            None => &["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
        };
        Self {
            http: first(http),
            https: first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]),
            none: first(&["NO_PROXY", "no_proxy"]).unwrap_or_default(),
        }
    }

    /// The proxy for a place; none for this machine.
    pub(crate) fn proxy(&self, origin: &Origin) -> Result<Option<Proxy>, RegistryError> {
        let Some(proxy) = (if origin.tls { &self.https } else { &self.http }) else { return Ok(None) };
        if origin.is_loopback() || self.none.split([',', ' ']).any(|rule| is_exempt(rule, origin)) {
            return Ok(None);
        }
        let url = if proxy.contains("://") { proxy.clone() } else { format!("http://{proxy}") };
        // The URL may hold a password: it is not repeated.
        let wrong = |_| {
            RegistryError::Settings(
                "the proxy that the environment names has no URL that can be read".to_owned(),
            )
        };
        Proxy::new(&url).map(Some).map_err(wrong)
    }
}

/// Whether a rule of `NO_PROXY` means a place: `*`, a domain and all below it, `.domain` only below it, an address, a
/// network; each with a port or without.
fn is_exempt(rule: &str, origin: &Origin) -> bool {
    let rule = rule.trim().to_ascii_lowercase();
    if rule.is_empty() {
        return false;
    }
    if rule == "*" {
        return true;
    }
    let host = origin.host.trim_start_matches('[').trim_end_matches(']');
    if let Some((network, bits)) = rule.split_once('/') {
        return is_in_network(host, network, bits);
    }
    let (name, port) = match rule.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
        _ => (rule.as_str(), None),
    };
    if port.is_some_and(|port| port.parse() != Ok(origin.port)) {
        return false;
    }
    let name = name.trim_start_matches('[').trim_end_matches(']').trim_start_matches("*");
    match name.strip_prefix('.') {
        Some(domain) => host.strip_suffix(domain).is_some_and(|below| below.ends_with('.')),
        None => host == name || host.strip_suffix(name).is_some_and(|below| below.ends_with('.')),
    }
}

fn is_in_network(host: &str, network: &str, bits: &str) -> bool {
    use std::net::IpAddr::{V4, V6};
    let (Ok(host), Ok(network), Ok(bits)) = (host.parse(), network.parse(), bits.parse::<u32>()) else {
        return false;
    };
    let same = |a: u128, b: u128, width: u32| {
        bits <= width && (a ^ b).checked_shr(width.saturating_sub(bits)).is_none_or(|differs| differs == 0)
    };
    match (host, network) {
        (V4(host), V4(network)) => same(host.to_bits().into(), network.to_bits().into(), 32),
        (V6(host), V6(network)) => same(host.to_bits(), network.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_goes_without() {
        let check = |rules: &str, domain: &str, expect: bool| {
            let origin = Origin::parse(domain, true).unwrap();
            assert_eq!(
                rules.split([',', ' ']).any(|rule| is_exempt(rule, &origin)),
                expect,
                "{rules}: {domain}"
            );
        };
        // golang.org/x/net/http/httpproxy, the documentation of `NoProxy`.
        check("*", "a.example", true);
        check("example", "a.example", true);
        check("b.example, a.example", "a.example", true);
        check("a.example", "x.a.example", true);
        check(".a.example", "a.example", false);
        check(".a.example", "x.a.example", true);
        check("a.example", "aa.example", false);
        check("a.example:443", "a.example", true);
        check("a.example:80", "a.example", false);
        check("10.0.0.0/8", "10.1.2.3:5000", true);
        check("10.0.0.0/8", "11.1.2.3", false);
        check("0.0.0.0/0", "11.1.2.3", true);
        check("fd00::/8", "[fd12::1]", true);
        check("10.1.2.3", "10.1.2.3", true);
        check("", "a.example", false);
    }

    #[test]
    fn which_variable() {
        let check = |given: &[(&str, &str)], domain: &str, tls: bool, expect: Option<&str>| {
            let variable = |name: &str| given.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
            let proxy = Proxies::new(variable).proxy(&Origin::parse(domain, tls).unwrap()).unwrap();
            assert_eq!(proxy.as_ref().map(Proxy::host), expect, "{given:?}");
        };
        check(&[("HTTPS_PROXY", "http://p:1")], "a.example", true, Some("p"));
        check(&[("HTTPS_PROXY", "p:1")], "a.example", true, Some("p"));
        check(&[("HTTPS_PROXY", "http://p:1")], "a.example", false, None);
        check(&[("http_proxy", "http://q:1")], "a.example", false, Some("q"));
        check(&[("HTTP_PROXY", "http://q:1"), ("REQUEST_METHOD", "GET")], "a.example", false, None);
        check(&[("ALL_PROXY", "http://q:1"), ("NO_PROXY", "a.example")], "a.example", true, None);
        check(&[("ALL_PROXY", "http://q:1")], "127.0.0.1:5000", false, None);
    }
}
