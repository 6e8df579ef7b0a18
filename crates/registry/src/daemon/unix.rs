//! HTTP over a Unix socket: one connection, one request.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};
use ureq::{Agent, Error};

/// An agent for one request over a connection that stands.
pub(super) fn agent(stream: UnixStream, hung_up: HungUp, patience: Option<Duration>) -> Agent {
    let config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        // What the environment says about proxies is not meant for a socket.
        .proxy(None)
        .timeout_global(patience)
        .user_agent(concat!("ply/", env!("CARGO_PKG_VERSION")))
        .build();
    Agent::with_parts(config, Once { stream: Mutex::new(Some(stream)), hung_up }, Nowhere)
}

/// Whether the other side hung up while something was sent to it.
#[derive(Debug, Clone, Default)]
pub(super) struct HungUp(Arc<AtomicBool>);

impl HungUp {
    fn yes(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// An archive on its way: it ends early when nobody takes it any more, and its own errors are kept apart from those
/// of the socket.
pub(super) struct Archive<'a> {
    from: &'a mut dyn Read,
    hung_up: HungUp,
    failure: Option<io::Error>,
}

impl<'a> Archive<'a> {
    pub(super) fn new(from: &'a mut dyn Read, hung_up: HungUp) -> Self {
        Self { from, hung_up, failure: None }
    }

    /// Why it could not be read to its end.
    pub(super) fn failure(self) -> Option<io::Error> {
        self.failure
    }
}

impl Read for Archive<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.hung_up.yes() {
            return Ok(0);
        }
        retried(|| self.from.read(buffer)).map_err(|error| {
            let kind = error.kind();
            self.failure = Some(error);
            kind.into()
        })
    }
}

/// Hands the connection out to whoever asks first.
#[derive(Debug)]
struct Once {
    stream: Mutex<Option<UnixStream>>,
    hung_up: HungUp,
}

impl Connector for Once {
    type Out = Socket;

    fn connect(&self, details: &ConnectionDetails, _: Option<()>) -> Result<Option<Socket>, Error> {
        let stream = self.stream.lock().ok().and_then(|mut stream| stream.take());
        let buffers =
            LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(stream.map(|stream| Socket { stream, buffers, hung_up: self.hung_up.clone() }))
    }
}

#[derive(Debug)]
struct Socket {
    stream: UnixStream,
    buffers: LazyBuffers,
    hung_up: HungUp,
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.hung_up.yes() {
            return Ok(());
        }
        let timeout = timeout.for_write();
        self.stream.set_write_timeout(timeout.not_zero().map(|after| *after))?;
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        match self.stream.write_all(output) {
            // Who refuses an archive half-way says why before hanging up: that answer is still there to be read.
            Err(e) if matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                self.hung_up.set();
                Ok(())
            }
            sent => sent.map_err(|e| timed_out(e, timeout)),
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = timeout.for_read();
        self.stream.set_read_timeout(timeout.not_zero().map(|after| *after))?;
        let free = self.buffers.input_append_buf();
        let read = retried(|| self.stream.read(free)).map_err(|e| timed_out(e, timeout))?;
        self.buffers.input_appended(read);
        Ok(read > 0)
    }

    fn is_open(&mut self) -> bool {
        // It serves one request.
        false
    }
}

fn retried(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// A socket whose time is over says that it would block.
fn timed_out(error: io::Error, timeout: NextTimeout) -> Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Error::Timeout(timeout.reason),
        _ => Error::Io(error),
    }
}

/// No name is looked up for a socket.
#[derive(Debug)]
struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut addresses = self.empty();
        // The contract asks for one; nobody looks at it.
        addresses.push(([0, 0, 0, 0], 0).into());
        Ok(addresses)
    }
}
