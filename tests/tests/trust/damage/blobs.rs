//! Files that are named by their content: damage is found, told of, never handed out, and healed by loading again.

use std::collections::{BTreeMap, BTreeSet};

use ply_tests::{Effort, Input, Mounted, Ply, Registry, listing, mounts_images, needs, tried};
use serde_json::Value;

use super::kinds;
use super::questions::{Answered, run, some};
use super::whole::{IMAGES, Whole};
use super::wounds::{Kind, Random, wound};

const CLASSES: [&str; 6] =
    ["layers, plain", "layers, gzip", "layers, zstd", "manifests", "configs", "indexes"];

/// A copy of the store with one damage in it.
struct Damaged {
    ply: Ply,
    /// The digits of the blobs that are hurt.
    blobs: BTreeSet<String>,
    told: String,
}

impl Damaged {
    /// The images that are hurt.
    fn images<'a>(&self, whole: &'a Whole) -> BTreeSet<&'a str> {
        self.blobs.iter().flat_map(|blob| &whole.needs[blob]).map(String::as_str).collect()
    }
}

fn hex(file: &str) -> String {
    file.rsplit('/').next().unwrap().to_owned()
}

/// The damage of a number: the same each time.
fn damaged(whole: &Whole, number: usize, kind: Kind) -> Damaged {
    let mut random = Random(number as u64);
    let mut files = whole.class(CLASSES[number % CLASSES.len()]);
    if kind == Kind::Swap && files.len() < 2 {
        files = whole.class("layers, plain");
    }
    let at = random.below(files.len());
    let other = (at + 1 + random.below(files.len() - 1)) % files.len();
    // Half of them are damaged before anybody looked into them.
    let ply = if random.below(2) == 0 { whole.copy() } else { whole.fresh_copy() };
    let done = wound(&ply.store(), kind, &files[at], &files[other], &mut random);
    let mut blobs = BTreeSet::from([hex(&files[at])]);
    if kind == Kind::Swap {
        blobs.insert(hex(&files[other]));
    }
    Damaged { ply, blobs, told: format!("damage {number}: {done}") }
}

