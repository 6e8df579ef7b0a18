//! Registries that are busy, and those that mean no.

use std::time::{Duration, Instant};

use ply_tests::{Lie, Rule, layer};

use super::Journey;

fn busy(status: u16, after: Option<&str>) -> Lie {
    let headers = after.map(|after| ("Retry-After", after.to_owned()));
    Lie::Status(status, headers.into_iter().collect(), String::new())
}

/// It comes back when it was told to.
#[test]
fn retry_after() {
    // Once the binary is there, since the date must not be over before it is told.
    ply_tests::binary();
    // As seconds, or as a date that is so many seconds away.
    let cases = [(Ok("1"), 1000, 6000), (Err(3), 1000, 8000), (Ok("0"), 0, 1500), (Err(-1000), 0, 1500)];
    for (after, least, most) in cases {
        let after = after.map_or_else(http_date, str::to_owned);
        let journey = Journey::new();
        let served = journey.liar.image("app", "1", &[layer("a")]);
        journey.lie_times(1, "/manifests/1", busy(429, Some(&after)));
        journey.comes("app:1", &served);
        let asked = journey.asked("/manifests/1");
        assert_eq!(asked.len(), 2);
        let waited = asked[1].at.duration_since(asked[0].at);
        let between = Duration::from_millis(least)..Duration::from_millis(most);
        assert!(between.contains(&waited), "{after}: {waited:?}");
    }
}

fn http_date(seconds_from_now: i64) -> String {
    let time = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds_from_now);
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// What may pass is tried again, of every kind of request.
#[test]
fn what_passes() {
    let journey = Journey::new();
    let served = journey.liar.image("app", "1", &[layer("a"), layer("b")]);
    for (what, status) in
        [("/manifests/1", 503), (&*served.config, 502), (&*served.layers[0], 500), (&*served.layers[1], 504)]
    {
        journey.lie_times(2, what, busy(status, Some("0")));
    }
    journey.comes("app:1", &served);
    assert_eq!(journey.liar.log().len(), 4 * 3);
    // Where nobody says how long, the time between grows.
    journey.liar.clear_log();
    journey.liar.lie(Rule::new("HEAD", "", busy(503, None)).times(3));
    journey.comes("app:1", &served);
    let at: Vec<Instant> = journey.liar.log().iter().map(|request| request.at).collect();
    assert_eq!(at.len(), 4);
    let waits: Vec<u128> = at.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_millis()).collect();
    assert!(waits[0] >= 160 && waits[1] >= 330 && waits[2] >= 660, "{waits:?}");
}

/// Storms: the first try and five more, of all requests together that an answer was wanted for.
#[test]
fn what_does_not_pass() {
    let journey = Journey::new();
    let served = journey.liar.image("app", "1", &[layer("a")]);
    for status in [429, 500, 502, 503, 504] {
        for what in ["/manifests/1", &served.config, &served.layers[0]] {
            journey.liar.clear_log();
            journey.lie(what, busy(status, Some("0")));
            journey.fails("app:1", &[&format!("with {status}")]);
            assert_eq!(journey.asked(what).len(), 6, "{status} {what}");
            journey.liar.stop_lying();
        }
    }
    journey.comes("app:1", &served);
}

/// Who says no is not asked again.
#[test]
fn what_is_final() {
    let journey = Journey::new();
    let served = journey.liar.image("app", "1", &[layer("a")]);
    for status in [400, 401, 403, 404, 405, 410, 418, 501, 505] {
        for what in ["/manifests/1", &served.config, &served.layers[0]] {
            journey.liar.clear_log();
            journey.lie(what, busy(status, Some("0")));
            journey.fails("app:1", &[&journey.liar.host()]);
            assert_eq!(journey.asked(what).len(), 1, "{status} {what}");
            journey.liar.stop_lying();
        }
    }
}

/// The registry's words are repeated, but nothing in them that moves a terminal, and not too many of them.
#[test]
fn what_it_says() {
    let journey = Journey::new();
    let refuse = |body: &str| {
        journey.liar.stop_lying();
        journey.lie("", Lie::Status(403, Vec::new(), body.to_owned()));
        journey.fails("app:1", &["does not allow manifest app:1"])
    };
    assert!(refuse(r#"{"errors":[{"code":"DENIED","message":"pay first"}]}"#).contains(": pay first"));
    let said = refuse("{\"errors\":[{\"message\":\"\\u001b[2J\\nply: all is well\"}]}");
    assert!(!said.contains('\u{1b}') && said.trim_end().lines().count() == 1, "{said:?}");
    assert!(refuse(&"long ".repeat(20_000)).len() < 500);
}

/// The status that those give who want TLS, from one that does not speak it: it is believed.
#[test]
fn a_plain_no() {
    let journey = Journey::new();
    let no = Lie::Status(400, Vec::new(), "not like this".to_owned());
    let unsigned = Lie::Header("Docker-Distribution-Api-Version", None);
    journey.lie("", Lie::All(vec![no, unsigned]));
    journey.fails("app:1", &["answers manifest app:1 with 400: not like this"]);
    assert_eq!(journey.liar.requests(), ["GET /v2/app/manifests/1 400"]);
}
