//! Requests, as they are read and as they are logged.

use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Request {
    /// On which connection, counted from one.
    pub connection: usize,
    /// When its head had arrived.
    pub at: Instant,
    /// `GET`
    pub method: String,
    /// The path and the query.
    pub target: String,
    /// All headers, as they were spelled, in order.
    pub headers: Vec<(String, String)>,
    /// The body, without the framing of chunks.
    pub body: Arc<Vec<u8>>,
    /// How it was answered; 0 where it was not.
    pub status: u16,
}

/// `METHOD TARGET STATUS`
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.method, self.target, self.status)
    }
}

impl Request {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        all.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A value of the query.
    pub fn query(&self, key: &str) -> Option<String> {
        self.target.split_once('?').and_then(|(_, query)| value(query, key).next())
    }

    /// All values of the query under one key.
    pub fn queries(&self, key: &str) -> Vec<String> {
        self.target.split_once('?').map(|(_, query)| value(query, key).collect()).unwrap_or_default()
    }

    /// A value of a form in the body.
    pub fn form(&self, key: &str) -> Option<String> {
        value(std::str::from_utf8(&self.body).ok()?, key).next()
    }

    pub(super) fn is_last(&self) -> bool {
        self.header("Connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

fn value<'a>(pairs: &'a str, key: &'a str) -> impl Iterator<Item = String> + 'a {
    let all = pairs.split('&').filter_map(|pair| pair.split_once('='));
    all.filter(move |(name, _)| *name == key).map(|(_, value)| unescaped(value))
}

/// Without `%3A` and the `+` that stands for a space.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| byte == b'%').and_then(|code| std::str::from_utf8(code).ok());
        if let Some(code) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            bytes.push(code);
            rest = &after[2..];
        } else {
            bytes.push(if byte == b'+' { b' ' } else { byte });
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads up to the empty line; nothing where the connection ends instead.
pub(super) fn read_head(reader: &mut impl BufRead, connection: usize) -> io::Result<Option<Request>> {
    // Who speaks TLS does not end the line.
    if reader.fill_buf()?.first().is_some_and(|byte| !byte.is_ascii_alphabetic()) {
        return Ok(None);
    }
    let first = line(reader)?;
    let mut words = first.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let mut request = Request {
        connection,
        at: Instant::now(),
        method: method.to_owned(),
        target: target.to_owned(),
        headers: Vec::new(),
        body: Arc::default(),
        status: 0,
    };
    loop {
        let header = line(reader)?;
        if header.is_empty() {
            request.at = Instant::now();
            return Ok(Some(request));
        }
        let (name, value) = header.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
        request.headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

/// Reads the body, or stops after so many bytes of it. Whether it is whole.
pub(super) fn read_body(
    reader: &mut impl BufRead,
    mut stream: &TcpStream,
    request: &mut Request,
    stop_after: Option<usize>,
) -> io::Result<bool> {
    if request.header("Expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let room = stop_after.map_or(u64::MAX, |most| most as u64);
    let mut body = Vec::new();
    if request.header("Transfer-Encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        loop {
            let length = u64::from_str_radix(line(reader)?.split(';').next().unwrap_or_default(), 16);
            let length = length.map_err(|_| io::ErrorKind::InvalidData)?;
            let wanted = length.min(room - body.len() as u64);
            read_exactly(reader, wanted, &mut body)?;
            if wanted < length {
                break;
            }
            line(reader)?;
            if length == 0 {
                break;
            }
        }
    } else if let Some(length) = request.header("Content-Length") {
        let length: u64 = length.parse().map_err(|_| io::ErrorKind::InvalidData)?;
        read_exactly(reader, length.min(room), &mut body)?;
    }
    request.body = Arc::new(body);
    Ok(stop_after.is_none())
}

fn read_exactly(reader: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
    let read = reader.take(length).read_to_end(body)?;
    if (read as u64) < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.take(1 << 16).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
