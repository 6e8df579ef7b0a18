use ply_reference::Name;

/// The default registry, as names of images have it.
const DEFAULT: &str = "docker.io";
/// The same, as Docker's file and helpers have it.
const DEFAULT_KEY: &str = "https://index.docker.io/v1/";
/// The same, as it may stand in files.
const DEFAULT_NAMES: [&str; 3] = [DEFAULT, "index.docker.io", "registry-1.docker.io"];

/// What a credential is for: a registry, or in podman's files a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    /// Without scheme, `docker.io` for the default registry.
    host: String,
    /// `team/app`, empty for all of the registry.
    path: String,
}

impl Scope {
    /// Of a key in a file: `host:5000`, `https://host/v1/`, `host/team`.
    pub(super) fn of_key(key: &str) -> Self {
        let (is_url, rest) = key.split_once("://").map_or((false, key), |(_, rest)| (true, rest));
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_matches('/');
        // Of a URL, the path is that of the API.
        Self::new(host, if is_url || matches!(path, "v1" | "v2") { "" } else { path })
    }

    /// Of a registry as a whole, however it is written.
    pub(super) fn of_host(host: &str) -> Self {
        Self { path: String::new(), ..Self::of_key(host) }
    }

    pub(super) fn of_name(name: &Name) -> Self {
        Self::new(name.domain(), name.path())
    }

    fn new(host: &str, path: &str) -> Self {
        let is_default = DEFAULT_NAMES.iter().any(|name| name.eq_ignore_ascii_case(host));
        Self { host: if is_default { DEFAULT } else { host }.to_owned(), path: path.to_owned() }
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// What Docker calls the registry in its file and to its helpers.
    pub(super) fn docker_key(&self) -> &str {
        if self.host == DEFAULT { DEFAULT_KEY } else { &self.host }
    }

    /// Whether it is all of the registry that `other` is of.
    pub(super) fn is_registry_of(&self, other: &Self) -> bool {
        self.path.is_empty() && self.host.eq_ignore_ascii_case(&other.host)
    }

    /// Whether what is for this is also for `other`.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let below = other.path.strip_prefix(&self.path);
        let holds_path =
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || self.path.is_empty());
        holds_path && self.host.eq_ignore_ascii_case(&other.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_in_files() {
        let rows = [
            ("host", "host", "", "host"),
            ("host:5000", "host:5000", "", "host:5000"),
            ("https://host/", "host", "", "host"),
            ("http://host/v1/", "host", "", "host"),
            ("https://host:5000/v2/", "host:5000", "", "host:5000"),
            ("https://host/anything/at/all", "host", "", "host"),
            ("host/v1/", "host", "", "host"),
            ("host/", "host", "", "host"),
            ("[::1]:5000", "[::1]:5000", "", "[::1]:5000"),
            ("http://[::1]:5000/v2/", "[::1]:5000", "", "[::1]:5000"),
            ("host/team", "host", "team", "host"),
            ("host/team/app/", "host", "team/app", "host"),
            ("https://index.docker.io/v1/", "docker.io", "", DEFAULT_KEY),
            ("index.docker.io", "docker.io", "", DEFAULT_KEY),
            ("registry-1.docker.io", "docker.io", "", DEFAULT_KEY),
            ("docker.io", "docker.io", "", DEFAULT_KEY),
            ("docker.io/library", "docker.io", "library", DEFAULT_KEY),
            ("", "", "", ""),
        ];
        for (key, host, path, docker_key) in rows {
            let scope = Scope::of_key(key);
            assert_eq!((scope.host(), scope.path(), scope.docker_key()), (host, path, docker_key), "{key}");
        }
    }

    #[test]
    fn what_is_for_what() {
        let rows = [
            ("host", "host/a/b", true),
            ("HOST", "host/a/b", true),
            ("host/a", "host/a/b", true),
            ("host/a/b", "host/a/b", true),
            ("host/a/b/c", "host/a/b", false),
            ("host/a/", "host/ab", false),
            ("host/a", "host", false),
            ("host", "host:5000/a", false),
            ("other", "host/a", false),
            ("https://index.docker.io/v1/", "docker.io/library/nginx", true),
            ("docker.io/library", "index.docker.io/library/nginx", true),
        ];
        for (key, wanted, expect) in rows {
            assert_eq!(Scope::of_key(key).covers(&Scope::of_key(wanted)), expect, "{key} for {wanted}");
        }
    }
}
