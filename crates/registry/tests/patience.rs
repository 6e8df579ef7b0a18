//! How long and how often a client tries, with less patience than it has by default.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ply_digest::{Digest, Progress};
use ply_registry::{Client, Patience, RegistryError, Repository, Settings, Wanted};

const SILENCE: Duration = Duration::from_millis(300);

/// A server that does with each request what it is told, by the request's number; the heads of what it was asked.
struct Server {
    host: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(answer: impl Fn(usize, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    loop {
                        let mut head = String::new();
                        while !head.ends_with("\r\n\r\n") {
                            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                                return;
                            }
                        }
                        let number = {
                            let mut log = log.lock().unwrap();
                            log.push(head);
                            log.len() - 1
                        };
                        answer(number, &mut stream);
                    }
                });
            }
        });
        Self { host, asked }
    }

    fn repository<'a>(&self, patience: Patience, stop: impl Progress + Send + 'a) -> Repository<'a> {
        let mut settings = Settings::anonymous();
        settings.patience = patience;
        let client = Client::new(settings, stop);
        client.repository(&format!("{}/app", self.host).parse().unwrap()).unwrap()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn impatient(retries: u32) -> Patience {
    let first = Duration::from_millis(10);
    Patience { retries, first, most: Duration::from_millis(50), silence: SILENCE }
}

fn tag() -> Wanted {
    Wanted::Tag("1".parse().unwrap())
}

/// The client hangs up when it has had enough.
fn until_left(stream: &mut TcpStream) {
    let _ = stream.read(&mut [0; 64]);
}

fn send(stream: &mut TcpStream, head: &str, body: &[u8]) {
    let _ = stream.write_all(format!("HTTP/1.1 {head}\r\n\r\n").as_bytes());
    let _ = stream.write_all(body);
}

/// Nobody answers: tried as often as it is said, each time as long as silence may last.
#[test]
fn silence_instead_of_an_answer() {
    let server = Server::new(|_, stream| until_left(stream));
    let start = Instant::now();
    let error = server.repository(impatient(2), ()).manifest(&tag()).unwrap_err();
    let took = start.elapsed();
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error:?}");
    assert!(took >= 3 * SILENCE && took < Duration::from_secs(10), "{took:?}");
    assert_eq!(server.asked().len(), 3);
    let words = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(words, "it does not answer in time");
}

/// Silence in the middle of a blob: it goes on from there, over another connection.
#[test]
fn silence_in_the_middle() {
    let blob = b"0123456789".repeat(1000);
    let (digest, size, whole) = (Digest::of(&blob), blob.len() as u64, blob.clone());
    let server = Server::new(move |number, stream| {
        if number == 0 {
            send(stream, "200 OK\r\nContent-Length: 10000", &blob[..1234]);
            return until_left(stream);
        }
        let head = "206 Partial Content\r\nContent-Length: 8766\r\nContent-Range: bytes 1234-9999/10000";
        send(stream, head, &blob[1234..]);
    });
    let start = Instant::now();
    let mut found = Vec::new();
    server.repository(impatient(1), ()).blob(&digest, size).read_to_end(&mut found).unwrap();
    assert_eq!(found, whole);
    assert!(start.elapsed() >= SILENCE);
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].to_ascii_lowercase().contains("\r\nrange: bytes=1234-9999\r\n"), "{}", asked[1]);
}

/// Who is slow is not silent: it is the pause that counts, not the whole.
#[test]
fn slow_is_not_silent() {
    let blob = b"slow".repeat(5);
    let (digest, size, whole) = (Digest::of(&blob), blob.len() as u64, blob.clone());
    let server = Server::new(move |_, stream| {
        send(stream, "200 OK\r\nContent-Length: 20", b"");
        for byte in &blob {
            std::thread::sleep(SILENCE / 6);
            let _ = stream.write_all(&[*byte]);
        }
    });
    let start = Instant::now();
    let mut found = Vec::new();
    server.repository(impatient(0), ()).blob(&digest, size).read_to_end(&mut found).unwrap();
    assert_eq!(found, whole);
    assert!(start.elapsed() > 2 * SILENCE);
    assert_eq!(server.asked().len(), 1);
}

/// No retries at all, and no more than there may be.
#[test]
fn how_often() {
    for retries in [0, 1, 3] {
        for head in ["503 Busy\r\nContent-Length: 0", "429 Busy\r\nContent-Length: 0\r\nRetry-After: 3600"] {
            let server = Server::new(move |_, stream| send(stream, head, b""));
            let start = Instant::now();
            let error = server.repository(impatient(retries), ()).manifest(&tag()).unwrap_err();
            assert!(matches!(error, RegistryError::Status { status: 503 | 429, .. }), "{error:?}");
            assert_eq!(server.asked().len(), retries as usize + 1);
            // An hour is more than the most that is waited.
            assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        }
    }
}

/// Blobs that break off count by themselves.
#[test]
fn how_often_a_blob_may_break() {
    let server = Server::new(|_, stream| {
        send(stream, "200 OK\r\nContent-Length: 10", b"");
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
    let digest = Digest::of(b"0123456789");
    let mut reader = server.repository(impatient(2), ()).blob(&digest, 10);
    let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
    assert!(error.get_ref().unwrap().is::<RegistryError>(), "{error:?}");
    assert_eq!(server.asked().len(), 3);
}

/// Says stop after some questions.
struct After(AtomicUsize);

impl Progress for After {
    fn advance(&self, _: u64) -> ControlFlow<()> {
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

/// Stopped while nobody answers, and while a blob does not go on: at once, whatever the patience.
#[test]
fn stopped() {
    let server = Server::new(|_, stream| {
        send(stream, "200 OK\r\nContent-Length: 10", b"01234");
        until_left(stream);
    });
    let silent = Server::new(|_, stream| until_left(stream));
    let stop = || After(AtomicUsize::new(4));
    let start = Instant::now();
    let error = silent.repository(Patience::default(), stop()).manifest(&tag()).unwrap_err();
    assert!(matches!(error, RegistryError::Interrupted), "{error:?}");
    let mut reader =
        server.repository(Patience::default(), After(AtomicUsize::new(12))).blob(&Digest::of(b""), 10);
    let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
    let error = error.downcast::<RegistryError>().unwrap();
    assert!(matches!(error, RegistryError::Interrupted), "{error:?}");
    let took = start.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!((silent.asked().len(), server.asked().len()), (1, 1));
}
