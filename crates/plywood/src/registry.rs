//! Images from and to registries: `pull`, `push`, `login`, tags, and images that are only looked at where they are.

pub mod copy;
mod documents;
mod fetch;
mod growing;
mod lay_out;
mod layers;
mod look;
pub mod pull;
pub mod push;
mod remote;
mod send;

use ply_registry::Client;
use ply_registry::daemon::Daemon;

pub(crate) use remote::Remote;
pub use send::Sent;

pub use ply_registry::credentials::{Credential, Kept};
pub use ply_registry::{Patience, RegistryError, Settings as RegistrySettings};

use crate::{Engine, Error, load, save};

impl Engine<'_> {
    /// A client that stops when whoever watches says so.
    pub(crate) fn client(&self) -> Client<'_> {
        let watch = self.watch;
        // No task has this number: only whether to go on is asked.
        Client::new(self.registries.clone(), move |bytes| watch.advance(usize::MAX, bytes))
    }

    /// Loads an image of a Docker daemon.
    ///
    /// # Errors
    /// The daemon does not have it or cannot be reached; or as [`load`](Self::load).
    pub fn load_from_daemon(&self, name: &str, options: &load::Options) -> Result<load::Loaded, Error> {
        let stream = Daemon::from_environment()?.export(&[lay_out::daemon_name(name)?])?;
        self.load(load::Input::Stream(Box::new(stream)), options)
    }

    /// Gives an archive to a Docker daemon; what it says of it comes back.
    ///
    /// # Errors
    /// The daemon cannot be reached or does not take it; a blob is damaged.
    pub fn save_to_daemon(&self, saving: &save::Saving) -> Result<Vec<String>, Error> {
        let daemon = Daemon::from_environment()?;
        let (mut reader, writer) = std::io::pipe().map_err(Error::within("making a pipe"))?;
        std::thread::scope(|scope| {
            let written = scope.spawn(move || {
                // Whoever reads sees the end when this is dropped.
                let mut writer = writer;
                self.write_stream(saving, &mut writer)
            });
            let taken = daemon.import(&mut reader);
            drop(reader);
            let written = written.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            // What the daemon says matters more than that it stopped reading.
            let taken = taken?;
            written.map(|()| taken)
        })
    }

    /// The tags of a repository, in the registry's order.
    ///
    /// # Errors
    /// The registry does not have it, or does not show it to us.
    pub fn tags(&self, name: &ply_reference::Name) -> Result<Vec<String>, Error> {
        Ok(self.client().repository(name)?.tags()?)
    }

    /// Keeps credentials for a registry, if it takes them.
    ///
    /// # Errors
    /// It does not take them, or they cannot be kept.
    pub fn login(&self, domain: &str, credential: &Credential) -> Result<Kept, Error> {
        let settings = self.registries.clone().with_credential(domain, credential);
        let watch = self.watch;
        Client::new(settings, move |bytes| watch.advance(usize::MAX, bytes)).check_login(domain)?;
        Ok(self.registries.credentials.keep(domain, credential)?)
    }

    /// Forgets the credentials for a registry; whether there were any.
    ///
    /// # Errors
    /// They cannot be removed.
    pub fn logout(&self, domain: &str) -> Result<bool, Error> {
        Ok(self.registries.credentials.forget(domain)?)
    }
}
