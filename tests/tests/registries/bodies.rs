//! Lengths and bytes that are not what was promised: of layers, of configs, of manifests.

use std::time::{Duration, Instant};

use ply_tests::{Lie, Packing, Rule, Served, layer, made};

use super::Journey;

fn one(journey: &Journey) -> Served {
    journey.liar.packed_image("app", "1", made(vec![layer("a")]), Packing::Plain)
}

fn both(lies: [Lie; 2]) -> Lie {
    Lie::All(lies.into())
}

/// What a server does wrong with a blob, and what is said of it.
#[test]
fn blobs_that_lie() {
    let journey = Journey::new();
    let served = one(&journey);
    for digest in [&served.config, &served.layers[0]] {
        let bytes = journey.liar.blob_of("app", digest).unwrap();
        let length = bytes.len();
        let longer = [&bytes[..], b"more"].concat();
        let lies: [(Lie, &[&str]); 11] = [
            (Lie::ContentLength(length as u64 + 1), &["promises"]),
            (Lie::ContentLength(length as u64 - 1), &["promises"]),
            (Lie::ContentLength(0), &["promises 0 bytes"]),
            (Lie::ContentLength(u64::MAX), &["promises"]),
            (Lie::Truncate(length - 1), &["promises"]),
            (Lie::Body(longer.clone()), &["promises"]),
            (both([Lie::Body(longer.clone()), Lie::NoLength]), &["sends more than"]),
            (both([Lie::Body(longer), Lie::UntilClosed]), &["sends more than"]),
            (Lie::Endless, &["sends more than"]),
            (Lie::Corrupt(length - 1), &[]),
            (Lie::Body(vec![b' '; length]), &[]),
        ];
        for (lie, words) in lies {
            journey.lie(digest, lie.clone());
            journey.liar.clear_log();
            let start = Instant::now();
            let said = journey.fails("app:1", words);
            assert!(said.contains(digest) || said.contains(&digest[..19]), "{lie:?}: {said}");
            assert_eq!(journey.asked(digest).len(), 1, "{lie:?}");
            assert!(start.elapsed() < Duration::from_secs(5), "{lie:?}: {:?}", start.elapsed());
            journey.liar.stop_lying();
        }
    }
    journey.comes("app:1", &served);
}

/// No length is no lie, and neither is any other way to say where a body ends.
#[test]
fn lengths_that_are_not_told() {
    for lie in [
        Lie::NoLength,
        Lie::UntilClosed,
        Lie::DigestHeader(None),
        Lie::ContentType("text/html".to_owned()),
        Lie::Header("Accept-Ranges", None),
    ] {
        let journey = Journey::new();
        let served = one(&journey);
        journey.lie("/blobs/", lie.clone());
        if !matches!(lie, Lie::ContentType(_)) {
            journey.lie("/manifests/", lie);
        }
        journey.comes("app:1", &served);
        assert_eq!(journey.liar.log().len(), 3);
    }
}

/// Fewer bytes than there should be, where no length says so: the rest is asked for.
#[test]
fn a_body_that_ends_too_early() {
    let journey = Journey::new();
    let served = one(&journey);
    for digest in [&served.config, &served.layers[0]] {
        journey.lie_times(1, digest, both([Lie::Truncate(100), Lie::UntilClosed]));
        journey.lie_times(1, digest, both([Lie::Truncate(100), Lie::NoLength]));
    }
    journey.comes("app:1", &served);
    for digest in [&served.config, &served.layers[0]] {
        let asked = journey.asked(digest);
        assert_eq!(asked.len(), 3);
        assert!(
            asked[1].header("Range").is_some_and(|range| range.starts_with("bytes=100-")),
            "{:?}",
            asked[1]
        );
    }
}

/// Manifests by tag and by digest.
#[test]
fn manifests_that_lie() {
    let journey = Journey::new();
    let served = one(&journey);
    let other = format!("sha256:{}", "1".repeat(64));
    let by_digest = format!("app@{}", served.manifest);
    let (_, raw) = journey.liar.manifest_of("app", "1").unwrap();
    let spaced = [&raw[..], b" "].concat();
    let lies: [(Lie, [Option<&str>; 2]); 9] = [
        // By its digest, what the registry says of that is no matter.
        (Lie::DigestHeader(Some(other.clone())), [Some("hashes to"), None]),
        (Lie::Body(spaced.clone()), [Some("hashes to"), Some("hashes to")]),
        (Lie::Corrupt(40), [Some("hashes to"), Some("hashes to")]),
        (both([Lie::Body(spaced), Lie::DigestHeader(None)]), [None, Some("hashes to")]),
        (Lie::Huge(5 << 20), [Some("more than the"), Some("more than the")]),
        (Lie::Huge(100 << 20), [Some("more than the"), Some("more than the")]),
        (both([Lie::Huge(5 << 20), Lie::NoLength]), [Some("more than the"), Some("more than the")]),
        (Lie::Endless, [Some("more than the"), Some("more than the")]),
        (Lie::ContentLength(u64::MAX), [Some("more than the"), Some("more than the")]),
    ];
    for (lie, words) in lies {
        for (image, word) in ["app:1", &by_digest].into_iter().zip(words) {
            journey.liar.lie(Rule::new("GET", "/manifests/", lie.clone()));
            journey.liar.clear_log();
            match word {
                Some(word) => {
                    journey.fails(image, &[word]);
                    assert_eq!(journey.liar.log().len(), 1, "{lie:?}: {:?}", journey.liar.requests());
                }
                None => {
                    journey.comes(image, &served);
                    journey.ok(["rmi", &journey.liar.name(image)]);
                }
            }
            journey.liar.stop_lying();
        }
    }
    journey.comes("app:1", &served);
}

/// What `HEAD` says of a tag that did not change may be a lie as well: then it is as if it had changed.
#[test]
fn heads_that_lie() {
    for lie in [
        Lie::DigestHeader(Some(format!("sha256:{}", "1".repeat(64)))),
        Lie::DigestHeader(Some("nonsense".to_owned())),
        Lie::DigestHeader(None),
        Lie::Header("Content-Type", None),
        Lie::NoLength,
        Lie::Status(405, Vec::new(), String::new()),
    ] {
        let journey = Journey::new();
        let served = one(&journey);
        journey.comes("app:1", &served);
        journey.liar.clear_log();
        journey.liar.lie(Rule::new("HEAD", "", lie.clone()));
        journey.comes("app:1", &served);
        assert_eq!(journey.asked("/blobs/").len(), 0, "{lie:?}");
        assert!(journey.liar.log().len() <= 2, "{lie:?}: {:?}", journey.liar.requests());
    }
}
