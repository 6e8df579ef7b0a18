//! A pull ends whole or not at all, whatever it was that failed; and what came whole is not asked for again.

use std::time::Duration;

use ply_tests::{Lie, Made, Packing, Rule, Served, layer};

use super::Journey;

fn three(journey: &Journey, repository: &str) -> Served {
    journey.liar.packed_image(repository, "1", Made::of(&["a", repository, "c"]), Packing::Gzip)
}

fn status(status: u16) -> Lie {
    Lie::Status(status, Vec::new(), String::new())
}

/// What fails, and how; in a store that has another image already, which stays.
#[test]
fn failures_leave_nothing() {
    let journey = Journey::new();
    let first = journey.liar.image("first", "1", &[layer("first")]);
    journey.comes("first:1", &first);
    let check = |repository: &str, of: &dyn Fn(&Served) -> String, lie: Lie, words: &[&str]| {
        let served = three(&journey, repository);
        journey.lie(&of(&served), lie);
        let said = journey.fails_until_honest(&format!("{repository}:1"), &served, words);
        assert!(!said.contains("the rest did not come"), "{repository}: {said}");
    };
    let manifest = |_: &Served| "/manifests/".to_owned();
    let config = |served: &Served| served.config.clone();
    let middle = |served: &Served| served.layers[1].clone();
    let place = || Lie::Redirect(302, "http://169.254.169.254{target}".to_owned());
    check("no-manifest", &manifest, status(404), &["has no manifest no-manifest:1"]);
    check("no-config", &config, status(404), &["has no blob sha256:"]);
    check("no-layer", &middle, status(404), &["has no blob sha256:"]);
    check("denied-manifest", &manifest, status(403), &["does not allow manifest"]);
    check("denied-config", &config, status(403), &["does not allow blob"]);
    check("denied-layer", &middle, status(403), &["does not allow blob"]);
    check("bad-layer", &middle, status(400), &["with 400"]);
    check("corrupt-config", &config, Lie::Corrupt(3), &["hashes to"]);
    check("corrupt-layer", &middle, Lie::Corrupt(100), &["layer 2 of 3"]);
    check("long-layer", &middle, Lie::ContentLength(1 << 20), &["promises 1048576 bytes"]);
    check("endless-layer", &middle, Lie::Endless, &["sends more than"]);
    check("elsewhere-layer", &middle, place(), &["points to http://169.254.169.254"]);
    assert_eq!(journey.images().lines().count(), 13);
}

/// Layers that came while another one failed stay.
#[test]
fn what_came_whole_stays() {
    let journey = Journey::new();
    let served = three(&journey, "app");
    let late = |lie| Lie::All(vec![lie, Lie::Delay(Duration::from_millis(700))]);
    for lie in [status(404), Lie::Corrupt(100), Lie::ContentLength(1)] {
        journey.lie(&served.layers[1], late(lie));
        journey.fails("app:1", &[]);
        journey.liar.stop_lying();
        let here: Vec<bool> = served.layers.iter().map(|layer| journey.has(layer)).collect();
        assert_eq!(here, [true, false, true]);
        // They are not asked for again even while the other one still fails.
        assert_eq!(journey.asked(&served.layers[0]).len(), 1);
        assert_eq!(journey.asked(&served.layers[2]).len(), 1);
    }
    journey.comes("app:1", &served);
    assert_eq!(
        journey.asked("/blobs/").iter().filter(|request| request.target.contains(&served.layers[0])).count(),
        1
    );
}

/// A tag that moved stays where it was until all of the new image is here.
#[test]
fn a_tag_moves_only_to_what_is_whole() {
    let journey = Journey::new();
    let old = journey.liar.image("app", "1", &[layer("a")]);
    journey.comes("app:1", &old);
    let new = journey.liar.image("app", "1", &[layer("a"), layer("b")]);
    journey.lie(&new.layers[1], status(404));
    journey.fails("app:1", &[&new.layers[1]]);
    assert_eq!(journey.ok(["inspect", "-f", "{{.Id}}", &journey.liar.name("app:1")]), old.config);
    journey.liar.stop_lying();
    journey.comes("app:1", &new);
}

/// All tags: what came before the failure stays, by its name.
#[test]
fn all_tags_up_to_the_one_that_fails() {
    let journey = Journey::new();
    let served: Vec<Served> =
        ["1", "2", "3"].map(|tag| journey.liar.image("app", tag, &[layer("a"), layer(tag)])).into();
    journey.liar.tags_at_once(2);
    journey.liar.lie(Rule::new("", &served[1].layers[1], status(404)));
    let name = journey.liar.name("app");
    let ran = journey.run(["pull", "-a", &name]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(journey.images().lines().count(), 1);
    journey.is_sound();
    journey.liar.stop_lying();
    journey.ok(["pull", "-a", &name]);
    assert_eq!(journey.images().lines().count(), 3);
    assert_eq!(journey.asked(&served[0].layers[0]).len(), 1, "the layer that all have");
}
