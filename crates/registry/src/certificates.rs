//! Whom to trust: the system's certificates, and those in Docker's and podman's `certs.d`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

use crate::RegistryError;

/// Folders with a folder for each registry, by `host` or `host:port`: `*.crt` are roots to trust, `NAME.cert` and `NAME.key`
/// are what we show (Docker's documentation, "Verify repository client with certificates").
#[derive(Debug, Clone, Default)]
pub(crate) struct CertsD {
    folders: Vec<PathBuf>,
}

impl CertsD {
    pub(crate) fn from_environment() -> Self {
        let mut folders: Vec<PathBuf> = Vec::new();
        let own = |variable: &str| std::env::var_os(variable).filter(|v| !v.is_empty()).map(PathBuf::from);
        if let Some(home) = own("HOME") {
            folders.push(home.join(".config/containers/certs.d"));
            folders.push(home.join(".docker/certs.d"));
        }
        folders.extend(own("DOCKER_CONFIG").map(|docker| docker.join("certs.d")));
        folders.extend(["/etc/containers/certs.d", "/etc/docker/certs.d"].map(PathBuf::from));
        Self { folders }
    }

    pub(crate) fn at(folder: &Path) -> Self {
        Self { folders: vec![folder.to_owned()] }
    }

    /// The first folder for a registry.
    fn folder(&self, domain: &str) -> Option<PathBuf> {
        let is_plain = !domain.contains('/') && domain != "." && domain != "..";
        self.folders.iter().map(|all| all.join(domain)).find(|folder| is_plain && folder.is_dir())
    }

    /// Whether somebody set this registry up for TLS.
    pub(crate) fn knows(&self, domain: &str) -> bool {
        self.folder(domain).is_some()
    }

    /// What is there for a registry.
    pub(crate) fn read(&self, domain: &str) -> Result<Certificates, RegistryError> {
        let mut certificates = Certificates::default();
        let Some(folder) = self.folder(domain) else { return Ok(certificates) };
        let failed = |path: &Path| RegistryError::io(format!("read {}", path.display()));
        let mut files: Vec<PathBuf> = fs::read_dir(&folder)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>())
            .map_err(failed(&folder))?;
        files.sort();
        for path in files {
            let read = || fs::read(&path).map_err(failed(&path));
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("crt") => certificates.roots.extend(roots(&read()?, &path)?),
                Some("cert") => {
                    let key = path.with_extension("key");
                    let key_bytes = fs::read(&key).map_err(failed(&key))?;
                    certificates.own = Some(own(&read()?, &path, &key_bytes, &key)?);
                }
                _ => {}
            }
        }
        Ok(certificates)
    }
}

/// What is trusted beside the system's, and what we show.
#[derive(Debug, Clone, Default)]
pub(crate) struct Certificates {
    roots: Vec<Certificate<'static>>,
    own: Option<ClientCert>,
}

impl Certificates {
    /// The same, without what we show: for other hosts than the registry.
    pub(crate) fn roots_only(&self) -> Self {
        Self { roots: self.roots.clone(), own: None }
    }

    /// How TLS is spoken with them.
    pub(crate) fn config(&self, verify: bool) -> Result<TlsConfig, RegistryError> {
        let mut roots = self.roots.clone();
        if verify {
            let found = rustls_native_certs::load_native_certs();
            if found.certs.is_empty() && roots.is_empty() {
                let why = found.errors.first().map_or_else(
                    || "none are installed (Debian: apt-get install ca-certificates)".to_owned(),
                    ToString::to_string,
                );
                return Err(RegistryError::Settings(format!(
                    "no certificates of the system to trust: {why}"
                )));
            }
            roots.extend(found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()));
        }
        Ok(TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .client_cert(self.own.clone())
            .disable_verification(!verify)
            .build())
    }
}

fn wrong(path: &Path, why: &str) -> RegistryError {
    RegistryError::Settings(format!("{} {why}", path.display()))
}

fn roots(pem: &[u8], path: &Path) -> Result<Vec<Certificate<'static>>, RegistryError> {
    let mut roots = Vec::new();
    for item in ureq::tls::parse_pem(pem) {
        match item {
            Ok(ureq::tls::PemItem::Certificate(certificate)) => roots.push(certificate),
            Ok(_) => {}
            Err(_) => return Err(wrong(path, "is no PEM file of certificates")),
        }
    }
    if roots.is_empty() { Err(wrong(path, "holds no certificate")) } else { Ok(roots) }
}

fn own(pem: &[u8], path: &Path, key_pem: &[u8], key_path: &Path) -> Result<ClientCert, RegistryError> {
    let chain = roots(pem, path)?;
    let key = PrivateKey::from_pem(key_pem).map_err(|_| wrong(key_path, "holds no private key"))?;
    Ok(ClientCert::new_with_certs(&chain, key))
}
