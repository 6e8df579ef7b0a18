//! Lists of tags: in pages, in circles, without end, and of what is no tag.

use ply_tests::{Lie, Rule, Served, layer};

use super::Journey;

const TAGS: [&str; 5] = ["1", "1.0", "latest", "v2", "v2.1"];

fn five(journey: &Journey) -> Vec<Served> {
    let served = TAGS.iter().map(|tag| journey.liar.image("team/app", *tag, &[layer("shared"), layer(tag)]));
    served.collect()
}

fn listed(journey: &Journey, args: &[&str]) -> Vec<String> {
    let name = journey.liar.name("team/app");
    let listed = journey.ok([&["search", "--tags"], args, &[&name]].concat());
    listed.lines().map(str::to_owned).collect()
}

#[test]
fn in_pages() {
    for (at_once, pages) in [(1, 5), (2, 3), (5, 1), (100, 1)] {
        let journey = Journey::new();
        five(&journey);
        journey.liar.tags_at_once(at_once);
        assert_eq!(listed(&journey, &[]), TAGS);
        assert_eq!(journey.liar.log().len(), pages, "{at_once}: {:?}", journey.liar.requests());
    }
}

#[test]
fn limited_and_as_json() {
    let journey = Journey::new();
    five(&journey);
    journey.liar.tags_at_once(2);
    assert_eq!(listed(&journey, &["--limit", "3"]), TAGS[..3]);
    let lines = listed(&journey, &["--json"]);
    assert_eq!(lines.len(), 5);
    let last: serde_json::Value = serde_json::from_str(&lines[4]).unwrap();
    assert_eq!(last, serde_json::json!({"Name": journey.liar.name("team/app"), "Tag": "v2.1"}));
}

/// All tags, over pages: each with its name, and what they share once.
#[test]
fn pulled_all() {
    let journey = Journey::new();
    let served = five(&journey);
    journey.liar.tags_at_once(2);
    journey.ok(["pull", "-a", &journey.liar.name("team/app")]);
    for (tag, served) in TAGS.iter().zip(&served) {
        let name = journey.liar.name(&format!("team/app:{tag}"));
        assert_eq!(journey.ok(["inspect", "-f", "{{.Id}}", &name]), served.config);
    }
    assert_eq!(journey.asked(&served[0].layers[0]).len(), 1);
    journey.is_sound();
    // The next time each is asked for once, and nothing comes.
    journey.liar.clear_log();
    journey.ok(["pull", "-a", "-q", &journey.liar.name("team/app")]);
    let statuses: Vec<_> = journey.liar.log().iter().map(|request| request.method.clone()).collect();
    assert_eq!(statuses, ["GET", "GET", "GET", "HEAD", "HEAD", "HEAD", "HEAD", "HEAD"]);
}

/// A page breaks off, or the registry is busy for a moment.
#[test]
fn pages_that_break() {
    let journey = Journey::new();
    five(&journey);
    journey.liar.tags_at_once(2);
    journey.liar.lie(Rule::new("", "/tags/", Lie::CutAfter(5)).skip(1).times(1));
    journey.lie_times(1, "last=v2.1", Lie::HangUp);
    journey.liar.lie(Rule::new("", "last=latest", Lie::Status(503, Vec::new(), String::new())).times(1));
    assert_eq!(listed(&journey, &[]), TAGS);
}

/// What is refused, and how soon.
#[test]
fn lists_that_lie() {
    let check = |lie: Lie, words: &str, most: usize| {
        let journey = Journey::new();
        five(&journey);
        journey.lie("/tags/", lie.clone());
        let name = journey.liar.name("team/app");
        for args in [["search", "--tags", &name], ["pull", "-a", &name]] {
            journey.liar.clear_log();
            let ran = journey.run(args);
            assert_eq!(ran.code, Some(1), "{lie:?}: {}", ran.text());
            assert!(ran.stderr.contains(words), "{lie:?}: {}", ran.stderr);
            assert!(ran.stderr.starts_with("ply: ") && ran.stderr.len() < 2000, "{}", ran.stderr);
            let asked = journey.liar.log().len();
            assert!(asked <= most, "{lie:?}: {asked} requests");
        }
        assert_eq!(journey.images(), "");
    };
    let body = |text: &str| Lie::Body(text.as_bytes().to_vec());
    check(Lie::Link("</v2/team/app/tags/list?n=1>; rel=\"next\"".to_owned()), "does not come to an end", 3);
    check(body("<html>"), "sends something else", 1);
    check(body(r#"{"tags":"1"}"#), "sends something else", 1);
    check(Lie::Huge(20 << 20), "more than the 16777216 bytes", 1);
    check(Lie::Endless, "more than the 16777216 bytes", 1);
    check(Lie::Status(404, Vec::new(), String::new()), "has no tags of team/app", 1);
    check(body(r#"{"tags":null}"#), "has no tags", 1);
}

/// Names of tags come from elsewhere: none of them moves a terminal, or is taken for a name that it is not.
#[test]
fn what_is_no_tag() {
    for tag in ["\\u001b[2Jx", "../../etc", "a/b", "1@sha256:00", "a b", "-a", ""] {
        let journey = Journey::new();
        journey.lie("/tags/", Lie::Body(format!(r#"{{"tags":["{tag}"]}}"#).into_bytes()));
        let name = journey.liar.name("team/app");
        let ran = journey.run(["search", "--tags", &name]);
        assert!(!ran.text().contains('\u{1b}') && ran.text().lines().count() <= 1, "{tag}: {ran:?}");
        let ran = journey.run(["pull", "-a", &name]);
        assert_eq!(ran.code, Some(1), "{tag}: {ran:?}");
        assert!(!ran.stderr.contains('\u{1b}') && ran.stderr.starts_with("ply: "), "{tag}: {ran:?}");
        assert_eq!(journey.asked("/manifests/").len(), 0, "{tag}: {:?}", journey.liar.requests());
    }
}
