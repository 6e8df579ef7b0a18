//! Who gets to see passwords and tokens, and who does not.

use ply_tests::{Liar, Lie, Made, Packing, Ran, Request, Rule, Served, layer, made};

use super::{Journey, asked, large};

const USER: &str = "plyer";
const PASSWORD: &str = "hush-hush";
/// `plyer:hush-hush`
const BASIC: &str = "cGx5ZXI6aHVzaC1odXNo";

/// A journey of somebody who has logged in.
fn known() -> Journey {
    let journey = Journey::new();
    journey.logged_in(&format!(r#""auth":"{BASIC}""#));
    journey
}

/// An image of two layers, and another server that has its layers and none of the credentials.
fn with_another(journey: &Journey) -> (Served, Liar) {
    let served = journey.liar.image("app", "1", &[layer("a"), layer("b")]);
    let other = Liar::new();
    for digest in &served.layers {
        other.blob(journey.liar.blob_of("app", digest).unwrap());
    }
    (served, other)
}

fn redirect_to(host: &str) -> Lie {
    Lie::Redirect(307, format!("http://{host}{{target}}"))
}

fn authorizations(requests: &[Request]) -> Vec<Option<&str>> {
    requests.iter().map(|request| request.header("Authorization")).collect()
}

#[track_caller]
fn keeps_secrets(ran: &Ran) {
    for secret in [PASSWORD, BASIC, "refresh-secret", "token-"] {
        assert!(!ran.stderr.contains(secret) && !ran.text().contains(secret), "{secret}: {ran:?}");
    }
}

#[test]
fn a_password() {
    let journey = known();
    let served = journey.liar.image("app", "1", &[layer("a")]);
    journey.liar.require_basic(USER, PASSWORD);
    journey.comes("app:1", &served);
    let log = journey.liar.log();
    // The first request asks whether one is wanted.
    let header = format!("Basic {BASIC}");
    assert_eq!(authorizations(&log), [None, Some(&*header), Some(&*header), Some(&*header)]);
}

/// The wrong one, or none, where one is wanted.
#[test]
fn who_is_not_let_in() {
    let check = |journey: &Journey| {
        journey.liar.image("app", "1", &[layer("a")]);
        let basic = |journey: &Journey| journey.liar.require_basic(USER, "another");
        basic(journey);
        let ran = journey.pull("app:1");
        assert_eq!(ran.code, Some(1));
        keeps_secrets(&ran);
        assert!(ran.stderr.contains("refuses manifest app:1 to who is not logged in"), "{}", ran.stderr);
        assert!(journey.liar.log().len() <= 2, "{:?}", journey.liar.requests());
        journey.liar.require_bearer(None, "tests");
        journey.liar.clear_log();
        let ran = journey.pull("app:1");
        assert_eq!(ran.code, Some(1));
        keeps_secrets(&ran);
        assert_eq!(journey.asked("/token").len(), 1, "{:?}", journey.liar.requests());
    };
    check(&Journey::new());
    check(&known());
}

/// A token for anybody: asked for once, for no more than is needed.
#[test]
fn a_token_for_anybody() {
    let journey = Journey::new();
    let served = journey.liar.image("team/app", "1", &[layer("a"), layer("b")]);
    journey.liar.require_bearer(None, "the service");
    journey.comes("team/app:1", &served);
    let [token] = &journey.asked("/token")[..] else { panic!("{:?}", journey.liar.requests()) };
    assert_eq!(token.method, "GET");
    assert_eq!(token.header("Authorization"), None);
    assert_eq!(token.query("service").as_deref(), Some("the service"));
    assert_eq!(token.queries("scope"), ["repository:team/app:pull"]);
    let refused = journey.liar.log().iter().filter(|request| request.status == 401).count();
    assert_eq!(refused, 1);
}

/// The realm is another host, and gets the password; the registry gets the token and nothing else.
#[test]
fn a_realm_elsewhere() {
    let journey = known();
    let served = journey.liar.image("app", "1", &[layer("a")]);
    let issuer = Liar::new();
    issuer.require_basic(USER, PASSWORD);
    journey.liar.require_bearer(Some(&issuer), "tests");
    journey.comes("app:1", &served);
    let header = format!("Basic {BASIC}");
    assert_eq!(authorizations(&issuer.log()), [Some(&*header)]);
    let log = journey.liar.log();
    assert!(authorizations(&log)[1..].iter().all(|header| *header == Some("Bearer token-1")), "{log:?}");
    assert_eq!(log[0].header("Authorization"), None);
}

/// An identity token goes to the realm in a form, and to nobody else.
#[test]
fn an_identity_token() {
    let journey = Journey::new();
    journey.logged_in(r#""auth":"cGx5ZXI6","identitytoken":"refresh-secret""#);
    let served = journey.liar.image("app", "1", &[layer("a")]);
    journey.liar.require_bearer(None, "tests");
    journey.liar.refresh_token("refresh-secret");
    journey.comes("app:1", &served);
    let [token] = &journey.asked("/token")[..] else { panic!("{:?}", journey.liar.requests()) };
    assert_eq!(token.method, "POST");
    let form = ["grant_type", "refresh_token", "service", "scope"].map(|key| token.form(key).unwrap());
    assert_eq!(form, ["refresh_token", "refresh-secret", "tests", "repository:app:pull"]);
    let others = journey.liar.log().into_iter().filter(|request| request.path() != "/token");
    assert!(others.into_iter().all(|request| !format!("{request:?}").contains("refresh-secret")));

    journey.liar.refresh_token("another");
    journey.ok(["rmi", &journey.liar.name("app:1")]);
    let ran = journey.pull("app:1");
    assert_eq!(ran.code, Some(1));
    keeps_secrets(&ran);
}

/// A token that is good for one request is renewed for each.
#[test]
fn tokens_that_expire() {
    let journey = Journey::new();
    let served = journey.liar.image("app", "1", &[layer("a")]);
    journey.liar.require_bearer(None, "tests");
    journey.liar.tokens_last(1);
    journey.comes("app:1", &served);
    assert_eq!(journey.asked("/token").len(), 3);
}

/// A token that expires among the ranges of a large layer.
#[test]
fn a_token_that_expires_in_the_middle() {
    let journey = Journey::new();
    let image = made(vec![large(11, 40 << 20), layer("b")]);
    let served = journey.liar.packed_image("app", "1", image, Packing::Plain);
    journey.liar.require_bearer(None, "tests");
    let realm = format!(r#"Bearer realm="http://{}/token",service="tests",error="invalid_token""#, journey.liar.host());
    let expired = Lie::Status(401, vec![("WWW-Authenticate", realm)], String::new());
    journey.liar.lie(Rule::new("", &served.layers[0], expired).skip(2).times(1));
    journey.comes("app:1", &served);
    assert_eq!(journey.asked("/token").len(), 2);
}

/// A registry that is never content: one new token, then an error.
#[test]
fn endless_refusals() {
    for challenge in ["Basic realm=\"x\"", "Bearer realm=\"http://{host}/token\"", "Bearer realm=\"\"", "Other", ""] {
        let journey = known();
        let served = journey.liar.image("app", "1", &[layer("a")]);
        let challenge = challenge.replace("{host}", &journey.liar.host());
        let refuses = Lie::Status(401, vec![("WWW-Authenticate", challenge.clone())], String::new());
        for what in ["/manifests/", &served.config, &served.layers[0]] {
            journey.liar.clear_log();
            journey.lie(what, refuses.clone());
            let ran = journey.pull("app:1");
            assert_eq!(ran.code, Some(1));
            keeps_secrets(&ran);
            assert!(ran.stderr.contains("to who is not logged in"), "{challenge}: {}", ran.stderr);
            assert!(journey.asked(what).len() <= 2 && journey.asked("/token").len() <= 2, "{:?}", journey.liar.requests());
            journey.liar.stop_lying();
        }
    }
}

/// Blobs that are elsewhere are fetched there, without a word about who asks.
#[test]
fn blobs_elsewhere() {
    for bearer in [false, true] {
        let journey = known();
        let (served, other) = with_another(&journey);
        journey.liar.require_basic(USER, PASSWORD);
        if bearer {
            journey.liar.require_bearer(None, "tests");
        }
        for digest in &served.layers {
            journey.lie(digest, redirect_to(&other.host()));
        }
        journey.comes("app:1", &served);
        assert_eq!(other.log().len(), 2);
        for request in other.log() {
            assert!(request.header("Authorization").is_none() && !format!("{request:?}").contains("token-"), "{request:?}");
        }
        // At home they were shown.
        assert!(authorizations(&journey.asked(&served.layers[0])).iter().all(Option::is_some));
    }
}

/// Neither does a host that asks for them get them.
#[test]
fn another_host_that_asks() {
    for bearer in [false, true] {
        let journey = known();
        let (served, other) = with_another(&journey);
        journey.liar.require_basic(USER, PASSWORD);
        other.require_basic(USER, PASSWORD);
        if bearer {
            other.require_bearer(None, "tests");
        }
        journey.lie(&served.layers[0], redirect_to(&other.host()));
        let said = journey.fails("app:1", &[&served.layers[0]]);
        keeps_secrets(&Ran { code: None, stdout: Vec::new(), stderr: said });
        let log = other.log();
        assert!(!log.is_empty() && authorizations(&log).iter().all(Option::is_none), "{log:?}");
        assert_eq!(asked(&other, "/token").len(), 0);
    }
}

/// The same machine under another name is another host.
#[test]
fn another_name_for_the_same() {
    let journey = known();
    let served = journey.liar.image("app", "1", &[layer("a")]);
    journey.liar.require_basic(USER, PASSWORD);
    let other = journey.liar.host().replace("127.0.0.1", "localhost");
    journey.lie_times(1, &served.layers[0], redirect_to(&other));
    journey.fails("app:1", &["to who is not logged in"]);
    let [home, away] = &journey.asked(&served.layers[0])[..] else { panic!("{:?}", journey.liar.requests()) };
    assert!(home.header("Authorization").is_some() && away.header("Authorization").is_none());
}

/// A list of tags that goes on elsewhere is refused, and nobody is asked there.
#[test]
fn tags_elsewhere() {
    let journey = known();
    journey.liar.image("app", "1", &[layer("a")]);
    journey.liar.require_basic(USER, PASSWORD);
    let other = Liar::new();
    other.image("app", "2", &[layer("b")]);
    journey.lie("/tags/", Lie::Link(format!("<http://{}/v2/app/tags/list?n=1>; rel=\"next\"", other.host())));
    let name = journey.liar.name("app");
    for args in [vec!["search", "--tags", &name], vec!["pull", "-a", &name]] {
        let ran = journey.run(&args);
        assert_eq!(ran.code, Some(1), "{args:?}");
        assert!(ran.stderr.contains(&format!("points to http://{}/v2/app/tags/list", other.host())), "{}", ran.stderr);
        keeps_secrets(&ran);
    }
    assert_eq!(other.requests(), [""; 0]);
    assert_eq!(journey.images(), "");
}

/// Where else a layer is, as its descriptor says, is never looked at (CVE-2020-15157): neither of a common layer nor of one
/// that is not to be distributed, whether the registry has it or not.
#[test]
fn layers_that_name_other_places() {
    for kind in [
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ] {
        for has in [true, false] {
            let journey = known();
            let other = Liar::new();
            let image = Made::of(&["a"]);
            let blob = if kind.ends_with("gzip") { ply_tests::gzip(&image.layers[0]) } else { image.layers[0].clone() };
            let mut layer = ply_tests::descriptor(kind, &blob);
            let digest = other.blob(blob.clone());
            layer["urls"] = serde_json::json!([format!("http://{}/v2/app/blobs/{digest}", other.host())]);
            if has {
                journey.liar.blob(blob);
            }
            journey.liar.blob(image.config.clone());
            let manifest = serde_json::json!({
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": ply_tests::descriptor("application/vnd.oci.image.config.v1+json", &image.config),
                "layers": [layer],
            });
            journey.liar.manifest("app", "1", "application/vnd.oci.image.manifest.v1+json", manifest.to_string());
            let ran = journey.pull("app:1");
            if !has {
                assert_eq!(ran.code, Some(1), "{kind}: {}", ran.stderr);
                assert_eq!(journey.images(), "");
            }
            journey.is_sound();
            assert_eq!(other.requests(), [""; 0], "{kind}");
        }
    }
}
