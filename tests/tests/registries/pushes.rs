//! Pushes to a registry that lies: what breaks off goes on, what it says of offsets is not believed, and who is refused hears
//! why.

use ply_tests::{Input, Lie, Made, Rule, archive_of, made};

use super::{Journey, large};

const MIB: usize = 1 << 20;

/// A journey whose store has an image, named for the liar, with one layer of so many bytes that do not shrink.
fn with_image(length: usize) -> (Journey, String) {
    let journey = Journey::new();
    let image: Made = made(vec![large(7, length)]);
    let archive = journey.ply.write("image.tar", archive_of(&image, "app:1").finish());
    let loaded = journey.ply.load(Input::File, &archive, &["--tag", &journey.liar.name("app:1")]);
    assert_eq!(loaded.code, Some(0), "{}", loaded.stderr);
    let name = journey.liar.name("app:1");
    (journey, name)
}

/// A fresh store pulls what was pushed, and has the same image.
fn is_there(journey: &Journey, name: &str) {
    let id = journey.ok(["inspect", "-f", "{{.Id}}", name]);
    let other = journey.ply.file("other").display().to_string();
    journey.ok(["--store", &other, "pull", "-q", name]);
    assert_eq!(journey.ok(["--store", &other, "inspect", "-f", "{{.Id}}", name]), id);
    journey.ok(["--store", &other, "check"]);
}

/// However an upload breaks off, it comes to its end.
#[test]
fn broken_uploads_go_on() {
    let cases: [(&str, Vec<Rule>); 5] = [
        ("a chunk that is not read", vec![Rule::new("PATCH", "", Lie::StopReading(5 * MIB)).times(1)]),
        ("a chunk that comes and is not told of", vec![Rule::new("PATCH", "", Lie::Forget).times(1)]),
        ("busy", vec![Rule::new("PATCH", "", Lie::Status(503, Vec::new(), String::new())).times(2)]),
        (
            "busy at the end",
            vec![Rule::new("PUT", "digest=", Lie::Status(503, Vec::new(), String::new())).times(1)],
        ),
        (
            "busy with the manifest",
            vec![Rule::new("PUT", "/manifests/", Lie::Status(503, Vec::new(), String::new())).times(1)],
        ),
    ];
    for (title, rules) in cases {
        let (journey, name) = with_image(40 * MIB);
        rules.into_iter().for_each(|rule| journey.liar.lie(rule));
        let ran = journey.run(["push", &name]);
        assert_eq!(ran.code, Some(0), "{title}: {} {:?}", ran.stderr, journey.liar.requests());
        journey.liar.stop_lying();
        is_there(&journey, &name);
    }
}

/// Who may not write hears that, and not what became of the rest of the work.
#[test]
fn refusals_are_told() {
    let denied = |words: &str| {
        let body = format!(r#"{{"errors":[{{"code":"DENIED","message":"{words}"}}]}}"#);
        Lie::Status(403, Vec::new(), body)
    };
    for method in ["POST", "PATCH", "PUT"] {
        let (journey, name) = with_image(40 * MIB);
        journey.liar.lie(Rule::new(method, "", denied("this place is not yours")));
        let ran = journey.run(["push", &name]);
        assert_eq!(ran.code, Some(1), "{method}: {}", ran.stderr);
        assert!(ran.stderr.contains("this place is not yours"), "{method}: {}", ran.stderr);
        assert!(!ran.stderr.contains("nobody sends"), "{method}: {}", ran.stderr);
    }
}

/// A registry that says it has more than was sent, or never more than nothing, ends the push.
#[test]
fn offsets_are_not_believed() {
    for range in ["0-18446744073709551615", "0-99999999999", "0-0"] {
        let (journey, name) = with_image(40 * MIB);
        journey.liar.lie(Rule::new("PATCH", "", Lie::Header("Range", Some(range.to_owned()))));
        journey.liar.lie(Rule::new("GET", "/uploads/", Lie::Header("Range", Some(range.to_owned()))));
        let ran = journey.run(["push", &name]);
        assert_eq!(ran.code, Some(1), "{range}: {}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{range}: {}", ran.stderr);
        let patches = journey.liar.log().iter().filter(|request| request.method == "PATCH").count();
        assert!(patches <= 8, "{range}: {patches}");
    }
}
