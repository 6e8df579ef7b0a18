//! Redirects: where a registry may send us, how often, and where it may not.

use ply_tests::{Lie, Rule, layer};

use super::Journey;

/// Places that nobody is sent to. Nothing is asked there, and the message says where that was.
#[test]
fn places_that_are_not_visited() {
    let journey = Journey::new();
    let served = journey.liar.image("app", "1", &[layer("a")]);
    let port = journey.liar.host().rsplit_once(':').unwrap().1.to_owned();
    for place in [
        "http://169.254.169.254/latest/meta-data",
        "http://0.0.0.0/",
        "http://0.0.0.0:{port}{target}",
        "http://[::]:{port}{target}",
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:0.0.0.0]:{port}{target}",
        "http://[fe80::1]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://224.0.0.1/",
        "//169.254.169.254/",
        // Numbers that resolvers understand.
        "http://0:{port}{target}",
        "http://0x0:{port}{target}",
        "http://2852039166/",
        "http://0251.0376.0251.0376/",
        "http://0xa9fea9fe/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "unix:///run/docker.sock",
        "gopher://127.0.0.1:{port}/",
        "http://user@127.0.0.1:{port}{target}",
        "http://user:word@127.0.0.1:{port}{target}",
        "http://127.0.0.1:{port}@169.254.169.254/",
        "http://",
        "http:///",
        "http://127.0.0.1:99999/",
    ] {
        for what in ["/manifests/", &served.config, &served.layers[0]] {
            let place = place.replace("{port}", &port);
            journey.lie(what, Lie::Redirect(307, place.clone()));
            journey.liar.clear_log();
            let said = journey.fails("app:1", &[]);
            assert!(said.contains(" points to ") || said.contains("is an address inside"), "{place}: {said}");
            assert!(!said.contains("word"), "{said}");
            assert_eq!(journey.asked(what).len(), 1, "{place}: {:?}", journey.liar.requests());
            journey.liar.stop_lying();
        }
    }
    journey.comes("app:1", &served);
}

/// Nor is a realm there, nor where more tags are.
#[test]
fn realms_that_are_not_asked() {
    let journey = Journey::new();
    journey.liar.image("app", "1", &[layer("a")]);
    for realm in [
        "http://169.254.169.254/token",
        "http://0.0.0.0/token",
        "file:///etc/passwd",
        "/token",
        "token",
        "http://a@127.0.0.1/",
    ] {
        let challenge = format!("Bearer realm=\"{realm}\",service=\"x\"");
        journey.lie("/manifests/", Lie::Status(401, vec![("WWW-Authenticate", challenge)], String::new()));
        journey.liar.clear_log();
        journey.fails("app:1", &[&journey.liar.host()]);
        assert_eq!(journey.liar.log().len(), 1, "{realm}");
        journey.liar.stop_lying();
    }
    for link in ["http://169.254.169.254/x", "file:///etc/passwd", "//0.0.0.0/v2/app/tags/list"] {
        journey.lie("/tags/", Lie::Link(format!("<{link}>; rel=\"next\"")));
        let ran = journey.run(["search", "--tags", &journey.liar.name("app")]);
        assert_eq!(ran.code, Some(1), "{link}");
        assert!(ran.stderr.contains("points to "), "{}", ran.stderr);
        journey.liar.stop_lying();
    }
}

/// Five in a row are followed, six are not; of every kind, and whatever way the place is written.
#[test]
fn how_many() {
    let journey = Journey::new();
    let served = journey.liar.image("app", "1", &[layer("a")]);
    for what in ["/manifests/", &served.config, &served.layers[0]] {
        journey.lie(what, Lie::Redirect(302, "{target}".to_owned()));
        journey.liar.clear_log();
        journey.fails("app:1", &["more than 5 times"]);
        assert_eq!(journey.asked(what).len(), 6, "{what}");
        journey.liar.stop_lying();
    }
    for (status, place) in [
        (301, "{target}".to_owned()),
        (302, format!("http://{}{{target}}", journey.liar.host())),
        (303, format!("//{}{{target}}", journey.liar.host())),
        (307, "{target}?signed=yes".to_owned()),
        (308, "{target}#part".to_owned()),
    ] {
        let digest = journey.liar.image(&format!("app{status}"), "1", &[layer(&status.to_string())]);
        journey.lie_times(5, &digest.layers[0], Lie::Redirect(status, place));
        journey.comes(&format!("app{status}:1"), &digest);
        assert_eq!(journey.asked(&digest.layers[0]).len(), 6);
    }
}

/// A redirect that says no place, and one of a kind that is not followed.
#[test]
fn redirects_to_nowhere() {
    let journey = Journey::new();
    let served = journey.liar.image("app", "1", &[layer("a")]);
    for status in [300, 304, 305, 399] {
        journey.liar.lie(Rule::new("GET", &served.layers[0], Lie::Redirect(status, "{target}".to_owned())));
        journey.liar.clear_log();
        journey.fails("app:1", &["redirects blob"]);
        assert_eq!(journey.asked(&served.layers[0]).len(), 1, "{status}");
        journey.liar.stop_lying();
    }
    journey.lie(&served.layers[0], Lie::Status(307, Vec::new(), String::new()));
    journey.liar.clear_log();
    journey.fails("app:1", &[&journey.liar.host()]);
    assert!(journey.asked(&served.layers[0]).len() <= 6);
}

/// What a URL has in its query may be a signature: messages do not repeat it.
#[test]
fn signatures_are_not_repeated() {
    let journey = Journey::new();
    let served = journey.liar.image("app", "1", &[layer("a")]);
    journey
        .lie(&served.layers[0], Lie::Redirect(307, "http://169.254.169.254/x?signature=secret".to_owned()));
    assert!(!journey.fails("app:1", &["points to http://169.254.169.254/x"]).contains("secret"));
    journey.liar.stop_lying();
    // Nobody listens there.
    journey.lie(&served.layers[0], Lie::Redirect(307, "http://127.0.0.1:1/x?signature=secret".to_owned()));
    assert!(!journey.fails("app:1", &["http://127.0.0.1:1"]).contains("secret"));
}
