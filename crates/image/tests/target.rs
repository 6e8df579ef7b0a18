//! From a name's target to the images below it.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

mod memory;

use memory::Memory;
use ply_digest::Digest;
use ply_image::{Descriptor, DocumentError, Image, MAX_INDEX_DEPTH, MediaType, Platform, Target};

fn digests<'a>(listed: impl IntoIterator<Item = &'a Descriptor>) -> Vec<Digest> {
    listed.into_iter().map(|d| d.digest).collect()
}

fn for_platform(mut image: Descriptor, platform: &str) -> Descriptor {
    // As spelled: what an index says is not always the normal spelling.
    let mut parts = platform.split('/');
    let (os, architecture) = (parts.next().unwrap(), parts.next().unwrap());
    let variant = parts.next().unwrap_or_default().to_owned();
    image.platform = Some(Platform { variant, ..Platform::new(os, architecture) });
    image
}

#[test]
fn a_manifest_is_its_own_target() {
    let mut memory = Memory::default();
    let image = memory.image("one");
    let target = Target::read(&memory, &image).unwrap();
    assert!(target.indexes.is_empty());
    assert_eq!(digests(&target.manifests), [image.digest]);
    // A single image answers whatever it says of itself.
    assert_eq!(digests(&target.candidates(&Platform::new("linux", "riscv64"))), [image.digest]);
    assert_eq!(memory.opened(), 0, "a label is enough");
}

#[test]
fn indexes_are_followed_in_order() {
    let mut memory = Memory::default();
    let (a, b, c) = (memory.image("a"), memory.image("b"), memory.image("c"));
    let inner = memory.index(&[b.clone(), a.clone()]);
    let outer = memory.index(&[c.clone(), inner.clone(), a.clone()]);
    let target = Target::read(&memory, &outer).unwrap();
    assert_eq!(target.indexes.iter().map(|i| i.digest).collect::<Vec<_>>(), [outer.digest, inner.digest]);
    assert_eq!(digests(&target.manifests), digests([&c, &b, &a]));
}

#[test]
fn depth_has_an_end() {
    let mut memory = Memory::default();
    let mut at = memory.image("bottom");
    for _ in 0..MAX_INDEX_DEPTH {
        at = memory.index(&[at]);
    }
    assert_eq!(Target::read(&memory, &at).unwrap().manifests.len(), 1);
    at = memory.index(&[at]);
    let error = Target::read(&memory, &at).unwrap_err();
    assert!(error.to_string().contains("nested more than 8 deep"), "{error}");
}

#[test]
fn fan_out_costs_no_more_than_its_documents() {
    // Two indexes a level, each listing both of the level below: 2^8 paths, 15 documents.
    let mut memory = Memory::default();
    let bottom = memory.image("bottom");
    let mut level = vec![bottom.clone(), bottom.clone()];
    for at in 1..MAX_INDEX_DEPTH {
        let (mut left, mut right) = (level.clone(), level);
        left[0].annotations.insert("level".to_owned(), format!("{at} left"));
        right[0].annotations.insert("level".to_owned(), format!("{at} right"));
        level = vec![memory.index(&left), memory.index(&right)];
    }
    let top = memory.index(&level);
    let target = Target::read(&memory, &top).unwrap();
    assert_eq!(digests(&target.manifests), [bottom.digest]);
    assert_eq!(memory.opened(), 2 * (MAX_INDEX_DEPTH - 1) + 1);
}

#[test]
fn what_nobody_brought_along_is_left_out() {
    let mut memory = Memory::default();
    let (here, gone) = (memory.image("here"), memory.image("gone"));
    let inner = memory.index(std::slice::from_ref(&gone));
    let outer = memory.index(&[here.clone(), inner.clone(), gone.clone()]);
    memory.forget(&inner.digest);
    memory.forget(&gone.digest);
    let target = Target::read(&memory, &outer).unwrap();
    // The index within is gone, and what it lists with it; a manifest that is listed stays listed.
    assert_eq!(digests(&target.manifests), digests([&here, &gone]));
    memory.forget(&outer.digest);
    let error = Target::read(&memory, &outer).unwrap_err();
    assert!(matches!(error, DocumentError::Blob(_)), "{error}");
}

#[test]
fn damage_is_an_error_everywhere() {
    let mut memory = Memory::default();
    let image = memory.image("one");
    let inner = memory.index(std::slice::from_ref(&image));
    let outer = memory.index(std::slice::from_ref(&inner));
    for damaged in [&outer, &inner] {
        let mut memory = Memory::default();
        let image = memory.image("one");
        let inner = memory.index(&[image]);
        let outer = memory.index(&[inner]);
        memory.damage(&damaged.digest);
        let error = Target::read(&memory, &outer).unwrap_err();
        assert!(
            matches!(error, DocumentError::Digest { expected, .. } if expected == damaged.digest),
            "{error}"
        );
    }
    memory.damage(&image.digest);
    let error = Image::read(&memory, &image.digest).unwrap_err();
    assert!(matches!(error, DocumentError::Digest { .. }), "{error}");
}

#[test]
fn without_a_label_the_document_decides() {
    let mut memory = Memory::default();
    let bare = |mut d: Descriptor| {
        d.media_type = MediaType::default();
        d
    };
    let image = bare(memory.image("one"));
    let index = bare(memory.index(std::slice::from_ref(&image)));
    assert_eq!(Target::read(&memory, &image).unwrap().indexes.len(), 0);
    let target = Target::read(&memory, &index).unwrap();
    assert_eq!((target.indexes.len(), digests(&target.manifests)), (1, vec![image.digest]));
}

#[test]
fn the_platform_decides_and_attestations_never_answer() {
    let mut memory = Memory::default();
    let mut image = |comment: &str, platform: &str| for_platform(memory.image(comment), platform);
    let amd64 = image("amd64", "linux/amd64");
    let (armv6, armv7) = (image("armv6", "linux/arm/v6"), image("armv7", "linux/arm/v7"));
    let arm64 = image("arm64", "linux/arm64/v8");
    let windows = image("windows", "windows/amd64");
    let attestation = image("attestation", "unknown/unknown");
    let any = memory.image("says nothing");
    let all = [&attestation, &windows, &any, &armv6, &armv7, &arm64, &amd64].map(Clone::clone);
    let root = memory.index(&all);
    let target = Target::read(&memory, &root).unwrap();
    assert_eq!(target.manifests.len(), 7);
    assert_eq!(target.images().count(), 6);

    let check = |wanted: &str, expect: &[&Descriptor]| {
        let found = target.candidates(&wanted.parse().unwrap());
        assert_eq!(digests(&found), digests(expect.iter().copied()), "{wanted}");
    };
    check("linux/amd64", &[&amd64, &any]);
    check("linux/x86_64", &[&amd64, &any]);
    check("linux/arm64", &[&arm64, &any]);
    // containerd's platforms: bare arm is v7.
    check("linux/arm", &[&armv7, &any]);
    check("linux/arm/v6", &[&armv6, &any]);
    check("windows/amd64", &[&windows, &any]);
    check("linux/s390x", &[&any]);
    check("unknown/unknown", &[&any]);
    assert_eq!(target.platforms(), "windows/amd64, linux/arm/v6, linux/arm/v7, linux/arm64/v8, linux/amd64");
}
