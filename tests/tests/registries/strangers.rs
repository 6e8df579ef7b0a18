//! Hosts that the registry names: they are asked for bytes, and never learn who asks.

use ply_tests::{Liar, Lie, Made, Ran, Served, layer};

use super::credentials::{PASSWORD, USER, authorizations, keeps_secrets, known};
use super::{Journey, asked};

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
            assert!(
                request.header("Authorization").is_none() && !format!("{request:?}").contains("token-"),
                "{request:?}"
            );
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
        assert!(
            ran.stderr.contains(&format!("points to http://{}/v2/app/tags/list", other.host())),
            "{}",
            ran.stderr
        );
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
            let blob = if kind.ends_with("gzip") {
                ply_tests::gzip(&image.layers[0])
            } else {
                image.layers[0].clone()
            };
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
            journey.liar.manifest(
                "app",
                "1",
                "application/vnd.oci.image.manifest.v1+json",
                manifest.to_string(),
            );
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
