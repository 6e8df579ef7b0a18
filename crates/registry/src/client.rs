use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ply_digest::Progress;
use ply_reference::Name;

use crate::certificates::CertsD;
use crate::credentials::Credentials;
use crate::host::Host;
use crate::proxy::Proxies;
use crate::{Patience, RegistryError, Repository};

/// How registries are spoken to.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether a registry must show a certificate that the system, or `certs.d`, trusts. Without, a registry that speaks no
    /// TLS is spoken to as well.
    pub tls_verify: bool,
    /// Where credentials are kept.
    pub credentials: Credentials,
    /// How often and how long something is tried.
    pub patience: Patience,
    /// What we call ourselves.
    pub user_agent: String,
    certs_d: CertsD,
    proxies: Proxies,
}

impl Settings {
    /// What Docker and podman are told by files and variables: `config.json`, `auth.json`, `certs.d`, proxies.
    #[must_use]
    pub fn from_environment() -> Self {
        Self {
            tls_verify: true,
            credentials: Credentials::from_environment(),
            patience: Patience::default(),
            user_agent: concat!("plywood/", env!("CARGO_PKG_VERSION")).to_owned(),
            certs_d: CertsD::from_environment(),
            proxies: Proxies::from_environment(),
        }
    }

    /// Nobody's credentials, and no certificates but the system's.
    #[must_use]
    pub fn anonymous() -> Self {
        Self { credentials: Credentials::none(), certs_d: CertsD::default(), ..Self::from_environment() }
    }

    /// The same with a credential for a registry, before anything that is kept.
    #[must_use]
    pub fn with_credential(mut self, host: &str, credential: &crate::credentials::Credential) -> Self {
        self.credentials = self.credentials.with(host, credential);
        self
    }

    /// The same with another folder of certificates, which holds a folder for each registry.
    #[must_use]
    pub fn with_certs_d(mut self, folder: &Path) -> Self {
        self.certs_d = CertsD::at(folder);
        self
    }

    pub(crate) const fn certs(&self) -> &CertsD {
        &self.certs_d
    }

    pub(crate) const fn proxies(&self) -> &Proxies {
        &self.proxies
    }
}

/// Who says whether to go on.
pub(crate) type Stop<'a> = Arc<dyn Progress + Send + 'a>;

/// Speaks to registries, and keeps connections and tokens. Threads may share it.
pub struct Client<'a> {
    settings: Arc<Settings>,
    stop: Stop<'a>,
    hosts: Mutex<HashMap<String, Arc<Host<'a>>>>,
}

impl std::fmt::Debug for Client<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<'a> Client<'a> {
    /// A client; `stop` is asked now and then whether to go on.
    #[must_use]
    pub fn new(settings: Settings, stop: impl Progress + Send + 'a) -> Self {
        Self { settings: Arc::new(settings), stop: Arc::new(stop), hosts: Mutex::default() }
    }

    /// How it speaks.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A repository. Nothing is sent yet.
    ///
    /// # Errors
    /// The name has no host that can be asked, or its certificates cannot be read.
    pub fn repository(&self, name: &Name) -> Result<Repository<'a>, RegistryError> {
        Ok(Repository::new(self.host(name.domain())?, name.clone()))
    }

    /// Whether a registry lets us in, as who the credentials say.
    ///
    /// # Errors
    /// It does not, or cannot be reached.
    pub fn check_login(&self, domain: &str) -> Result<(), RegistryError> {
        crate::repository::check_login(&*self.host(domain)?)
    }

    pub(crate) fn host(&self, domain: &str) -> Result<Arc<Host<'a>>, RegistryError> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(domain) {
            return Ok(Arc::clone(host));
        }
        let host = Arc::new(Host::new(domain, Arc::clone(&self.settings), Arc::clone(&self.stop))?);
        hosts.insert(domain.to_owned(), Arc::clone(&host));
        Ok(host)
    }
}
