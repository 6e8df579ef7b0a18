//! Pulls that are stopped, killed, or run beside each other.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ply_tests::{Lie, Packing, Ply, Ran, Rule, Served, layer, made};

use super::{Journey, large};

/// Longer than any test waits.
const FOREVER: Duration = Duration::from_secs(3600);

fn start(journey: &Journey, args: &[&str]) -> Child {
    let mut command = journey.command(args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until the registry was asked for something.
#[track_caller]
fn until_asked(journey: &Journey, path_contains: &str, times: usize) {
    let start = Instant::now();
    while journey.asked(path_contains).len() < times {
        assert!(start.elapsed() < Duration::from_secs(30), "{path_contains}: {:?}", journey.liar.requests());
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap().success());
}

/// Ctrl-C is heard at once, also while the other side has nothing to say, whatever it is asked for.
#[test]
fn a_silent_registry_is_left() {
    type What = fn(&Served) -> String;
    let busy = Lie::Status(503, vec![("Retry-After", "60".to_owned())], String::new());
    let cases: [(What, usize, Lie); 6] = [
        (|_| "/manifests/1".to_owned(), 0, Lie::Delay(FOREVER)),
        (|_| "/manifests/1".to_owned(), 0, Lie::Stall(20, FOREVER)),
        (|served| served.config.clone(), 0, Lie::Stall(1, FOREVER)),
        (|served| served.layers[0].clone(), 300_000, Lie::Stall(100_000, FOREVER)),
        (|served| served.layers[0].clone(), 40 << 20, Lie::Stall(1 << 20, FOREVER)),
        // While it waits to try again.
        (|_| "/manifests/1".to_owned(), 0, busy),
    ];
    let journey = Journey::new();
    let name = journey.liar.name("app:1");
    for (what, length, lie) in cases {
        let served = journey.liar.packed_image("app", "1", made(vec![large(5, length)]), Packing::Plain);
        let what = what(&served);
        journey.lie(&what, lie.clone());
        journey.liar.clear_log();
        let child = start(&journey, &["pull", &name]);
        until_asked(&journey, &what, 1);
        std::thread::sleep(Duration::from_millis(100));
        signal(&child, "INT");
        let asked = Instant::now();
        let ran: Ran = child.wait_with_output().unwrap().into();
        assert!(asked.elapsed() < Duration::from_secs(5), "{lie:?}: it took {:?}", asked.elapsed());
        assert_eq!(ran.code, Some(130), "{lie:?}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("ply: stopped"), "{lie:?}: {}", ran.stderr);
        assert_eq!(journey.images(), "");
        journey.is_sound();
        journey.liar.stop_lying();
    }
    // Nor does it wait for a realm.
    journey.liar.require_bearer(None, "tests");
    journey.lie("/token", Lie::Delay(FOREVER));
    let child = start(&journey, &["pull", &name]);
    until_asked(&journey, "/token", 1);
    signal(&child, "TERM");
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    journey.liar.stop_lying();
    journey.ok(["pull", &name]);
}

/// Killed in the middle of a layer: nothing is named, and the next pull is as any other.
#[test]
fn killed() {
    let journey = Journey::new();
    let old = journey.liar.image("app", "1", &[layer("old")]);
    journey.comes("app:1", &old);
    let layers = vec![layer("a"), large(5, 40 << 20)];
    let new = journey.liar.packed_image("app", "1", made(layers), Packing::Plain);
    let images = journey.images();
    for after in [0, 1 << 20, 7 << 20] {
        journey.lie(&new.layers[1], Lie::Stall(after, FOREVER));
        journey.liar.clear_log();
        let mut child = start(&journey, &["pull", &journey.liar.name("app:1")]);
        until_asked(&journey, &new.layers[1], 1);
        std::thread::sleep(Duration::from_millis(200));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(journey.images(), images);
        journey.is_sound();
        journey.liar.stop_lying();
    }
    journey.comes("app:1", &new);
    // What was left behind goes with the next removal.
    journey.ok(["rmi", &journey.liar.name("app:1")]);
    assert_eq!(std::fs::read_dir(journey.ply.store().join("ply/ingest")).unwrap().count(), 0);
}

/// The same image and others, many times at once.
#[test]
fn many_at_once() {
    let journey = Journey::new();
    let served: Vec<Served> = (0..3)
        .map(|n| journey.liar.image("app", &*n.to_string(), &[layer("shared"), layer(&format!("own {n}"))]))
        .collect();
    journey.liar.lie(Rule::new("", &served[0].layers[0], Lie::Delay(Duration::from_millis(200))));
    let names: Vec<String> = (0..3).map(|n| journey.liar.name(&format!("app:{n}"))).collect();
    let children: Vec<Child> =
        names.iter().chain(&names).map(|name| start(&journey, &["pull", "-q", name])).collect();
    for child in children {
        let ran: Ran = child.wait_with_output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    for (name, served) in names.iter().zip(&served) {
        assert_eq!(journey.ok(["inspect", "-f", "{{.Id}}", name]), served.config);
    }
    journey.is_sound();
}

/// With one thread as with many; also what came whole, while the one that was read did not come, is kept.
#[test]
fn one_thread() {
    let journey = Journey::with(Ply::with_threads(1));
    let layers = vec![layer("a"), large(5, 40 << 20), layer("c")];
    let served = journey.liar.packed_image("app", "1", made(layers), Packing::Plain);
    journey.lie_times(2, &served.layers[1], Lie::CutAfter(3 << 20));
    journey.comes("app:1", &served);
    let layers = vec![layer("d"), large(6, 400_000), layer("e")];
    let broken = journey.liar.packed_image("broken", "1", made(layers), Packing::Plain);
    let late = |status| {
        Lie::All(vec![Lie::Status(status, Vec::new(), String::new()), Lie::Delay(Duration::from_millis(700))])
    };
    journey.lie(&broken.layers[1], late(404));
    journey.fails_until_honest("broken:1", &broken, &["has no blob"]);
    for kept in [0, 2] {
        assert_eq!(journey.asked(&broken.layers[kept]).len(), 0, "it had come whole");
    }
}