/// `check` finds this damage and no other, and says whom it hurts.
fn is_found(whole: &Whole, damaged: &Damaged) {
    let Damaged { ply, blobs, told } = damaged;
    let ran = run(ply, &["check", "--json"], told);
    assert_eq!(ran.code, Some(1), "{told}: {}", ran.stderr);
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let mut found = BTreeMap::new();
    for damage in report["damage"].as_array().unwrap() {
        let images: BTreeSet<String> = damage["images"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect();
        assert_eq!(damage["movedAside"], true, "{told}: {damage}");
        let hex = &damage["digest"].as_str().unwrap()[7..];
        assert!(!ply.store().join("blobs/sha256").join(hex).exists(), "{told}: {hex} is still there");
        assert!(ply.store().join("ply/damaged").join(hex).exists(), "{told}: {hex} is gone");
        found.insert(damage["digest"].as_str().unwrap()[7..].to_owned(), images);
    }
    assert_eq!(found.keys().cloned().collect::<BTreeSet<_>>(), *blobs, "{told}: what check finds");
    for blob in blobs {
        assert_eq!(found[blob], whole.needs[blob], "{told}: whom it hurts");
    }
}

#[test]
fn damage_to_blobs_is_found_and_never_handed_out_and_healed() {
    let whole = Whole::shared();
    let kinds = kinds(Effort::asked());
    let (mut right, mut refused, mut of_kind) = (0, 0, BTreeMap::new());
    for (number, kind) in kinds.iter().enumerate() {
        let damaged = damaged(&whole, number, *kind);
        let told = &damaged.told;
        *of_kind.entry(format!("{kind:?}")).or_insert(0_u64) += 1;
        for image in damaged.images(&whole) {
            for answer in some(&whole.answers[image], number) {
                match answer.again(&damaged.ply, told).0 {
                    Answered::Right => right += 1,
                    Answered::Refused => refused += 1,
                }
            }
        }
        is_found(&whole, &damaged);
        let input = if number % 2 == 0 { Input::File } else { Input::Pipe };
        is_healed(&whole, &damaged, input, number);
    }
    for (kind, count) in &of_kind {
        tried(
            &format!("blobs damaged ({kind})"),
            *count,
            "all found by check, none handed out, all healed by load",
        );
    }
    tried(
        "questions to stores with a damaged blob",
        right + refused,
        &format!("{right} right, {refused} refused, 0 wrong"),
    );
    assert!(refused > 0 && right > 0);
}

/// After loading everything again nothing is damaged any more.
fn is_healed(whole: &Whole, damaged: &Damaged, input: Input, number: usize) {
    let Damaged { ply, told, .. } = damaged;
    whole.load(ply, input, damaged.images(whole));
    let ran = run(ply, &["check"], told);
    assert_eq!(ran.code, Some(0), "{told}: after loading it again: {}{}", ran.text(), ran.stderr);
    for answer in whole.answers.values().flatten().skip(number % 25).step_by(25) {
        answer.is_right(ply, told);
    }
}

/// Nobody looked for the damage: what is loaded again is as it should be all the same.
#[test]
fn loading_heals_what_nobody_has_found() {
    let whole = Whole::shared();
    let kinds = kinds(Effort::asked());
    let mut count = 0;
    for (number, kind) in kinds.iter().enumerate().step_by(Effort::asked().of(4, 3, 1)) {
        // Even numbers alone would never hurt half of the classes.
        let damaged = damaged(&whole, number + number / 4 % 6, *kind);
        let input = if number % 4 == 0 { Input::File } else { Input::Pipe };
        is_healed(&whole, &damaged, input, number);
        count += 1;
    }
    tried("damaged blobs loaded over, without a check", count, "all healed");
}

#[test]
fn nothing_is_found_where_nothing_is_damaged() {
    let whole = Whole::shared();
    let ply = whole.copy();
    assert_eq!(run(&ply, &["check"], "whole").code, Some(0));
    whole.answers.values().flatten().for_each(|answer| answer.is_right(&ply, "whole"));
}

/// What a registry takes from a damaged store is what it should be.
#[test]
fn a_registry_is_given_nothing_damaged() {
    if !needs(&[("docker-registry", "docker-registry")]) {
        return;
    }
    let (whole, registry) = (Whole::shared(), Registry::start());
    let kinds = kinds(Effort::asked());
    let (mut right, mut refused) = (0, 0);
    for (turn, kind) in kinds.iter().step_by(Effort::asked().of(6, 6, 3)).enumerate() {
        let damaged = damaged(&whole, turn, *kind);
        let told = &damaged.told;
        // Others of that store are as good as ever.
        let hurt = damaged.images(&whole);
        let is_hurt = |image: &&str| hurt.contains(image) == (turn % 3 > 0);
        let image = IMAGES.into_iter().find(is_hurt).unwrap();
        let name = registry.name(&format!("damage/{turn}:1"));
        // Some are sent as they are, some packed anew.
        let packed: &[&str] = if turn % 2 == 0 { &["--compress", "zstd"] } else { &[] };
        let pushed = run(&damaged.ply, &["tag", image, &name], told).code == Some(0)
            && run(&damaged.ply, &[&["push", "-q", &name], packed].concat(), told).code == Some(0);
        if pushed {
            let fresh = Ply::new();
            fresh.ok(["pull", "-q", &name]);
            let good = whole.copy();
            assert_eq!(fresh.id(&name), good.id(image), "{told}");
            let flat = |ply: &Ply, image: &str| run(ply, &["export", image], told).stdout;
            assert!(flat(&fresh, &name) == flat(&good, image), "{told}");
            right += 1;
        } else {
            assert!(hurt.contains(image), "{told}: {image} is not hurt");
            refused += 1;
        }
    }
    let ended = format!("{right} right, {refused} refused, 0 wrong");
    tried("pushes from stores with a damaged blob", right + refused, &ended);

    // A blob that check moved aside comes again by a pull.
    let (name, good) = (registry.name("heal:1"), whole.copy());
    good.ok(["tag", "packed:1", &name]);
    good.ok(["push", "-q", &name]);
    for number in 0..Effort::asked().of(6, 30, 300) {
        let mut random = Random(number);
        let ply = Ply::new();
        ply.ok(["pull", "-q", &name]);
        let id = ply.id(&name);
        let mut files = Vec::new();
        super::whole::list(&ply.store().join("blobs/sha256"), "blobs/sha256/", &mut files);
        let file = &files[random.below(files.len())];
        let told = wound(&ply.store(), Kind::Flip, file, file, &mut random);
        assert_eq!(run(&ply, &["check"], &told).code, Some(1), "{told}");
        ply.ok(["pull", "-q", &name]);
        assert_eq!(run(&ply, &["check"], &told).code, Some(0), "{told}");
        assert_eq!(ply.id(&name), id, "{told}");
    }
    tried("damaged blobs moved aside, and pulled again", Effort::asked().of(6, 30, 300), "all healed");
}

/// A mount that is asked to verify shows what is right, or is refused.
#[test]
fn a_verified_mount_shows_nothing_damaged() {
    if !mounts_images() {
        return;
    }
    let whole = Whole::shared();
    let shown = |ply: &Ply, way: &[&str], image: &str| {
        let (ran, mounted) = Mounted::try_image(ply, &[way, &["--verify", image]].concat(), "on");
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        (ran.code == Some(0)).then(|| listing(mounted.path()))
    };
    let right: BTreeMap<&str, _> =
        whole.answers.keys().map(|image| (*image, shown(&whole.copy(), &[], image).unwrap())).collect();
    let (mut good, mut refused) = (0, 0);
    for (number, kind) in kinds(Effort::asked()).iter().enumerate().step_by(Effort::asked().of(6, 3, 1)) {
        let damaged = damaged(&whole, number + number / 6 % 6, *kind);
        let image = whole.needs[damaged.blobs.first().unwrap()].first().unwrap();
        let way: &[&str] = if number % 4 == 0 { &["--fuse"] } else { &[] };
        match shown(&damaged.ply, way, image) {
            Some(found) => {
                assert!(found == right[image.as_str()], "{}: shown otherwise", damaged.told);
                good += 1;
            }
            None => refused += 1,
        }
    }
    let ended = format!("{good} right, {refused} refused, 0 wrong");
    tried("mounts with --verify from stores with a damaged blob", good + refused, &ended);
}
