//! The liar, looked at by hand: honest where it should be, and each lie as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Liar, Lie, Packing, Rule};
use crate::{Engines, Made, layer, needs, output, raw, sha256};

/// An answer: its status, the lines of its head, and what came after them until the server closed.
#[derive(Debug)]
struct Answer {
    status: String,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().to_owned();
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

fn ask(liar: &Liar, method: &str, target: &str, headers: &str) -> Answer {
    Answer::of(&raw::exchange(&liar.host(), &raw::last(method, target, headers)).unwrap())
}

fn get(liar: &Liar, target: &str) -> Answer {
    ask(liar, "GET", target, "")
}

fn send(liar: &Liar, method: &str, target: &str, headers: &str, body: &str) -> Answer {
    let headers = format!("{headers}Content-Length: {}\r\n", body.len());
    let request = raw::last(method, target, &headers) + body;
    Answer::of(&raw::exchange(&liar.host(), &request).unwrap())
}

/// A liar, and the path of a blob of ten digits in it.
fn with_digits() -> (Liar, String) {
    let liar = Liar::new();
    let digest = liar.blob("0123456789");
    (liar, format!("/v2/app/blobs/{digest}"))
}

#[test]
fn it_serves_images() {
    let liar = Liar::new();
    let made = liar.image("team/app", "1", &[layer("a"), layer("b")]);
    let other = liar.packed_image("team/app", None, Made::of(&["c"]), Packing::Docker);
    let index =
        liar.index("team/app", "all", &[("linux/amd64", &made.manifest), ("linux/arm/v7", &other.manifest)]);
    for (reference, digest) in [("1", &made.manifest), (&*made.manifest, &made.manifest), ("all", &index)] {
        let target = format!("/v2/team/app/manifests/{reference}");
        let (whole, head) = (get(&liar, &target), ask(&liar, "HEAD", &target, ""));
        assert_eq!((&*whole.status, &*head.status, head.text()), ("200", "200", ""));
        assert_eq!(sha256(&whole.body), **digest);
        assert_eq!(head.header("Content-Length"), Some(&*whole.body.len().to_string()));
        assert_eq!(head.header("Docker-Content-Digest"), Some(&**digest));
    }
    assert!(get(&liar, "/v2/team/app/manifests/all").text().contains(r#""variant":"v7""#));
    for digest in made.layers.iter().chain([&made.config]) {
        assert_eq!(sha256(&get(&liar, &format!("/v2/team/app/blobs/{digest}")).body), **digest);
        assert_eq!(get(&liar, &format!("/v2/app/blobs/{digest}")).status, "404");
    }
    assert_eq!(get(&liar, "/v2/team/app/manifests/2").status, "404");
    assert_eq!(get(&liar, "/v2/").text(), "{}");
}

#[test]
fn it_serves_ranges() {
    let (liar, blob) = with_digits();
    let check = |range: &str, status: &str, told: Option<&str>, body: &str| {
        let answer = ask(&liar, "GET", &blob, &format!("Range: bytes={range}\r\n"));
        assert_eq!((&*answer.status, answer.header("Content-Range")), (status, told), "{range}");
        assert!(answer.text().starts_with(body), "{range}: {}", answer.text());
    };
    check("0-0", "206", Some("bytes 0-0/10"), "0");
    check("3-5", "206", Some("bytes 3-5/10"), "345");
    check("8-", "206", Some("bytes 8-9/10"), "89");
    check("8-100", "206", Some("bytes 8-9/10"), "89");
    check("-2", "206", Some("bytes 8-9/10"), "89");
    check("-20", "206", Some("bytes 0-9/10"), "0123456789");
    check("10-", "416", Some("bytes */10"), "{");
    check("-0", "416", Some("bytes */10"), "{");
    check("5-3", "200", None, "0123456789");
    check("1-2,4-5", "200", None, "0123456789");
}

#[test]
fn it_lists_tags_in_pages() {
    let liar = Liar::new();
    for tag in ["c", "a", "b"] {
        liar.manifest("app", tag, "text/plain", tag);
    }
    let list = |query: &str| {
        let answer = get(&liar, &format!("/v2/app/tags/list{query}"));
        (answer.text().to_owned(), answer.header("Link").map(str::to_owned))
    };
    assert_eq!(list(""), (r#"{"name":"app","tags":["a","b","c"]}"#.to_owned(), None));
    let next = r#"</v2/app/tags/list?n=2&last=b>; rel="next""#;
    assert_eq!(list("?n=2"), (r#"{"name":"app","tags":["a","b"]}"#.to_owned(), Some(next.to_owned())));
    assert_eq!(list("?n=2&last=b"), (r#"{"name":"app","tags":["c"]}"#.to_owned(), None));
    liar.tags_at_once(1);
    assert_eq!(list("?n=2").0, r#"{"name":"app","tags":["a"]}"#);
    assert_eq!(get(&liar, "/v2/none/tags/list").status, "404");
}

#[test]
fn it_keeps_connections_and_a_log() {
    let (liar, blob) = with_digits();
    let mut stream = BufReader::new(TcpStream::connect(liar.host()).unwrap());
    for _ in 0..2 {
        let request = format!("GET {blob} HTTP/1.1\r\nHost: here\r\nX-Test: 1\r\n\r\n");
        stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line).unwrap();
        }
        let mut body = [0; 10];
        stream.read_exact(&mut body).unwrap();
        assert_eq!(&body, b"0123456789");
    }
    get(&liar, "/v2/?x=1");
    let log = liar.log();
    assert_eq!(log.iter().map(|request| request.connection).collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!(log[0].header("x-test"), Some("1"));
    assert_eq!(
        liar.requests(),
        [&*format!("GET {blob} 200"), &*format!("GET {blob} 200"), "GET /v2/?x=1 200"]
    );
    liar.clear_log();
    assert!(liar.log().is_empty());

    // The connection that is open waits for nothing.
    let (host, before) = (liar.host(), Instant::now());
    drop(liar);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    assert!(TcpStream::connect(host).is_err() && before.elapsed() < Duration::from_secs(5));
}

#[test]
fn it_takes_uploads() {
    let liar = Liar::new();
    let (config, layer) = (sha256(b"{}"), sha256(b"layer"));
    // At once.
    let answer = send(&liar, "POST", &format!("/v2/app/blobs/uploads/?digest={config}"), "", "{}");
    let place = format!("/v2/app/blobs/{config}");
    assert_eq!((&*answer.status, answer.header("Location")), ("201", Some(&*place)));
    // In chunks, each to the place that was told last.
    let begun = send(&liar, "POST", "/v2/app/blobs/uploads/", "", "");
    let first = begun.header("Location").unwrap();
    let chunked = "Transfer-Encoding: chunked\r\n";
    let request = raw::last("PATCH", first, chunked) + "2\r\nla\r\n1\r\ny\r\n0\r\n\r\n";
    let patched = Answer::of(&raw::exchange(&liar.host(), &request).unwrap());
    assert_eq!((&*patched.status, patched.header("Range")), ("202", Some("0-2")));
    assert_eq!(send(&liar, "PATCH", first, "", "late").status, "404");
    let second = patched.header("Location").unwrap();
    assert_eq!(send(&liar, "PATCH", second, "Content-Range: 2-3\r\n", "er").status, "416");
    let end = format!("{second}&digest={}", layer.replace(':', "%3A"));
    assert_eq!(send(&liar, "PUT", &end, "Content-Range: 3-4\r\n", "er").status, "201");
    assert_eq!(liar.blob_of("app", &layer).unwrap(), b"layer");
    // With another digest.
    let wrong = send(&liar, "POST", &format!("/v2/app/blobs/uploads/?digest={config}"), "", "x");
    assert_eq!(wrong.status, "400");
    // From another repository.
    let mount = |from: &str| format!("/v2/other/blobs/uploads/?mount={layer}&from={from}");
    assert_eq!(send(&liar, "POST", &mount("none"), "", "").status, "202");
    assert_eq!(send(&liar, "POST", &mount("app"), "", "").status, "201");
    // A manifest wants its parts to be there.
    let manifest = format!(r#"{{"config":{{"digest":"{config}"}},"layers":[{{"digest":"{layer}"}}]}}"#);
    let put = |place: &str| send(&liar, "PUT", place, "Content-Type: text/plain\r\n", &manifest).status;
    assert_eq!(put("/v2/other/manifests/1"), "400");
    assert_eq!(put("/v2/app/manifests/1"), "201");
    assert_eq!(put(&format!("/v2/app/manifests/{config}")), "400");
    let stored = ("text/plain".to_owned(), manifest.clone().into_bytes());
    assert_eq!(liar.manifest_of("app", &sha256(manifest.as_bytes())), Some(stored));
}

#[test]
fn rules_count() {
    let (liar, blob) = with_digits();
    liar.lie(Rule::new("GET", "/blobs/", Lie::Truncate(1)).skip(1).times(2));
    liar.lie(Rule::new("", "", Lie::Truncate(2)));
    let bodies: Vec<String> = (0..4).map(|_| get(&liar, &blob).text().to_owned()).collect();
    assert_eq!(bodies, ["01", "0", "0", "01"]);
    liar.stop_lying();
    assert_eq!(get(&liar, &blob).text(), "0123456789");
}

/// The answer to a lie about the ten digits, from the fourth on where a range is asked for.
fn lied(lie: Lie, headers: &str) -> Answer {
    let (liar, blob) = with_digits();
    liar.lie(Rule::new("", "", lie));
    ask(&liar, "GET", &blob, headers)
}

#[test]
fn lies_about_bodies() {
    let check = |lie: Lie, length: Option<&str>, body: &str| {
        let answer = lied(lie.clone(), "");
        let found = (&*answer.status, answer.header("Content-Length"), answer.text());
        assert_eq!(found, ("200", length, body), "{lie:?}");
    };
    check(Lie::CutAfter(3), Some("10"), "012");
    check(Lie::CutAfter(30), Some("10"), "0123456789");
    check(Lie::ContentLength(12), Some("12"), "0123456789");
    check(Lie::ContentLength(8), Some("8"), "0123456789");
    check(Lie::NoLength, None, "a\r\n0123456789\r\n0\r\n\r\n");
    check(Lie::UntilClosed, None, "0123456789");
    check(Lie::Corrupt(1), Some("10"), "0023456789");
    check(Lie::Truncate(2), Some("2"), "01");
    check(Lie::Body(b"abc".to_vec()), Some("3"), "abc");
    check(Lie::Huge(3), Some("3"), "\0\0\0");
    check(Lie::All(vec![Lie::NoLength, Lie::CutAfter(2)]), None, "2\r\n01\r\n");
    assert!(lied(Lie::Endless, "").body.len() > 64 << 20);
}

#[test]
fn lies_about_ranges() {
    let check = |lie: Lie, status: &str, told: Option<&str>, body: &str| {
        let answer = lied(lie.clone(), "Range: bytes=4-\r\n");
        let found = (&*answer.status, answer.header("Content-Range"), answer.text());
        assert_eq!(found, (status, told, body), "{lie:?}");
    };
    check(Lie::IgnoreRange, "200", None, "0123456789");
    check(Lie::WrongRange(7), "206", Some("bytes 7-9/10"), "789");
    check(Lie::ContentRange("bytes 3-8/10".to_owned()), "206", Some("bytes 3-8/10"), "456789");
}

#[test]
fn lies_about_heads() {
    let header = |lie: Lie, name: &str| lied(lie, "").header(name).map(str::to_owned);
    assert_eq!(header(Lie::DigestHeader(None), "Docker-Content-Digest"), None);
    assert_eq!(header(Lie::DigestHeader(Some("x".to_owned())), "Docker-Content-Digest").unwrap(), "x");
    assert_eq!(header(Lie::ContentType("a/b".to_owned()), "Content-Type").unwrap(), "a/b");
    assert_eq!(header(Lie::Link("</>".to_owned()), "Link").unwrap(), "</>");
    assert_eq!(header(Lie::Header("X", Some("y".to_owned())), "X").unwrap(), "y");
    let busy = lied(Lie::Status(429, vec![("Retry-After", "1".to_owned())], "busy".to_owned()), "");
    assert_eq!((&*busy.status, busy.header("Retry-After"), busy.text()), ("429", Some("1"), "busy"));
    let moved = lied(Lie::Redirect(307, "http://other.invalid{target}".to_owned()), "");
    assert!(moved.header("Location").unwrap().starts_with("http://other.invalid/v2/app/blobs/sha256:"));
    assert_eq!(moved.status, "307");
}

#[test]
fn lies_that_wait_or_hang_up() {
    let timed = |lie: Lie| {
        let before = Instant::now();
        assert_eq!(lied(lie, "").text(), "0123456789");
        before.elapsed() >= Duration::from_millis(200)
    };
    assert!(timed(Lie::Delay(Duration::from_millis(200))));
    assert!(timed(Lie::Stall(0, Duration::from_millis(200))));
    assert!(timed(Lie::Stall(3, Duration::from_millis(200))));

    let post = |lie: Lie| {
        let liar = Liar::new();
        liar.lie(Rule::new("POST", "", lie));
        let target = format!("/v2/app/blobs/uploads/?digest={}", sha256(b"abc"));
        let request = raw::last("POST", &target, "Content-Length: 3\r\n") + "abc";
        // Closed with bytes unread it is reset.
        let answer = raw::exchange(&liar.host(), &request).unwrap_or_default();
        let log = liar.log();
        assert_eq!((answer.len(), log[0].status), (0, 0));
        (log[0].body.len(), liar.blob_of("app", &sha256(b"abc")).is_some())
    };
    assert_eq!(post(Lie::HangUp), (3, false));
    assert_eq!(post(Lie::Forget), (3, true));
    assert_eq!(post(Lie::StopReading(2)), (2, false));

    // Who waits for it does not wait any longer than it lives.
    let (liar, blob) = with_digits();
    liar.lie(Rule::new("", "", Lie::Stall(3, Duration::from_secs(3600))));
    let host = liar.host();
    let client = std::thread::spawn(move || raw::exchange(&host, &raw::last("GET", &blob, "")).unwrap());
    while liar.log().is_empty() {
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(liar);
    let _ = client.join().unwrap();
}

#[test]
fn it_wants_a_password() {
    let liar = Liar::new();
    liar.require_basic("plyer", "veneer");
    let refused = get(&liar, "/v2/");
    assert_eq!(
        (&*refused.status, refused.header("WWW-Authenticate")),
        ("401", Some("Basic realm=\"tests\""))
    );
    assert_eq!(ask(&liar, "GET", "/v2/", "Authorization: Basic cGx5ZXI6dmVuZWVy\r\n").status, "200");
}

#[test]
fn it_wants_a_token() {
    let (liar, issuer) = (Liar::new(), Liar::new());
    liar.require_bearer(Some(&issuer), "tests");
    issuer.require_basic("ply", "pw");
    issuer.tokens_last(1);
    issuer.refresh_token("again");
    liar.image("app", "1", &[layer("a")]);
    let manifest = "/v2/app/manifests/1";
    let told = format!(r#"Bearer realm="http://{}/token",service="tests""#, issuer.host());
    let scoped = format!(r#"{told},scope="repository:app:pull""#);
    assert_eq!(get(&liar, "/v2/").header("WWW-Authenticate"), Some(&*told));
    assert_eq!(get(&liar, manifest).header("WWW-Authenticate"), Some(&*scoped));

    let ask_token = "/token?service=tests&scope=repository:app:pull";
    assert_eq!(get(&issuer, ask_token).status, "401");
    let issued = ask(&issuer, "GET", ask_token, "Authorization: Basic cGx5OnB3\r\n");
    assert_eq!(issued.text(), r#"{"token":"token-1","expires_in":300}"#);
    let with = |method: &str, target: &str, token: &str| {
        ask(&liar, method, target, &format!("Authorization: Bearer {token}\r\n"))
    };
    assert_eq!(with("POST", "/v2/app/blobs/uploads/", "token-1").status, "401");
    assert_eq!(with("GET", "/v2/other/manifests/1", "token-1").status, "401");
    assert_eq!(with("GET", manifest, "token-1").status, "200");
    // It is used up.
    let expired = with("GET", manifest, "token-1");
    assert_eq!(expired.header("WWW-Authenticate"), Some(&*format!("{scoped},error=\"invalid_token\"")));

    let form = |form: &str| send(&issuer, "POST", "/token", "", form);
    assert_eq!(form("grant_type=refresh_token&refresh_token=other").status, "401");
    assert_eq!(form("grant_type=password&username=ply&password=no").status, "401");
    assert_eq!(form("grant_type=password&username=ply&password=pw").status, "200");
    let refreshed = "grant_type=refresh_token&refresh_token=again&scope=repository%3Aapp%3Apull%2Cpush";
    let answer = form(refreshed);
    assert_eq!(answer.text(), r#"{"access_token":"token-3","expires_in":300,"refresh_token":"again"}"#);
    assert_eq!(issuer.log().last().unwrap().form("refresh_token").unwrap(), "again");
    assert_eq!(with("POST", "/v2/app/blobs/uploads/", "token-3").status, "202");
}

/// A client that is not ours copies images out of it, into it, and within it.
#[test]
fn it_is_a_registry_to_others() {
    if !needs(&[("skopeo", "skopeo")]) {
        return;
    }
    let (liar, engines) = (Liar::new(), Engines::new());
    liar.require_bearer(None, "tests");
    liar.require_basic("plyer", "veneer");
    let plain = liar.image("team/app", "1", &[layer("a"), layer("b")]);
    let docker = liar.packed_image("team/app", "2", Made::of(&["c"]), Packing::Docker);
    liar.index("team/app", "all", &[("linux/amd64", &plain.manifest), ("linux/arm64", &docker.manifest)]);
    let copy = |from: &str, to: &str| {
        let mut skopeo = engines.skopeo(&["copy", "--all", "--preserve-digests"]);
        skopeo.args(["--src-creds", "plyer:veneer", "--src-tls-verify=false"]);
        skopeo.args(["--dest-creds", "plyer:veneer", "--dest-tls-verify=false"]);
        output(skopeo.args([from, to]).current_dir(engines.folder()));
    };
    let here =
        |repository: &str, tag: &str| format!("docker://{}", liar.name(&format!("{repository}:{tag}")));
    for tag in ["1", "2", "all"] {
        copy(&here("team/app", tag), &format!("dir:{tag}"));
        copy(&format!("dir:{tag}"), &here("out/and/in", tag));
        copy(&here("team/app", tag), &here("within", tag));
        let original = liar.manifest_of("team/app", tag);
        assert!(original.is_some());
        assert_eq!(liar.manifest_of("out/and/in", tag), original);
        assert_eq!(liar.manifest_of("within", tag), original);
    }
    let layer = |repository: &str| liar.blob_of(repository, &plain.layers[0]).unwrap();
    assert_eq!(layer("out/and/in"), layer("team/app"));
    let requests = liar.requests();
    let some = |method: &str, word: &str, status: &str| {
        let mut lines = requests.iter();
        lines.any(|line| line.starts_with(method) && line.contains(word) && line.ends_with(status))
    };
    assert!(some("POST", "mount=", "201") && some("PATCH", "", "202") && some("PUT", "digest=", "201"));
}
