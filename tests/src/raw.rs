//! One HTTP exchange by hand: what a server says to bytes that no client library would send.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Sends a request to `HOST:PORT`; gives all that comes until the server closes.
pub(crate) fn exchange(host: &str, request: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(host)?;
    // A server that hangs must not hang its test.
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// A request without a body, after which the server closes; `headers` are whole lines.
pub(crate) fn last(method: &str, target: &str, headers: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n{headers}\r\n")
}
