//! Answers, and how they go over the wire: whole and in time, or not.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Request, Shared};

/// Bytes of a body that does not end.
const ENDLESS: u64 = 64 << 20;
/// Bytes that are sent at a time.
const PIECE: u64 = 64 << 10;

/// An answer and the way it is sent.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Body,
    pub(super) framing: Framing,
    pub(super) delay: Duration,
    /// Ends after so many bytes of the body.
    pub(super) cut: Option<u64>,
    /// Waits after so many bytes of the body.
    pub(super) stall: Option<(u64, Duration)>,
    /// Ends before the first byte of the head.
    pub(super) silent: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    Bytes(Vec<u8>),
    Zeros(u64),
}

/// How the other side learns where the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// By its length.
    Length,
    /// By a length that is not its own.
    Declared(u64),
    /// By a last chunk.
    Chunked,
    /// By the end of the connection.
    Closed,
    /// Not at all: there is always another chunk.
    Endless,
}

impl Answer {
    pub(super) fn new(status: u16) -> Self {
        Self {
            status,
            headers: vec![("Docker-Distribution-Api-Version".to_owned(), "registry/2.0".to_owned())],
            body: Body::Bytes(Vec::new()),
            framing: Framing::Length,
            delay: Duration::ZERO,
            cut: None,
            stall: None,
            silent: false,
        }
    }

    pub(super) fn json(status: u16, document: &Value) -> Self {
        Self::new(status).with("Content-Type", "application/json").bytes(document.to_string().into_bytes())
    }

    /// An error as registries tell it.
    pub(super) fn error(status: u16, code: &str) -> Self {
        let message = code.to_lowercase().replace('_', " ");
        Self::json(status, &json!({"errors": [{"code": code, "message": message}]}))
    }

    pub(super) fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// Has this header, and no other of its name.
    pub(super) fn with(self, name: &str, value: &str) -> Self {
        let mut without = self.without(name);
        without.headers.push((name.to_owned(), value.to_owned()));
        without
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self
    }

    pub(super) fn bytes(self, bytes: Vec<u8>) -> Self {
        Self { body: Body::Bytes(bytes), ..self }
    }

    /// The status that the other side is told; 0 where it is told nothing.
    pub(super) fn told(&self) -> u16 {
        if self.silent { 0 } else { self.status }
    }

    fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let length = match self.framing {
            // No body has no length.
            Framing::Length if self.status == 204 => None,
            Framing::Length => Some(self.body.length()),
            Framing::Declared(length) => Some(length),
            Framing::Chunked | Framing::Endless => {
                head.push_str("Transfer-Encoding: chunked\r\n");
                None
            }
            Framing::Closed => {
                head.push_str("Connection: close\r\n");
                None
            }
        };
        if let Some(length) = length {
            let _ = write!(head, "Content-Length: {length}\r\n");
        }
        head.push_str("\r\n");
        head
    }

    /// Sends it. Whether the connection goes on.
    pub(super) fn send(
        &self,
        mut stream: &TcpStream,
        request: &Request,
        shared: &Shared,
    ) -> io::Result<bool> {
        if !shared.pause(self.delay) || self.silent {
            return Ok(false);
        }
        stream.write_all(self.head().as_bytes())?;
        if request.method == "HEAD" {
            return Ok(self.cut.is_none() && self.framing != Framing::Closed);
        }
        let chunked = matches!(self.framing, Framing::Chunked | Framing::Endless);
        let end = if self.framing == Framing::Endless { ENDLESS } else { self.body.length() };
        let end = self.cut.map_or(end, |cut| cut.min(end));
        let mut at = 0;
        loop {
            if let Some((after, duration)) = self.stall
                && after.min(end) == at
                && !shared.pause(duration)
            {
                return Ok(false);
            }
            if at == end {
                break;
            }
            let mut next = end.min(at + PIECE);
            if let Some((after, _)) = self.stall
                && after > at
            {
                next = next.min(after);
            }
            let piece = self.body.piece(at, next);
            if chunked {
                write!(stream, "{:x}\r\n", piece.len())?;
            }
            stream.write_all(&piece)?;
            if chunked {
                stream.write_all(b"\r\n")?;
            }
            at = next;
        }
        if self.framing == Framing::Chunked && self.cut.is_none() {
            stream.write_all(b"0\r\n\r\n")?;
        }
        Ok(self.cut.is_none() && matches!(self.framing, Framing::Length | Framing::Chunked))
    }
}

impl Body {
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Zeros(count) => *count,
        }
    }

    /// What is between two offsets; after the end of all there are zeros.
    fn piece(&self, start: u64, end: u64) -> Vec<u8> {
        let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
        let mut piece = match self {
            Self::Bytes(bytes) => bytes[at(start).min(bytes.len())..at(end).min(bytes.len())].to_vec(),
            Self::Zeros(_) => Vec::new(),
        };
        piece.resize(at(end - start), 0);
        piece
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Other",
    }
}
