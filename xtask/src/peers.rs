//! The engines and tools we are tested and measured against, and how to get them.

use crate::shell;

struct Peer {
    program: &'static str,
    /// Debian's package; None where Debian has none.
    package: Option<&'static str>,
}

const PEERS: [Peer; 6] = [
    Peer { program: "dockerd", package: Some("docker.io") },
    Peer { program: "podman", package: Some("podman") },
    Peer { program: "skopeo", package: Some("skopeo") },
    Peer { program: "buildah", package: Some("buildah") },
    Peer { program: "umoci", package: Some("umoci") },
    Peer { program: "crane", package: None },
];

/// One line: which are not here and how to install them; None when all are.
pub(crate) fn missing() -> Option<String> {
    sentence(PEERS.iter().filter(|peer| shell::found(peer.program).is_none()))
}

/// The same for those that Debian has, which `cargo xtask ci` asks for.
pub(crate) fn missing_from_debian() -> Option<String> {
    let debian = PEERS.iter().filter(|peer| peer.package.is_some());
    sentence(debian.filter(|peer| shell::found(peer.program).is_none()))
}

fn sentence<'a>(missing: impl Iterator<Item = &'a Peer>) -> Option<String> {
    let (packaged, rest): (Vec<&Peer>, Vec<&Peer>) = missing.partition(|peer| peer.package.is_some());
    let mut parts = Vec::new();
    if !packaged.is_empty() {
        let packages: Vec<&str> = packaged.iter().filter_map(|peer| peer.package).collect();
        parts.push(format!("{} (apt-get install {})", names(&packaged), packages.join(" ")));
    }
    if !rest.is_empty() {
        parts.push(format!("{} (not in Debian; only the benchmark asks for it)", names(&rest)));
    }
    (!parts.is_empty()).then(|| format!("peers not found: {}", parts.join("; ")))
}

fn names(peers: &[&Peer]) -> String {
    peers.iter().map(|peer| peer.program).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{PEERS, sentence};

    #[test]
    fn a_missing_peer_is_named_with_its_package() {
        let check = |programs: &[&str], expect: Option<&str>| {
            let missing = PEERS.iter().filter(|peer| programs.contains(&peer.program));
            assert_eq!(sentence(missing).as_deref(), expect, "{programs:?}");
        };
        check(&[], None);
        check(
            &["dockerd", "umoci"],
            Some("peers not found: dockerd, umoci (apt-get install docker.io umoci)"),
        );
        check(
            &["podman", "crane"],
            Some(
                "peers not found: podman (apt-get install podman); \
                 crane (not in Debian; only the benchmark asks for it)",
            ),
        );
    }
}
