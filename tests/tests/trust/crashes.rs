//! Killed at random moments, and at every system call that changes the store.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use ply_tests::{CHANGING, Dice, Disk, Effort, HARMLESS, Loss, Scene, needs, strace, tried};

/// What kills and records, and its package.
const STRACE: (&str, &str) = ("strace", "strace");
const FOUND: &str = "nothing acknowledged lost, no store unsound, the next command works, nothing left over";

fn is_killed(status: ExitStatus) -> bool {
    status.signal() == Some(9)
}

#[test]
fn at_random_moments() {
    let times: u64 = Effort::asked().of(12, 500, 10_000);
    let mut scenes: Vec<(Scene, Duration, u64)> = Scene::all().into_iter().map(timed).collect();
    let count = scenes.len() as u64;
    for (at, (scene, whole, kills)) in scenes.iter_mut().enumerate() {
        let mut dice = Dice::new(at as u64);
        let wanted = times / count + u64::from((at as u64) < times % count);
        while *kills < wanted {
            // Where a sync takes its time, and where it takes none.
            let stage = scene.stage(dice.percent(75));
            let mut child = scene.on(&stage).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let moment = whole.mul_f64(dice.below(1000) as f64 / 1000.0);
            std::thread::sleep(moment);
            child.kill().unwrap();
            let status = child.wait().unwrap();
            assert!(status.success() || is_killed(status), "{}: {status}", scene.what);
            if let Err(why) = scene.oracle.judge(&stage, status.success()) {
                panic!("{}: {status} after {moment:?}: {why}", scene.what);
            }
            *kills += u64::from(is_killed(status));
            // Not the first run tells how long one takes, but those that end too early or too late.
            *whole = whole.mul_f64(if status.success() { 0.9 } else { 1.02 });
        }
        tried(&format!("killed at a random moment of {}", scene.what), *kills, FOUND);
    }
}

/// A scene, and how long its command takes.
fn timed(scene: Scene) -> (Scene, Duration, u64) {
    let stage = scene.stage(false);
    let start = Instant::now();
    assert!(scene.on(&stage).stdout(Stdio::null()).status().unwrap().success(), "{}", scene.what);
    (scene, start.elapsed(), 0)
}

/// Each call that changes files is where the process dies, one after the other.
#[test]
fn at_every_system_call() {
    if !needs(&[STRACE]) {
        return;
    }
    Scene::each(|scene| {
        let recording = scene.record(&["--threads", "1"]);
        assert!(recording.by_one_thread, "{}: strace counts the calls of each thread alone", scene.what);
        let calls: Vec<(&str, usize)> = recording
            .changing
            .iter()
            .flat_map(|(call, (first, last))| (*first..=*last).map(move |when| (call.as_str(), when)))
            .collect();
        let stride = Effort::asked().of(calls.len() / 2 + 1, 1, 1);
        let killed = calls.iter().step_by(stride).filter(|(call, when)| is_killed(die(&scene, call, *when)));
        let kills = killed.count();
        // A run more or less that looks for something: not all make the same number of calls.
        assert!(kills >= calls.len().div_ceil(stride) * 9 / 10, "{}: {kills} of {calls:?}", scene.what);
        tried(&format!("killed at a system call of {}", scene.what), kills as u64, FOUND);
    });
}

/// Lets a process die as it makes a call for the so manieth time, and looks at what it leaves.
fn die(scene: &Scene, call: &str, when: usize) -> ExitStatus {
    // Space is not taken beforehand in memory.
    let stage = scene.stage(call != "fallocate");
    let mut command = scene.on(&stage);
    command.args(["--threads", "1"]);
    let inject = format!("--inject={call}:signal=KILL:when={when}");
    let ended = strace(&command, &["-o", "/dev/null", &inject]).output().unwrap();
    let (status, said) = (ended.status, String::from_utf8_lossy(&ended.stderr));
    assert!(status.success() || is_killed(status), "{}: {status}: {said}", scene.what);
    if let Err(why) = scene.oracle.judge(&stage, status.success()) {
        panic!("{}: {status} at {call} {when}: {why}", scene.what);
    }
    status
}

/// What a process leaves that dies between two changes, in the order in which its threads made them.
#[test]
fn between_any_two_changes() {
    if !needs(&[STRACE]) {
        return;
    }
    Scene::each(|scene| {
        let recording = scene.record(&[]);
        let steps = &recording.steps;
        let stride = Effort::asked().of(steps.len() / 2 + 1, 1, 1);
        let mut times = 0;
        for done in (0..=steps.len()).step_by(stride) {
            let mut disk = Disk::of(scene.before());
            disk.apply(&steps[..done]);
            if let Err(why) = scene.judge(&disk, Loss::Nothing, done == steps.len()) {
                panic!(
                    "{}: died after step {done} of {}, {:?}: {why}",
                    scene.what,
                    steps.len(),
                    steps.get(done)
                );
            }
            times += 1;
        }
        tried(&format!("died between two changes of {}", scene.what), times, FOUND);
    });
}

/// No system call is unknown to those who kill and record: a new one must be looked at.
#[test]
fn all_calls_are_known() {
    if !needs(&[STRACE]) {
        return;
    }
    Scene::each(|scene| {
        let calls = scene.record(&[]).calls;
        let unknown: Vec<&String> = calls
            .iter()
            .filter(|call| !CHANGING.contains(&call.as_str()) && !HARMLESS.contains(&call.as_str()))
            .collect();
        assert!(unknown.is_empty(), "{}: do these change files? {unknown:?}", scene.what);
    });
}
