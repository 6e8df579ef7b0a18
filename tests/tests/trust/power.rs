//! The states a disk may be in after the power went.
//!
//! What a command does to files is recorded, and played on a model of a disk ([`ply_tests::Disk`]): what was not made
//! durable may be lost whole or in part, bytes, sizes and names each by itself. `fsync` of a file keeps its bytes and its
//! size, `fsync` of a folder its entries, and nothing else keeps or orders anything. Real file systems promise more.

use ply_tests::{Dice, Disk, Effort, Loss, Recording, Scene, Step, needs, tried};

/// What records, and its package.
const STRACE: (&str, &str) = ("strace", "strace");

/// States after a part of the steps, and of what these did not make durable.
fn states(scene: &Scene, recording: &Recording, times: u64, seed: u64) {
    let steps = &recording.steps;
    for time in 0..times {
        let seed = seed.wrapping_mul(1_000_003).wrapping_add(time);
        let mut dice = Dice::new(seed);
        // A third of them after all was done, when nothing may be lost.
        let done = if dice.percent(33) { steps.len() } else { dice.below(steps.len() + 1) };
        let mut disk = Disk::of(scene.before());
        disk.apply(&steps[..done]);
        let loss = match dice.below(10) {
            0 => Loss::Everything,
            1 => Loss::Bytes,
            2 => Loss::Names,
            _ => Loss::Chance(&mut dice),
        };
        if let Err(why) = scene.judge(&disk, loss, done == steps.len()) {
            panic!("{}: power lost after step {done} of {}, seed {seed}: {why}", scene.what, steps.len());
        }
    }
}

#[test]
fn no_state_loses_what_was_acknowledged() {
    if !needs(&[STRACE]) {
        return;
    }
    let effort = Effort::asked();
    Scene::each(|scene| {
        let is_load = ["load", "load, the first"].contains(&scene.what);
        let times = if is_load { effort.of(10, 1000, 20_000) } else { effort.of(3, 100, 2000) };
        states(&scene, &scene.record(&[]), times, 12);
        tried(
            &format!("power lost during {}", scene.what),
            times,
            "nothing acknowledged lost, no state unsound",
        );
    });
}

/// Each sync is needed: without it some state loses something. A sync that finds all durable is there for what a killed
/// process left, which [`what_a_killed_process_left_is_not_relied_on`] looks at.
#[test]
fn no_sync_can_go() {
    if !needs(&[STRACE]) {
        return;
    }
    Scene::each(|scene| {
        let recording = scene.record(&[]);
        let (mut needed, mut idle) = (0, 0);
        for sync in recording.syncs() {
            let Step::Sync(path) = &recording.steps[sync] else { unreachable!() };
            let mut disk = Disk::of(scene.before());
            disk.apply(&recording.steps[..sync]);
            let (inode, durable) = disk.at(path);
            if durable {
                idle += 1;
                continue;
            }
            let found = without(&scene, &recording.steps, sync, inode);
            println!(
                "{}: {path:?} not synced: {}",
                scene.what,
                found.as_deref().unwrap_or("nothing is lost")
            );
            assert!(found.is_some(), "{}: the sync of {path:?}, step {sync}, can go", scene.what);
            needed += 1;
        }
        let ended = "without any one of them a state was lost or unsound";
        tried(&format!("syncs of {}, {idle} others aside that had nothing to do", scene.what), needed, ended);
    });
}

/// Looks for a state that is not sound when a sync of a file or folder is left out, and those after it that repeat it: one
/// that lacks what the sync is for, and nothing else.
fn without(scene: &Scene, steps: &[Step], sync: usize, inode: usize) -> Option<String> {
    let mut less = steps[..sync].to_vec();
    let mut disk = Disk::of(scene.before());
    disk.apply(&steps[..=sync]);
    for step in &steps[sync + 1..] {
        let repeats = matches!(step, Step::Sync(path) if disk.at(path) == (inode, true));
        if !repeats {
            less.push(step.clone());
        }
        disk.apply(std::slice::from_ref(step));
    }
    (sync..=less.len()).rev().step_by(3).find_map(|done| {
        let mut disk = Disk::of(scene.before());
        disk.apply(&less[..done]);
        let names = disk.pending(inode).into_iter().map(Some);
        std::iter::once(None).chain(names).find_map(|name| {
            let lost = Loss::Only(inode, name.clone());
            let wrong = scene.judge(&disk, lost, done == less.len()).err()?;
            Some(format!("after step {done} of {}, of {name:?}: {wrong:.200}", less.len()))
        })
    })
}

/// Killed after any step, and then either given again or somebody prunes, and then the power goes: what the second
/// acknowledged is there, though it found things done that the first had not made durable. The syncs of the second that are
/// there for that alone are needed.
#[test]
fn what_a_killed_process_left_is_not_relied_on() {
    if !needs(&[STRACE]) {
        return;
    }
    let effort = Effort::asked();
    Scene::each(|scene| {
        let first = scene.record(&[]);
        let stride = effort.of(first.steps.len() / 2 + 1, 1, 1);
        let mut times = 0;
        for died in (0..first.steps.len()).step_by(stride) {
            let mut left = Disk::of(scene.before());
            left.apply(&first.steps[..died]);
            for prunes in [true, false] {
                let stage = scene.empty_stage();
                left.write(stage.folder());
                // What was done already may not be there to be done again.
                if !prunes && !scene.oracle.repeats() && scene.oracle.is_done(&stage) {
                    continue;
                }
                let second = if prunes { stage.command(["prune", "-f"]) } else { scene.on(&stage) };
                let second = Recording::of(&second, stage.folder());
                let mut disk = left.clone();
                disk.apply(&second.steps);
                for loss in [Loss::Everything, Loss::Chance(&mut Dice::new(died as u64))] {
                    times += 1;
                    if let Err(why) = scene.judge(&disk, loss, !prunes) {
                        let steps = &second.steps;
                        panic!(
                            "{}: died after step {died}, then {steps:?}, then power lost: {why}",
                            scene.what
                        );
                    }
                }
            }
        }
        let ended = "nothing acknowledged lost, no state unsound";
        tried(&format!("killed during {}, again or prune, power lost", scene.what), times, ended);
    });
}
