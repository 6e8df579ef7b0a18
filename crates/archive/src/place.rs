use std::path::PathBuf;

/// How an image that is not in the store is spelled, after skopeo: `docker-archive:FILE[:NAME]`,
/// `oci-archive:FILE[:NAME]`, `oci:DIR[:NAME]`; or a path that says it is one: `./app.tar`, `/tmp/app.tar`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What was said of its kind; its content decides.
    pub transport: Option<Transport>,
    /// File or folder.
    pub path: PathBuf,
    /// Which image of several.
    pub name: Option<String>,
}

/// What somebody says an archive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// As `docker save` writes it.
    DockerArchive,
    /// An OCI layout in a tar.
    OciArchive,
    /// An OCI layout in a folder.
    Oci,
}

impl Place {
    /// Whether the text spells a place; a name of an image does not.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let transports = [
            ("docker-archive:", Transport::DockerArchive),
            ("oci-archive:", Transport::OciArchive),
            ("oci:", Transport::Oci),
        ];
        for (prefix, transport) in transports {
            if let Some(rest) = text.strip_prefix(prefix) {
                let (path, name) = match rest.split_once(':') {
                    Some((path, name)) => (path, Some(name.to_owned()).filter(|n| !n.is_empty())),
                    None => (rest, None),
                };
                return Some(Self { transport: Some(transport), path: PathBuf::from(path), name });
            }
        }
        let is_path = text.starts_with('/') || text.starts_with("./") || text.starts_with("../");
        is_path.then(|| Self { transport: None, path: PathBuf::from(text), name: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        use Transport::{DockerArchive, Oci, OciArchive};
        let check = |text: &str, expect: Option<(Option<Transport>, &str, Option<&str>)>| {
            let expect = expect.map(|(transport, path, name)| Place {
                transport,
                path: path.into(),
                name: name.map(str::to_owned),
            });
            assert_eq!(Place::parse(text), expect, "{text}");
        };
        check("docker-archive:a.tar", Some((Some(DockerArchive), "a.tar", None)));
        check("docker-archive:/x/a.tar:edge:1", Some((Some(DockerArchive), "/x/a.tar", Some("edge:1"))));
        check("oci-archive:a.tar:", Some((Some(OciArchive), "a.tar", None)));
        check("oci:dir:1.0", Some((Some(Oci), "dir", Some("1.0"))));
        check("./a.tar", Some((None, "./a.tar", None)));
        check("/a:b.tar", Some((None, "/a:b.tar", None)));
        check("edge:1", None);
        check("localhost:5000/oci:1", None);
        check("ocivore:1", None);
    }
}
