use std::error::Error;
use std::io::{self, Write};
use std::os::unix::net::UnixListener;
use std::thread::{self, JoinHandle};

use super::*;

/// A daemon that takes one request, up to `after` bytes of it or to its end, and answers it so.
struct Fake {
    daemon: Daemon,
    request: JoinHandle<Vec<u8>>,
    _folder: tempfile::TempDir,
}

impl Fake {
    fn new(answer: Vec<u8>, after: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("docker.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let request = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut request, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
            while !is_whole(&request) && request.len() < after {
                match stream.read(&mut buffer).unwrap() {
                    0 => break,
                    read => request.extend_from_slice(&buffer[..read]),
                }
            }
            // Who asked may have gone.
            let _ = stream.write_all(&answer);
            request
        });
        Self { daemon: Daemon::at(&socket), request, _folder: folder }
    }

    fn answering(answer: Vec<u8>) -> Self {
        Self::new(answer, usize::MAX)
    }

    fn request(self) -> String {
        String::from_utf8_lossy(&self.request.join().unwrap()).into_owned()
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let end = if text.to_lowercase().contains("chunked") { "\r\n0\r\n\r\n" } else { "\r\n\r\n" };
    text.ends_with(end)
}

fn head(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\nApi-Version: 1.41\r\n")
}

fn plain(status: &str, body: &str) -> Vec<u8> {
    format!("{}Content-Length: {}\r\n\r\n{body}", head(status), body.len()).into_bytes()
}

/// In chunks, without the last one.
fn chunks(parts: &[&[u8]]) -> Vec<u8> {
    let mut answer = format!("{}Transfer-Encoding: chunked\r\n\r\n", head("200 OK")).into_bytes();
    for part in parts {
        write!(answer, "{:x}\r\n", part.len()).unwrap();
        answer.extend_from_slice(part);
        answer.extend_from_slice(b"\r\n");
    }
    answer
}

