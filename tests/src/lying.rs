//! A registry that lies: HTTP over plain sockets of this machine, images in memory, and rules that say what to do wrong
//! and when. Where no rule says otherwise it is as honest as a real one.

mod answer;
mod connection;
mod guard;
mod image;
mod request;
mod route;
mod rule;
mod serve;
mod shelf;
#[cfg(test)]
mod tests;
mod upload;

use std::collections::HashMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use self::guard::{Guard, Issuer};
pub use self::image::{Packing, Served};
pub use self::request::Request;
use self::rule::Rules;
pub use self::rule::{Lie, Rule};
use self::shelf::Shelf;

/// The server. When it is dropped its port closes, and so do all connections, whatever they are waiting for.
#[derive(Debug)]
pub struct Liar {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What all connections work on.
#[derive(Debug)]
struct Shared {
    host: String,
    state: Mutex<State>,
    stopping: Mutex<bool>,
    stopped: Condvar,
}

#[derive(Debug, Default)]
struct State {
    shelf: Shelf,
    guard: Guard,
    issuer: Arc<Mutex<Issuer>>,
    rules: Rules,
    log: Vec<Request>,
    /// Open connections by number, so that they can be closed from outside.
    open: HashMap<usize, TcpStream>,
}

impl Default for Liar {
    fn default() -> Self {
        Self::new()
    }
}

impl Liar {
    /// An empty registry on a free port, which lets everybody in.
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            host: address.to_string(),
            state: Mutex::default(),
            stopping: Mutex::new(false),
            stopped: Condvar::new(),
        });
        let theirs = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || connection::accept(&listener, &theirs));
        Self { address, shared, acceptor: Some(acceptor) }
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.shared.host.clone()
    }

    /// An image here: `127.0.0.1:PORT/app:1` of `app:1`.
    pub fn name(&self, image: &str) -> String {
        format!("{}/{image}", self.shared.host)
    }

    /// Adds a blob, in whatever repository it is asked for; gives its digest.
    pub fn blob(&self, bytes: impl Into<Vec<u8>>) -> String {
        self.state().shelf.add_blob(shelf::EVERYWHERE, bytes.into())
    }

    /// Adds a blob in one repository; gives its digest.
    pub fn blob_in(&self, repository: &str, bytes: impl Into<Vec<u8>>) -> String {
        self.state().shelf.add_blob(repository, bytes.into())
    }

    /// Adds a manifest or index: under its digest, and under the tag, or the digest that is not its own, that is given.
    /// Gives its digest.
    pub fn manifest<'a>(
        &self,
        repository: &str,
        reference: impl Into<Option<&'a str>>,
        media_type: &str,
        bytes: impl Into<Vec<u8>>,
    ) -> String {
        self.state().shelf.add_manifest(repository, reference.into(), media_type, bytes.into())
    }

    /// A blob that is here, added or uploaded.
    pub fn blob_of(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        self.state().shelf.blob(repository, digest).map(|bytes| bytes.to_vec())
    }

    /// A manifest that is here, added or uploaded: its media type and its bytes.
    pub fn manifest_of(&self, repository: &str, reference: &str) -> Option<(String, Vec<u8>)> {
        let state = self.state();
        let manifest = state.shelf.manifest(repository, reference)?;
        Some((manifest.media_type.clone(), manifest.bytes.to_vec()))
    }

    /// Lists so many tags at once at most, whatever is asked for.
    pub fn tags_at_once(&self, most: usize) {
        self.state().shelf.tags_at_once = Some(most);
    }

    /// Lies by this rule from now on.
    pub fn lie(&self, rule: Rule) {
        self.state().rules.add(rule);
    }

    /// Is honest from now on.
    pub fn stop_lying(&self) {
        self.state().rules = Rules::default();
    }

    /// What it was asked, in the order of arrival. A request is here before it is answered.
    pub fn log(&self) -> Vec<Request> {
        self.state().log.clone()
    }

    /// The same, each as `METHOD TARGET STATUS`.
    pub fn requests(&self) -> Vec<String> {
        self.state().log.iter().map(ToString::to_string).collect()
    }

    /// Forgets what it was asked.
    pub fn clear_log(&self) {
        self.state().log.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        *self.shared.stopping.lock().unwrap() = true;
        self.shared.stopped.notify_all();
        // The acceptor waits for a connection; here is one.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn stopping(&self) -> bool {
        *self.stopping.lock().unwrap()
    }

    /// Waits, unless the server stops before. Whether to go on.
    fn pause(&self, duration: Duration) -> bool {
        let stopping = self.stopping.lock().unwrap();
        let waited = self.stopped.wait_timeout_while(stopping, duration, |stopping| !*stopping);
        !*waited.unwrap().0
    }

    /// Closes all that is open.
    fn close(&self) {
        for stream in self.state().open.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
