//! Which addresses another host than the registry's may have: a registry must not send us to places that only we can
//! reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// How far inside an address lies. A registry may send to places as far inside as it is itself, and no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// Anybody can reach it.
    Public,
    /// In a network of one's own.
    Private,
    /// This machine.
    Loopback,
    /// What hosts tell their guests, and what is no host at all: nobody is sent there.
    Never,
}

impl Reach {
    /// By the special-purpose address registries (RFC 6890).
    pub(crate) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::of_v4(v4),
            IpAddr::V6(v6) => Self::of_v6(v6),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            [127, ..] => Self::Loopback,
            [0 | 224..=255, ..] | [169, 254, ..] => Self::Never,
            [10, ..] | [192, 168, ..] | [172, 16..=31, ..] | [100, 64..=127, ..] | [198, 18..=19, ..] => {
                Self::Private
            }
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if let Some(v4) = embedded(address) {
            return Self::of_v4(v4);
        }
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Loopback,
            [0, 0, 0, 0, 0, 0, 0, 0] | [0xfe80..=0xfebf | 0xff00..=0xffff, ..] => Self::Never,
            [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Self::Private,
            _ => Self::Public,
        }
    }
}

/// An IPv4 address that an IPv6 one stands for: mapped, compatible, or behind NAT64 or 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => v4(high, low),
        _ => None,
    }
}

/// Resolves names, and gives only addresses that may be visited.
#[derive(Debug)]
pub(crate) struct Guarded {
    inner: DefaultResolver,
    most: Reach,
}

impl Guarded {
    pub(crate) fn new(most: Reach) -> Self {
        Self { inner: DefaultResolver::default(), most }
    }
}

impl Resolver for Guarded {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let mut allowed = self.empty();
        for address in found.iter().filter(|address| Reach::of(address.ip()) <= self.most) {
            allowed.push(*address);
        }
        if allowed.is_empty() {
            let host = uri.host().unwrap_or_default();
            let why = format!("{host} is an address inside, and the registry that names it is not");
            return Err(ureq::Error::Io(std::io::Error::new(std::io::ErrorKind::PermissionDenied, why)));
        }
        Ok(allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_inside() {
        use Reach::{Loopback, Never, Private, Public};
        let check = |address: &str, expect: Reach| {
            assert_eq!(Reach::of(address.parse().unwrap()), expect, "{address}");
        };
        check("93.184.216.34", Public);
        check("10.1.2.3", Private);
        check("172.16.0.1", Private);
        check("172.32.0.1", Public);
        check("192.168.1.1", Private);
        check("100.64.0.1", Private);
        check("127.0.0.1", Loopback);
        check("127.8.9.1", Loopback);
        check("169.254.169.254", Never);
        check("0.0.0.0", Never);
        check("224.0.0.1", Never);
        check("255.255.255.255", Never);
        check("::1", Loopback);
        check("::", Never);
        check("fe80::1", Never);
        check("fd00::1", Private);
        check("2606:2800:220:1:248:1893:25c8:1946", Public);
        // The same places in IPv6's clothes.
        check("::ffff:127.0.0.1", Loopback);
        check("::ffff:169.254.169.254", Never);
        check("64:ff9b::a9fe:a9fe", Never);
        check("2002:7f00:1::", Loopback);
        check("::ffff:8.8.8.8", Public);
    }
}
