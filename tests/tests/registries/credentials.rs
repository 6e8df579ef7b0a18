//! Who gets to see passwords and tokens, and who does not.

use ply_tests::{Liar, Lie, Packing, Ran, Request, Rule, layer, made};

use super::{Journey, large};

pub(super) const USER: &str = "plyer";
pub(super) const PASSWORD: &str = "hush-hush";
/// `plyer:hush-hush`
const BASIC: &str = "cGx5ZXI6aHVzaC1odXNo";

/// A journey of somebody who has logged in.
pub(super) fn known() -> Journey {
    let journey = Journey::new();
    journey.logged_in(&format!(r#""auth":"{BASIC}""#));
    journey
}

pub(super) fn authorizations(requests: &[Request]) -> Vec<Option<&str>> {
    requests.iter().map(|request| request.header("Authorization")).collect()
}

#[track_caller]
pub(super) fn keeps_secrets(ran: &Ran) {
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
    let realm = format!(
        r#"Bearer realm="http://{}/token",service="tests",error="invalid_token""#,
        journey.liar.host()
    );
    let expired = Lie::Status(401, vec![("WWW-Authenticate", realm)], String::new());
    journey.liar.lie(Rule::new("", &served.layers[0], expired).skip(2).times(1));
    journey.comes("app:1", &served);
    assert_eq!(journey.asked("/token").len(), 2);
}

/// A registry that is never content: one new token, then an error.
#[test]
fn endless_refusals() {
    for challenge in
        ["Basic realm=\"x\"", "Bearer realm=\"http://{host}/token\"", "Bearer realm=\"\"", "Other", ""]
    {
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
            assert!(
                journey.asked(what).len() <= 2 && journey.asked("/token").len() <= 2,
                "{:?}",
                journey.liar.requests()
            );
            journey.liar.stop_lying();
        }
    }
}

/// What a realm may answer: no token, half a token, one that would be a header of its own, one that lives for ever.
#[test]
fn answers_of_a_realm() {
    let journey = known();
    let served = journey.liar.image("app", "1", &[layer("a")]);
    journey.liar.require_bearer(None, "tests");
    let body = |text: &str| Lie::Body(text.as_bytes().to_vec());
    let status = |status| Lie::Status(status, Vec::new(), String::new());
    let elsewhere = Liar::new();
    let lies = [
        (body("{}"), "gives no token"),
        (body("[]"), "gives no token"),
        (body("<html>"), "gives no token"),
        (body(r#"{"token":""}"#), "gives no token"),
        (body(r#"{"token":"a b"}"#), "gives no token"),
        (body(r#"{"token":"a\r\nAuthorization: b"}"#), "gives no token"),
        (body(r#"{"token":"a","expires_in":-1}"#), "gives no token"),
        (body(r#"{"token":"a","expires_in":18446744073709551615}"#), "to who is not logged in"),
        (body(r#"{"token":"","access_token":"a"}"#), "to who is not logged in"),
        (body(r#"{"token":null,"access_token":"a"}"#), "to who is not logged in"),
        (Lie::Huge(20 << 20), "gives no token"),
        (Lie::Endless, "gives no token"),
        (status(403), "refuses a token"),
        (status(404), "answers a token with 404"),
        // Whoever the realm names is no realm.
        (Lie::Redirect(307, format!("http://{}/token", elsewhere.host())), "a token with 307"),
    ];
    for (lie, words) in lies {
        journey.lie("/token", lie.clone());
        let ran = journey.pull("app:1");
        assert_eq!(ran.code, Some(1), "{lie:?}");
        assert!(ran.stderr.contains(words), "{lie:?}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("ply: "), "{lie:?}: {}", ran.stderr);
        keeps_secrets(&ran);
        journey.liar.stop_lying();
    }
    assert_eq!(elsewhere.requests(), [""; 0]);
    // A realm may be busy, and break off, as anybody.
    journey.lie_times(1, "/token", status(503));
    journey.lie_times(1, "/token", Lie::HangUp);
    journey.comes("app:1", &served);
}
