//! Text of images, in everything that is printed for people.

use std::process::{Command, Stdio};

use ply_tests::headers::{Header, pax, record, whole};
use ply_tests::{Effort, Made, Ply, Tarball, archive_of, listed, made, needs, tried};
use serde_json::json;

/// An escape, a link of a terminal, a bell, a carriage return, C1's CSI, right to left, a line separator and a delete.
const EVIL: &str = "e\u{1b}[31m\u{1b}]8;;http:x\u{7}\r\u{9b}31m\u{202e}\u{2066}\u{2028}\u{200f}\u{7f}\nx";

/// What no output for people may hold: control characters but the line ends and tabs of our own tables, and what turns the
/// direction of text.
fn hidden(output: &str) -> Option<char> {
    output.chars().find(|c| {
        (c.is_control() && *c != '\n' && *c != '\t')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{61c}')
    })
}

fn evil_image() -> Made {
    let (name, other) = (format!("d/{EVIL}"), format!("d/other{EVIL}"));
    let below = Tarball::new().folder("d/").finish();
    let first = whole(&[
        below[..below.len() - 1024].to_vec(),
        pax(&[
            ("path", name.as_bytes()),
            ("SCHILY.xattr.user.e\u{1b}vil", EVIL.as_bytes()),
            ("SCHILY.xattr.trusted.overlay.\u{1b}", b"y"),
        ]),
        Header::ustar(b"x", b'0', 6).with(b"needle"),
        pax(&[("path", other.as_bytes()), ("linkpath", EVIL.as_bytes())]),
        Header::ustar(b"x", b'2', 0).to(b"y").done(),
        pax(&[("path", format!("{name}2").as_bytes()), ("linkpath", name.as_bytes())]),
        Header::ustar(b"x", b'1', 0).to(b"y").done(),
        pax(&[("path", format!(".wh..wh.plnk/{EVIL}").as_bytes())]),
        Header::ustar(b"x", b'0', 0).done(),
    ]);
    let second = whole(&[[record("path", name.replace("d/", "d/.wh."))].concat()].map(|body| {
        [Header::ustar(b"x", b'x', body.len() as u64).with(&body), Header::ustar(b"x", b'0', 0).done()]
            .concat()
    }));
    let labels = json!({EVIL: EVIL, "made": EVIL});
    let config = json!({"Labels": labels, "Env": [format!("A={EVIL}")], "Cmd": [EVIL], "Entrypoint": [EVIL], "WorkingDir": EVIL, "User": EVIL,
        "ExposedPorts": {EVIL: {}}, "Volumes": {EVIL: {}}, "StopSignal": EVIL});
    let history = json!([{"created_by": EVIL, "comment": EVIL, "author": EVIL, "created": "2026-01-01T00:00:00Z"}, {"created_by": EVIL}]);
    made(vec![first, second])
        .with("config", config)
        .with("history", history)
        .with("author", json!(EVIL))
        .with("comment", json!(EVIL))
        .with("docker_version", json!(EVIL))
        .with("os.version", json!(EVIL))
}

/// Runs it with a terminal to print to: whether it ended well, what it printed and what it said. What is printed into a pipe
/// is for programs, which want names as they are.
fn on_a_terminal(ply: &Ply, args: &[&str]) -> (bool, String, String) {
    let all: Vec<&str> =
        std::iter::once(ply_tests::binary().to_str().unwrap()).chain(args.iter().copied()).collect();
    ply.write("arguments", all.join("\0"));
    let mut script = Command::new("script");
    script
        .args(["-qec", "xargs -0 -a arguments env 2>said", "/dev/null"])
        .current_dir(ply.folder())
        .stdin(Stdio::null());
    let ran = script.env("PLY_STORE", ply.store()).env("NO_COLOR", "1").env("TERM", "dumb").output().unwrap();
    let said = String::from_utf8(std::fs::read(ply.file("said")).unwrap()).unwrap();
    // The terminal itself makes line ends of two characters.
    (ran.status.success(), String::from_utf8_lossy(&ran.stdout).replace("\r\n", "\n"), said)
}

