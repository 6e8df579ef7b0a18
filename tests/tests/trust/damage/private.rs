//! Files of our own: what is damaged in them is made again, or is an error that names the file. No image is lost by it.

use std::fs;

use ply_tests::{Effort, Ply, mounts_images, tried};

use super::kinds;
use super::questions::{Answered, run, some};
use super::whole::{IMAGES, Whole, list};
use super::wounds::{Kind, Random, wound};

/// What can be made again, or says nothing: every answer is right the second time at the latest.
const DERIVED: [&str; 7] =
    ["catalog", "locks", "reserve", "plain tars", "indexes of layers", "sums of layers", "oci-layout"];

fn blobs(ply: &Ply) -> Vec<String> {
    let mut files = Vec::new();
    list(&ply.store().join("blobs"), "", &mut files);
    files
}

/// Damages a file of a class in a copy.
fn damaged(whole: &Whole, class: &str, number: usize, kind: Kind) -> (Ply, String, String) {
    let mut random = Random(number as u64 ^ 0x7072_6976);
    let files = whole.class(class);
    let at = random.below(files.len());
    let other = (at + 1) % files.len();
    let kind = if kind == Kind::Swap && files.len() < 2 { Kind::Flip } else { kind };
    let ply = whole.copy();
    let told = wound(&ply.store(), kind, &files[at], &files[other], &mut random);
    (ply, files[at].clone(), format!("damage {number} to {class}: {told}"))
}

#[test]
fn what_is_derived_is_made_again() {
    let whole = Whole::shared();
    let (mut count, mut right, mut refused) = (0, 0, 0);
    for (number, kind) in kinds(Effort::asked()).iter().enumerate() {
        let class = DERIVED[number % DERIVED.len()];
        let (ply, _, told) = damaged(&whole, class, number, *kind);
        let answers = &whole.answers[IMAGES[number / DERIVED.len() % IMAGES.len()]];
        for answer in some(answers, number) {
            let (answered, ran) = answer.again(&ply, &told);
            match answered {
                Answered::Right => right += 1,
                Answered::Refused => {
                    assert!(ran.stderr.contains("/ply/"), "{told}: no file is named: {}", ran.stderr);
                    // Where two changed places, each is found in its turn.
                    if *kind == Kind::Swap {
                        let _ = answer.again(&ply, &told);
                    }
                    answer.is_right(&ply, &told);
                    refused += 1;
                }
            }
        }
        assert_eq!(run(&ply, &["check"], &told).code, Some(0), "{told}");
        assert_eq!(blobs(&ply), blobs_of(&whole), "{told}");
        count += 1;
    }
    let ended = format!("{right} answers right, {refused} refused by name and then right, 0 wrong");
    tried("derived files damaged", count, &ended);
}

fn blobs_of(whole: &Whole) -> Vec<String> {
    let mut files = Vec::new();
    list(&whole.store().join("blobs"), "", &mut files);
    files
}

/// A record says what a container is of: one that is damaged is an error, and costs no blob.
#[test]
fn records_of_containers_are_errors_that_name_them() {
    let whole = Whole::shared();
    let good = whole.copy();
    let questions: [&[&str]; 4] =
        [&["ps", "-a", "--no-trunc"], &["cat", "box", "/mine"], &["ls", "-R", "box"], &["diff", "box"]];
    let right: Vec<_> = questions.iter().map(|question| run(&good, question, "whole").stdout).collect();
    let mut count = 0;
    for (number, kind) in kinds(Effort::asked()).iter().enumerate().step_by(Effort::asked().of(2, 2, 1)) {
        let (ply, _, told) = damaged(&whole, "records of containers", number, *kind);
        for (question, right) in questions.iter().zip(&right) {
            let ran = run(&ply, question, &told);
            if ran.code == Some(0) {
                assert!(ran.stdout == *right, "{told}: {question:?} says {}", ran.text());
            } else {
                assert!(ran.stderr.contains("config.json"), "{told}: {question:?}: {}", ran.stderr);
            }
        }
        run(&ply, &[&["rmi"][..], &IMAGES].concat(), &told);
        run(&ply, &["image", "prune", "-f"], &told);
        let kept = blobs(&ply);
        let of_box = whole.needs.iter().filter(|(_, images)| images.contains("plain:1"));
        assert!(of_box.clone().count() > 3);
        for (blob, _) in of_box {
            assert!(kept.contains(&format!("sha256/{blob}")), "{told}: {blob} of the container is gone");
        }
        count += 1;
    }
    tried("records of containers damaged", count, "errors that name them, or right; no blob lost");
}

/// The one file that has no sum, since other tools write it too. What it says then is believed; what it cannot say is an
/// error; and nothing is lost by looking.
#[test]
fn names_that_are_damaged_lose_nothing() {
    let whole = Whole::shared();
    let (mut count, mut refused) = (0, 0);
    for (number, kind) in kinds(Effort::asked()).iter().enumerate().step_by(Effort::asked().of(6, 6, 1)) {
        let class = if number % 4 == 3 { "version" } else { "index.json" };
        let (ply, file, told) = damaged(&whole, class, number, *kind);
        let answers = whole.answers.values().flat_map(|answers| some(answers, number));
        for answer in answers.filter(|answer| !answer.lists()) {
            let _ = answer.again(&ply, &told);
        }
        let listed = run(&ply, &["images"], &told);
        if listed.code != Some(0) {
            let name = file.rsplit('/').next().unwrap();
            assert!(listed.stderr.contains(name), "{told}: {}", listed.stderr);
            assert_eq!(run(&ply, &["image", "prune", "-f"], &told).code, Some(1), "{told}");
            refused += 1;
        }
        run(&ply, &["check"], &told);
        assert_eq!(blobs(&ply), blobs_of(&whole), "{told}");
        fs::copy(whole.store().join(&file), ply.store().join(&file)).unwrap();
        for answer in whole.answers.values().flatten().skip(number % 25).step_by(25) {
            answer.is_right(&ply, &told);
        }
        count += 1;
    }
    tried("index.json and version damaged", count, &format!("{refused} refused by name; no blob lost"));
}

/// The index of a union is what the kernel shows.
#[test]
fn a_union_that_is_damaged_is_made_again() {
    if !mounts_images() {
        return;
    }
    let whole = Whole::shared();
    let shown = |ply: &Ply, image: &str| {
        let mounted = ply_tests::Mounted::image(ply, &[image], "on");
        ply_tests::listing(mounted.path())
    };
    let good = whole.copy();
    let right = shown(&good, "plain:1");
    let mut unions = Vec::new();
    list(&good.store().join("ply/unions"), "ply/unions/", &mut unions);
    let mut count = 0;
    for (number, kind) in kinds(Effort::asked()).iter().enumerate().step_by(Effort::asked().of(6, 6, 1)) {
        let kind = if *kind == Kind::Swap { Kind::Flip } else { *kind };
        let ply = whole.copy();
        fs::create_dir_all(ply.store().join("ply/unions")).unwrap();
        fs::copy(good.store().join(&unions[0]), ply.store().join(&unions[0])).unwrap();
        let told = wound(&ply.store(), kind, &unions[0], &unions[0], &mut Random(number as u64));
        assert!(shown(&ply, "plain:1") == right, "{told}");
        count += 1;
    }
    tried("indexes of unions damaged", count, "all made again");
}