fn chunked(parts: &[&[u8]]) -> Vec<u8> {
    let mut answer = chunks(parts);
    answer.extend_from_slice(b"0\r\n\r\n");
    answer
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The message without the folder of the test.
fn message(error: &RegistryError, daemon: &Daemon) -> String {
    error.to_string().replace(&daemon.called(), "DAEMON")
}

#[test]
fn an_archive_comes_out() {
    let (first, second) = (vec![7; 300_000], vec![0; 1024]);
    let fake = Fake::answering(chunked(&[&first, &second]));
    let mut stream = fake.daemon.export(&names(&["team/app:1", "ä&b"])).unwrap();
    fn is_free<T: Send + 'static>(_: &T) {}
    is_free(&stream);
    let mut archive = Vec::new();
    stream.read_to_end(&mut archive).unwrap();
    assert!(archive == [first, second].concat());
    let request = fake.request();
    assert!(
        request.starts_with("GET /images/get?names=team%2Fapp%3A1&names=%C3%A4%26b HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.to_lowercase().contains("\r\nhost: docker\r\n"), "{request}");
}

#[test]
fn an_archive_that_breaks_off() {
    let end_of = |answer: Vec<u8>| {
        let fake = Fake::answering(answer);
        let mut archive = Vec::new();
        let end = fake.daemon.export(&names(&["a"])).unwrap().read_to_end(&mut archive);
        end.map_err(|e| e.to_string())
    };
    assert!(end_of(chunks(&[b"half"])).is_err());
    let complaint = br#"{"errorDetail":{"message":"lost\tlayer"},"error":"lost\tlayer"}"#;
    let gave_up = Err("the Docker daemon gave up: lost\\tlayer".to_owned());
    assert_eq!(end_of(chunked(&[b"half", complaint, b"\r\n"])), gave_up);
    assert_eq!(end_of(chunked(&[&[b"half".as_slice(), complaint].concat()])), gave_up);
    // The same inside of an archive that is whole.
    assert_eq!(end_of(chunked(&[complaint, &[0; 1024]])), Ok(complaint.len() + 1024));
    assert_eq!(end_of(chunked(&[b"{\"errorDetail\" }"])), Ok(16));
}

#[test]
fn refusals_of_export() {
    let check = |asked: &[&str], answer: Vec<u8>, expect: &str| {
        let fake = Fake::answering(answer);
        let error = fake.daemon.export(&names(asked)).unwrap_err();
        assert_eq!(message(&error, &fake.daemon), expect);
    };
    let missing = plain("404 Not Found", r#"{"message":"No such image: b"}"#);
    check(&["b"], missing.clone(), "DAEMON has no image b: No such image: b");
    check(&["a", "b"], missing, "DAEMON has no such image among a, b: No such image: b");
    let broken = plain("500 Internal Server Error", "no \u{1b}[31mJSON\n");
    check(&["b"], broken, "DAEMON answers the request to save b with 500: no \\u{1b}[31mJSON");
    let elsewhere =
        b"HTTP/1.1 301 Moved Permanently\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".to_vec();
    check(&["b"], elsewhere, "DAEMON answers the request to save b with 301");
    check(&["b"], Vec::new(), "cannot get an answer from DAEMON");
    check(&["b"], b"SSH-2.0-OpenSSH_9\r\n\r\n".to_vec(), "cannot get an answer from DAEMON");
}

#[test]
fn an_archive_goes_in() {
    let answer = chunked(&[
        b"{\"stream\":\"Loaded image: a:1\\n\"}\r\n{\"str",
        b"eam\":\"Loaded image ID: sha256:00\\n\"}\r\n",
        b"{\"status\":\"more\"}",
    ]);
    let fake = Fake::answering(answer);
    let archive = vec![b'x'; 1 << 20];
    let told = fake.daemon.import(&mut archive.as_slice()).unwrap();
    assert_eq!(told, ["Loaded image: a:1", "Loaded image ID: sha256:00"]);
    let request = fake.request();
    assert!(request.starts_with("POST /images/load?quiet=1 HTTP/1.1\r\n"));
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.to_lowercase().contains("\r\ntransfer-encoding: chunked"), "{head}");
    assert!(head.to_lowercase().contains("\r\ncontent-type: application/x-tar"), "{head}");
    assert_eq!(body.matches('x').count(), archive.len());
}

#[test]
fn refusals_of_import() {
    let check = |answer: Vec<u8>, expect: &str| {
        let fake = Fake::answering(answer);
        let error = fake.daemon.import(&mut b"archive".as_slice()).unwrap_err();
        assert_eq!(message(&error, &fake.daemon), expect);
    };
    let refusal = "DAEMON does not load the archive: invalid tar header";
    check(chunked(&[br#"{"stream":"a"}{"error":"invalid tar header"}"#]), refusal);
    check(chunked(&[br#"{"errorDetail":{"message":"invalid tar header"}}"#]), refusal);
    check(chunked(&[br#"{"errorDetail":{"code":1},"error":"invalid tar header"}"#]), refusal);
    check(chunked(&[br#"{"errorDetail":{}}"#]), "DAEMON does not load the archive: ");
    check(
        plain("500 Internal", r#"{"message":"full"}"#),
        "DAEMON answers the request to load with 500: full",
    );
    let not_json = "DAEMON answers what cannot be understood: expected value at line 1 column 1";
    check(chunked(&[b"Loaded image"]), not_json);
    check(chunks(&[b"{\"stream\":\"a\"}\r\n"]), "cannot read the answer of DAEMON");
    check(Vec::new(), "cannot load an archive into DAEMON");
}

#[test]
fn a_refusal_in_the_middle_of_an_archive() {
    let answer = chunked(&[br#"{"errorDetail":{"message":"disk full"}}"#]);
    let fake = Fake::new(answer, 1000);
    let mut archive = io::repeat(b'x');
    let error = fake.daemon.import(&mut archive).unwrap_err();
    assert_eq!(message(&error, &fake.daemon), "DAEMON does not load the archive: disk full");

    let fake = Fake::new(Vec::new(), 1000);
    let error = fake.daemon.import(&mut archive).unwrap_err();
    assert_eq!(message(&error, &fake.daemon), "cannot load an archive into DAEMON");
}

#[test]
fn an_archive_that_cannot_be_read() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("bad sector"))
        }
    }
    let fake = Fake::answering(chunked(&[]));
    let error = fake.daemon.import(&mut [b'x'; 10].chain(Broken)).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the archive");
    assert_eq!(error.source().unwrap().to_string(), "bad sector");
    assert!(!fake.request().ends_with("0\r\n\r\n"), "the daemon must not take it for whole");
}

#[test]
fn ids() {
    let check = |answer: Vec<u8>, expect: Result<Option<&str>, &str>| {
        let fake = Fake::answering(answer);
        let found = fake.daemon.id("team/app:1").map_err(|e| message(&e, &fake.daemon));
        let expect = expect.map(|id| id.map(|hex| Digest::from_hex(hex).unwrap())).map_err(str::to_owned);
        assert_eq!(found, expect);
        let request = fake.request();
        assert!(request.starts_with("GET /images/team%2Fapp%3A1/json HTTP/1.1\r\n"), "{request}");
    };
    let hex = "ab".repeat(32);
    let inspected = format!(r#"{{"Id":"sha256:{hex}","RepoTags":[]}}"#);
    check(plain("200 OK", &inspected), Ok(Some(&hex)));
    check(plain("404 Not Found", r#"{"message":"No such image: team/app:1"}"#), Ok(None));
    let bad = plain("400 Bad Request", r#"{"message":"invalid reference"}"#);
    check(bad, Err("DAEMON answers the request to inspect team/app:1 with 400: invalid reference"));
    check(plain("200 OK", r#"{"Id":"sha1:7"}"#), Err("DAEMON gives an image the ID sha1:7, which is none"));
    let unknown = "DAEMON answers what cannot be understood: missing field `Id` at line 1 column 2";
    check(plain("200 OK", "{}"), Err(unknown));
    let endless = format!(r#"{{"Comment":"{}"}}"#, "x".repeat(9 << 20));
    check(plain("200 OK", &endless), Err("cannot read the answer of DAEMON"));
}

#[test]
fn nobody_listens() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, kind: io::ErrorKind| {
        let path = folder.path().join(name);
        let error = Daemon::at(&path).id("a").unwrap_err();
        assert_eq!(error.to_string(), format!("cannot reach the Docker daemon at {}", path.display()));
        assert_eq!(error.source().unwrap().downcast_ref::<io::Error>().unwrap().kind(), kind);
    };
    check("missing.sock", io::ErrorKind::NotFound);
    drop(UnixListener::bind(folder.path().join("left.sock")).unwrap());
    check("left.sock", io::ErrorKind::ConnectionRefused);
}

#[test]
fn patience_has_an_end() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let answer = unix::agent(ours, HungUp::default(), Some(Duration::from_millis(20))).get(uri("/")).call();
    assert!(matches!(answer, Err(ureq::Error::Timeout(_))), "{answer:?}");
    drop(theirs);
}