#[test]
pub(crate) fn no_text_of_an_image_reaches_a_terminal_as_it_is() {
    if !needs(&[("script", "bsdutils"), ("xargs", "findutils")]) {
        return;
    }
    let ply = Ply::new();
    ply.write("image.tar", archive_of(&evil_image(), "image:1").finish());
    ply.write(
        "plain.tar",
        archive_of(&made(vec![Tarball::new().file("a", "1").finish()]), "plain:1").finish(),
    );
    // A name of an archive that is refused, a layer that is no layer, and a member that leaves it.
    ply.write(
        "name.tar",
        Tarball::new().file("manifest.json", json!([listed("c", &[EVIL], &[])]).to_string()).finish(),
    );
    ply.write(
        "key.tar",
        Tarball::new().file("manifest.json", json!({EVIL: 1}).to_string().repeat(2)).finish(),
    );
    ply.write(
        "member.tar",
        whole(&[pax(&[("path", format!("../{EVIL}").as_bytes())]), Header::ustar(b"x", b'0', 0).done()]),
    );
    ply.write(
        "lacking.tar",
        Tarball::new()
            .file("manifest.json", json!([listed(EVIL, &["a:1"], &[EVIL.to_owned()])]).to_string())
            .finish(),
    );
    let bad = whole(&[
        pax(&[("path", EVIL.as_bytes()), ("linkpath", format!("../{EVIL}").as_bytes())]),
        Header::ustar(b"x", b'1', 0).to(b"y").done(),
    ]);
    ply.write("bad.tar", archive_of(&made(vec![bad]), "bad:1").finish());
    let (file, glob) = (format!("/d/{EVIL}"), "e*x".to_owned());
    let (mut tested, mut done) = (0, 0);
    let mut look = |args: &[&str]| {
        let (ended_well, printed, said) = on_a_terminal(&ply, args);
        assert_eq!(hidden(&printed), None, "{args:?} prints {printed:?}");
        assert_eq!(hidden(&said), None, "{args:?} says {said:?}");
        assert!(!said.contains("panicked"), "{args:?}: {said}");
        tested += 1;
        done += u64::from(ended_well);
        ended_well
    };
    for archive in ["image.tar", "plain.tar", "name.tar", "key.tar", "member.tar", "lacking.tar", "bad.tar"] {
        look(&["load", "-i", archive]);
        look(&["images", &format!("./{archive}")]);
        look(&["check", &format!("./{archive}")]);
    }
    assert!(look(&["create", "--name", "cc", "image:1"]));
    assert!(look(&["delete", &format!("cc:{file}2")]));
    let images: &[&str] = &["image:1", "cc", "docker-archive:image.tar", "bad:1"];
    for image in images.iter().take(Effort::asked().of(1, 4, 4)) {
        let of = |path: &str| format!("{image}:{path}");
        for args in [
            &["images"] as &[&str],
            &["images", "--digests"],
            &["images", "--format", "json"],
            &["ps", "-a"],
            &["ps", "-a", "--no-trunc"],
            &["df", "-v"],
            &["tree"],
            &["tree", image],
            &["history", image],
            &["history", "--no-trunc", image],
            &["layers", image],
            &["history", "--layers", image],
            &["history", "--no-trunc", "--format", "{{.CreatedBy}}", image],
            &["inspect", image],
            &["inspect", "-f", "{{.Config.Labels}}{{.Author}}{{println .Comment}}", image],
            &["ls", image],
            &["ls", "-l", image],
            &["ls", "-lR", image],
            &["ls", "-R", image, "/d"],
            &["ls", image, &file],
            &["ls", "--layer", "1", "-l", image],
            &["ls", "--json", "-R", image],
            &["stat", image, &file],
            &["stat", image, "/d"],
            &["stat", "--json", image, &file],
            &["stat", image, EVIL],
            &["cat", image, &file],
            &["cat", image, EVIL],
            &["cat", image, "/d"],
            &["log", image, &file],
            &["log", image, "/d"],
            &["log", "-p", image, &file],
            &["log", image, EVIL],
            &["du", image],
            &["du", "--top", "50", image],
            &["diff", "--layers", "1..2", image],
            &["diff", "plain:1", image],
            &["diff", "--stat", "plain:1", image],
            &["diff", image, "plain:1"],
            &["diff", "-p", "plain:1", image],
            &["diff", "cc"],
            &["find", image],
            &["find", image, "/d"],
            &["find", image, "--name", &glob],
            &["find", image, "--deleted"],
            &["grep", "needle", image],
            &["grep", "-l", "needle", image],
            &["grep", "-c", "needle", image],
            &["grep", "--all-layers", "needle", image],
            &["cp", &of(&file), "nowhere/x"],
            &["cp", &of(EVIL), "x"],
            &["unpack", image, EVIL],
            &["mount", image, "nowhere"],
            &["run", "--rm", image],
            &["save", "-o", "/nowhere/x", image],
            &["save", EVIL],
            &["tag", image, EVIL],
            &["inspect", EVIL],
            &["rmi", EVIL],
            &["name", EVIL],
            &["squash", "-t", "squashed:1", image],
            &["commit", image, "xx:1"],
            &["images", EVIL],
            &["images", "-f", &format!("label={EVIL}")],
            &["search", EVIL],
            &["pull", EVIL],
            &["push", EVIL],
            &["import", EVIL],
            &["rm", EVIL],
        ] {
            look(args);
        }
    }
    for verb in [&["df"] as &[&str], &["check"], &["prune", "--all"], &["rm", "cc"], &["rmi", "image:1"]] {
        look(verb);
    }
    // Most of them show something, and the others say why not.
    assert!(done > tested / 3, "{done} of {tested} did something");
    tried(
        "commands that print text of an image full of escapes, C1 controls and bidi controls",
        tested,
        "no such character came out",
    );
}
