//! Large layers come in ranges, over several connections.

use std::collections::BTreeSet;

use ply_tests::{Lie, Packing, Rule, Served, layer, made};

use super::{Journey, large, ranges};

const MIB: usize = 1 << 20;

fn huge(journey: &Journey) -> Served {
    journey.liar.packed_image("app", "1", made(vec![large(7, 40 * MIB), layer("small")]), Packing::Plain)
}

#[test]
fn large_layers_come_over_several_connections() {
    let journey = Journey::new();
    let served = huge(&journey);
    journey.comes("app:1", &served);
    let asked = journey.asked(&served.layers[0]);
    let mut found: Vec<&str> = ranges(&asked).into_iter().map(|range| range.expect("a range")).collect();
    found.sort_by_key(|range| range["bytes=".len()..].split('-').next().unwrap().parse::<u64>().unwrap());
    // All of it, and nothing twice.
    let mut next = 0;
    for range in &found {
        let (first, last) = range["bytes=".len()..].split_once('-').unwrap();
        assert_eq!(first.parse::<u64>().unwrap(), next, "{found:?}");
        next = last.parse::<u64>().unwrap() + 1;
    }
    assert_eq!(next, served.image.layers[0].len() as u64);
    let connections: BTreeSet<usize> = asked.iter().map(|request| request.connection).collect();
    assert!(connections.len() > 1, "{connections:?}");
}

/// Each of the ranges may break off by itself.
#[test]
fn several_cuts_in_a_large_layer() {
    let journey = Journey::new();
    let served = huge(&journey);
    journey.lie_times(4, &served.layers[0], Lie::CutAfter(3 * MIB));
    journey.liar.lie(Rule::new("", &served.layers[0], Lie::HangUp).skip(2).times(1));
    journey.comes("app:1", &served);
    let asked = journey.asked(&served.layers[0]);
    let resumed = ranges(&asked).into_iter().flatten().filter(|range| {
        let first: usize = range["bytes=".len()..].split('-').next().unwrap().parse().unwrap();
        !first.is_multiple_of(8 * MIB)
    });
    // One of them may be the one that is hung up on, and come again.
    let resumed: BTreeSet<&str> = resumed.collect();
    // The last range is shorter than what is let through, and may be among the four.
    assert!((3..=4).contains(&resumed.len()), "{:?}", ranges(&asked));
}

/// What a server may do wrong about ranges of a large layer, and the pull that comes all the same.
#[test]
fn servers_that_do_not_have_ranges_or_bungle_them() {
    let check = |title: &str, rule: &dyn Fn(&str) -> Vec<Rule>, whole: usize| {
        let journey = Journey::new();
        let served = huge(&journey);
        for rule in rule(&served.layers[0]) {
            journey.liar.lie(rule);
        }
        journey.comes("app:1", &served);
        let asked = journey.asked(&served.layers[0]);
        let found = asked.iter().filter(|request| request.status == 200).count();
        assert_eq!(found, whole, "{title}: {:?}", journey.liar.requests());
    };
    check("none at all", &|layer| vec![Rule::new("", layer, Lie::IgnoreRange)], 1);
    check(
        "none, and it breaks off",
        &|layer| {
            let cut = Lie::All(vec![Lie::IgnoreRange, Lie::CutAfter(5 * MIB)]);
            vec![Rule::new("", layer, cut).times(2), Rule::new("", layer, Lie::IgnoreRange)]
        },
        3,
    );
    check("none after the first", &|layer| vec![Rule::new("", layer, Lie::IgnoreRange).skip(1).times(1)], 1);
    check("another one", &|layer| vec![Rule::new("", layer, Lie::WrongRange(5)).times(1)], 1);
    check("another one later", &|layer| vec![Rule::new("", layer, Lie::WrongRange(5)).skip(2).times(1)], 1);
    let says = |text: &str| Lie::ContentRange(text.to_owned());
    check("it says another", &|layer| vec![Rule::new("", layer, says("bytes 5-9/100")).times(1)], 1);
    check("it says nonsense", &|layer| vec![Rule::new("", layer, says("pages 1-2")).times(1)], 1);
    let refuses = Lie::Status(416, Vec::new(), String::new());
    check("it refuses", &|layer| vec![Rule::new("", layer, refuses.clone()).times(1)], 1);
    check("it refuses later", &|layer| vec![Rule::new("", layer, refuses.clone()).skip(3).times(1)], 1);
}

/// A range may be shorter than what was asked for.
#[test]
fn shorter_ranges() {
    let journey = Journey::new();
    let served = huge(&journey);
    let length = served.image.layers[0].len();
    let short =
        Lie::All(vec![Lie::Truncate(MIB), Lie::ContentRange(format!("bytes 0-{}/{length}", MIB - 1))]);
    journey.lie_times(1, &served.layers[0], short);
    journey.comes("app:1", &served);
}

/// A resumed small layer meets the same.
#[test]
fn resuming_where_ranges_are_bungled() {
    for lie in [
        Lie::IgnoreRange,
        Lie::WrongRange(5),
        Lie::ContentRange("bytes 0-5/6".to_owned()),
        Lie::Status(416, Vec::new(), String::new()),
    ] {
        let journey = Journey::new();
        let served = journey.liar.packed_image("app", "1", made(vec![large(3, 200_000)]), Packing::Plain);
        journey.lie_times(1, &served.layers[0], Lie::CutAfter(100_000));
        journey.lie_times(1, &served.layers[0], lie.clone());
        journey.comes("app:1", &served);
        let last = journey.asked(&served.layers[0]);
        assert!(last.len() <= 3, "{lie:?}: {:?}", ranges(&last));
    }
}

/// Bytes of another range under the right label are found by the digest.
#[test]
fn ranges_that_lie() {
    let journey = Journey::new();
    let served = huge(&journey);
    let other = vec![b'x'; 8 * MIB];
    journey.liar.lie(Rule::new("", &served.layers[0], Lie::Body(other)).skip(1).times(1));
    journey.fails("app:1", &[&served.layers[0], "not to"]);
    journey.liar.stop_lying();
    journey.comes("app:1", &served);
}

/// One of the ranges fails for good while others wait for it, or are on their way.
#[test]
fn a_large_layer_that_does_not_come() {
    let journey = Journey::new();
    let served = huge(&journey);
    let layer = &served.layers[0];
    for (skip, lie) in [
        (0, Lie::Status(404, Vec::new(), String::new())),
        (0, Lie::Status(403, Vec::new(), String::new())),
        (0, Lie::ContentLength(9 * MIB as u64)),
        (1, Lie::Status(404, Vec::new(), String::new())),
        (4, Lie::Status(400, Vec::new(), String::new())),
        (0, Lie::Redirect(307, "http://169.254.169.254{target}".to_owned())),
    ] {
        journey.liar.lie(Rule::new("", layer, lie).skip(skip));
        journey.fails("app:1", &[&journey.liar.host()]);
        journey.liar.stop_lying();
    }
    journey.liar.clear_log();
    journey.comes("app:1", &served);
    assert_eq!(journey.asked(&served.layers[1]).len(), 0, "it was here already");
}
