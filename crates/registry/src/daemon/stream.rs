use std::fmt;
use std::io::{self, Read};

use ureq::{Body, BodyReader};

use super::line::Line;
use crate::error::shown;

/// Bytes at the end of an archive in which a complaint is looked for.
const TAIL: usize = 4096;

/// An archive while the daemon writes it. To drop it before its end stops the daemon.
pub struct DaemonStream {
    body: BodyReader<'static>,
    /// The last bytes so far.
    tail: Vec<u8>,
}

impl DaemonStream {
    pub(super) fn new(body: Body) -> Self {
        Self { body: body.into_with_config().reader(), tail: Vec::new() }
    }

    fn remember(&mut self, read: &[u8]) {
        let read = read.last_chunk::<TAIL>().map_or(read, |end| end);
        let surplus = self.tail.len().saturating_add(read.len()).saturating_sub(TAIL);
        self.tail.drain(..surplus);
        self.tail.extend_from_slice(read);
    }
}

impl Read for DaemonStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.body.read(buffer)?;
        if read == 0
            && !buffer.is_empty()
            && let Some(why) = complaint(&self.tail)
        {
            return Err(io::Error::other(format!("the Docker daemon gave up: {}", shown(&why))));
        }
        self.remember(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl fmt::Debug for DaemonStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DaemonStream").finish_non_exhaustive()
    }
}

/// A daemon that fails in the middle of an archive appends the reason as JSON and ends the answer as if all were
/// well. An archive that is whole ends with zeros.
fn complaint(tail: &[u8]) -> Option<String> {
    let tail = tail.trim_ascii_end();
    let start = b"{\"errorDetail\"";
    let at =
        tail.ends_with(b"}").then(|| tail.windows(start.len()).rposition(|window| window == start))??;
    let line: Line = serde_json::from_slice(tail.get(at..)?).ok()?;
    line.error().map(str::to_owned)
}
