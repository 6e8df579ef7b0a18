//! For every reference: both forms, parsed again, are the same one. For every text: an answer, and a safe message.

use ply_reference::{Query, Reference, ReferenceError};

const HEX: &str = "1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a";

/// Calls `f` with every text of at most `length` of these pieces.
fn every(pieces: &[&str], length: usize, text: &mut String, f: &mut impl FnMut(&str)) {
    f(text);
    if length == 0 {
        return;
    }
    for piece in pieces {
        let end = text.len();
        text.push_str(piece);
        every(pieces, length - 1, text, f);
        text.truncate(end);
    }
}

/// Checks what must hold of any text, and says whether it is a reference.
fn holds(text: &str) -> bool {
    match Reference::parse(text) {
        Ok(reference) => {
            let (full, short) = (reference.canonical(), reference.familiar());
            assert_eq!(Reference::parse(&full).as_ref(), Ok(&reference), "{text}: {full}");
            assert_eq!(Reference::parse(&short).as_ref(), Ok(&reference), "{text}: {short}");
            assert!(short.len() <= full.len() && full.ends_with(&short), "{text}: {short}");
            assert!(reference.name().path().len() <= 255);
            let parts = [reference.name().namespace(), reference.name().repository()];
            assert_eq!(parts.join("/").trim_start_matches('/'), reference.name().path(), "{text}");
            true
        }
        Err(error) => {
            let message = error.to_string();
            assert!(
                message.chars().count() < 300 && !message.contains(char::is_control),
                "{text:.80?}: {message:?}"
            );
            false
        }
    }
}

#[test]
fn every_short_text() {
    let mut taken = 0;
    let mut alphabet = ["a", "A", "0", ".", "_", "-", ":", "/", "@", "[", "]"].to_vec();
    every(&alphabet, 5, &mut String::new(), &mut |text| taken += usize::from(holds(text)));
    assert!(taken > 1000, "{taken}");
    alphabet.extend(["\0", "\x1b", "\u{202e}", "é", " ", "\n"]);
    every(&alphabet, 3, &mut String::new(), &mut |text| {
        holds(text);
    });
}

#[test]
fn every_order_of_the_parts() {
    let digest = format!("@sha256:{HEX}");
    let parts = [
        "docker.io",
        "index.docker.io",
        "localhost",
        "library",
        "foo.com",
        "foo_bar.com",
        "Foo",
        HEX,
        "[::1]",
        ":5000",
        "/",
        ":tag",
        &digest,
    ];
    let mut taken = 0;
    every(&parts, 5, &mut String::new(), &mut |text| taken += usize::from(holds(text)));
    assert!(taken > 1000, "{taken}");
}

/// Docker shortens these as well, to something that it reads as another name.
#[test]
fn the_full_form_stays_where_the_short_one_means_another() {
    let check = |full: &str| assert_eq!(Reference::parse(full).unwrap().familiar(), full);
    check("docker.io/localhost/app");
    check("docker.io/foo.com/app:1");
    check("docker.io/foo_bar.com/app");
    check("docker.io/index.docker.io/app");
    check(&format!("docker.io/library/{HEX}"));
}

#[test]
fn a_long_text_is_answered_at_once_and_shortly() {
    for piece in ["a", "/", "a/", ":", "@", "-", "\x1b", "\u{202e}", "a.b:", "sha256:"] {
        let text = piece.repeat(1 << 18);
        assert!(!holds(&text), "{piece}");
        assert!(Query::parse(&text).is_err(), "{piece}");
    }
    let long = format!("{}/app", "a".repeat(1 << 20));
    assert!(matches!(Reference::parse(&long), Err(ReferenceError::TooLong { .. })));
}

/// Words people look for in Docker's messages.
#[test]
fn messages_begin_as_dockers() {
    let check = |text: &str, expect: &str| {
        let message = Reference::parse(text).unwrap_err().to_string();
        assert!(message.starts_with(expect), "{message}");
    };
    check("library/Foo", "invalid reference format: repository name (library/Foo) must be lowercase");
    check("a b", "invalid reference format");
    check("nginx:", "invalid reference format");
    check(HEX, &format!("invalid repository name ({HEX})"));
}
