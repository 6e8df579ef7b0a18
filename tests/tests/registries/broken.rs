//! Connections that break: what has come is kept, the rest is asked for, and who gets nowhere is told so.

use std::time::{Duration, Instant};

use ply_tests::{Lie, Made, Packing, Rule, layer, made};

use super::{Journey, large, ranges};

/// Three layers, one of which is larger than what is forgiven a connection that breaks.
fn three(journey: &Journey) -> ply_tests::Served {
    journey.liar.packed_image(
        "app",
        "1",
        made(vec![layer("a"), large(1, 300_000), layer("c")]),
        Packing::Plain,
    )
}

/// Wherever it breaks, the pull goes on from there.
#[test]
fn a_cut_layer_goes_on_where_it_was() {
    for after in [0, 1, 511, 64 << 10, 299_999] {
        let journey = Journey::new();
        let served = three(&journey);
        journey.lie_times(1, &served.layers[1], Lie::CutAfter(after));
        journey.comes("app:1", &served);
        let asked = journey.asked(&served.layers[1]);
        let rest = (after > 0).then(|| format!("bytes={after}-"));
        let found = ranges(&asked);
        assert_eq!((found.len(), found[0]), (2, None), "{after}: {found:?}");
        match (found[1], rest) {
            (Some(found), Some(rest)) => assert!(found.starts_with(&rest), "{found}, not {rest}"),
            (found, rest) => assert_eq!(found, rest.as_deref(), "{after}"),
        }
        // Of the others nothing comes twice.
        assert_eq!(journey.asked("/blobs/").len(), 5, "{after}");
    }
}

/// Cut many times, but a step further each time: more often than a request is retried.
#[test]
fn many_cuts_that_get_somewhere() {
    let journey = Journey::new();
    let served = journey.liar.packed_image("app", "1", made(vec![large(1, 700_000)]), Packing::Plain);
    journey.lie_times(8, &served.layers[0], Lie::CutAfter(80_000));
    journey.comes("app:1", &served);
    let asked = journey.asked(&served.layers[0]);
    let starts: Vec<usize> = ranges(&asked)
        .into_iter()
        .map(|range| {
            range.map_or(0, |range| range["bytes=".len()..].split('-').next().unwrap().parse().unwrap())
        })
        .collect();
    assert_eq!(starts, (0..9).map(|n| n * 80_000).collect::<Vec<_>>());
}

/// Cut again and again at the same place: the first try and five more, then an error; and whole the next time, without
/// what came whole before.
#[test]
fn cuts_that_get_nowhere() {
    let journey = Journey::new();
    let served = three(&journey);
    journey.liar.lie(Rule::new("", &served.layers[1], Lie::CutAfter(1000)).times(1));
    journey.lie(&served.layers[1], Lie::CutAfter(0));
    let start = Instant::now();
    journey.fails("app:1", &[&served.layers[1], "broke off after 1000 of its"]);
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    let asked = journey.asked(&served.layers[1]);
    assert_eq!(asked.len(), 6);
    assert!(ranges(&asked)[1..].iter().all(|range| range.unwrap().starts_with("bytes=1000-")), "{asked:?}");

    journey.liar.stop_lying();
    journey.liar.clear_log();
    journey.comes("app:1", &served);
    assert_eq!(journey.asked(&served.layers[1]).len(), 1);
    for whole in [&served.layers[0], &served.layers[2]] {
        assert_eq!(journey.asked(whole).len(), 0, "it was here already");
    }
}

/// Closed without a word, once for each kind of request.
#[test]
fn hanging_up_once() {
    let journey = Journey::new();
    let served = journey.liar.image("app", "1", &[layer("a"), layer("b")]);
    // How the registry is spoken to is known by then.
    journey.ok(["search", "--tags", &journey.liar.name("app")]);
    for what in [&served.manifest, &served.config, &served.layers[0]] {
        journey.lie_times(1, what, Lie::HangUp);
    }
    journey.comes(&format!("app@{}", served.manifest), &served);
    for what in [&served.manifest, &served.config, &served.layers[0]] {
        let statuses: Vec<u16> = journey.asked(what).iter().map(|request| request.status).collect();
        assert_eq!(statuses, [0, 200], "{what}");
    }
}

/// The documents break off as well.
#[test]
fn cut_documents() {
    let journey = Journey::new();
    let served = journey.liar.image("app", "1", &[layer("a")]);
    journey.liar.lie(Rule::new("GET", "/manifests/", Lie::CutAfter(10)).times(1));
    journey.liar.lie(Rule::new("GET", &served.config, Lie::CutAfter(10)).times(1));
    journey.liar.lie(Rule::new("GET", "/tags/", Lie::CutAfter(10)).times(1));
    journey.comes("app:1", &served);
    assert_eq!(journey.asked("/manifests/").len(), 2);
    assert_eq!(journey.asked(&served.config).len(), 2);
    assert_eq!(journey.ok(["search", "--tags", &journey.liar.name("app")]), "1");
}

/// Silence that ends is no failure.
#[test]
fn stalls_and_delays() {
    let journey = Journey::new();
    let image = Made::of(&["a", "b"]);
    let served = journey.liar.packed_image("app", "1", image, Packing::Plain);
    let pause = Duration::from_millis(300);
    journey.lie_times(1, "/manifests/1", Lie::Delay(pause));
    journey.lie_times(1, &served.config, Lie::Stall(0, pause));
    journey.lie_times(1, &served.layers[0], Lie::Stall(20_000, pause));
    journey.lie_times(1, &served.layers[1], Lie::All(vec![Lie::Delay(pause), Lie::Stall(1, pause)]));
    let start = Instant::now();
    journey.comes("app:1", &served);
    assert!(start.elapsed() >= 3 * pause, "it did not wait");
    assert_eq!(journey.liar.log().len(), 4, "asked again: {:?}", journey.liar.requests());
}

/// The very first request, before it is known how the registry is spoken to: whoever hangs up may have had a bad moment.
#[test]
fn hanging_up_at_first() {
    let journey = Journey::new();
    let served = journey.liar.image("app", "1", &[layer("a")]);
    journey.lie_times(1, "", Lie::HangUp);
    let start = Instant::now();
    journey.comes("app:1", &served);
    let asked = journey.liar.log();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}: {asked:?}", start.elapsed());
    // What is slow is not taken for something else either.
    let other = journey.liar.image("app", "2", &[layer("b")]);
    journey.lie_times(1, "", Lie::Delay(Duration::from_millis(500)));
    journey.comes("app:2", &other);
}
