//! What is written of an image with something odd in it: plain names alone, and the same image when it is read again.

use ply_tests::{Input, Ply};
use tar::{Archive, EntryType};

/// Saves the image in both formats; each loads elsewhere, to the same image, which saves to the same bytes.
pub(crate) fn comes_back(ply: &Ply, what: &str) {
    let id = ply.id("image:1");
    for format in ["docker", "oci"] {
        let saved = ply.save(format, &["image:1"]);
        for member in Archive::new(&saved[..]).entries().unwrap() {
            let member = member.unwrap();
            let name = String::from_utf8(member.path_bytes().into_owned()).unwrap();
            let blob = name.strip_prefix("blobs/sha256/").is_some_and(|hex| {
                hex.is_empty()
                    || (hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
            });
            let document =
                ["oci-layout", "index.json", "manifest.json", "repositories", "blobs/"].contains(&&*name);
            assert!(blob || document, "{what}: a member {name:?} in what is saved");
            let kind = member.header().entry_type();
            assert!(
                matches!(kind, EntryType::Regular | EntryType::Directory),
                "{what}: {name} is a {kind:?}"
            );
        }
        let other = Ply::new();
        let path = other.write("archive", &saved);
        let loaded = other.load(Input::Pipe, &path, &["-q"]);
        assert_eq!(loaded.code, Some(0), "{what}, saved as {format}: {}", loaded.stderr);
        assert_eq!(other.id("image:1"), id, "{what}, saved as {format}");
        assert!(other.save(format, &["image:1"]) == saved, "{what}, saved as {format}, is saved otherwise");
    }
}

/// All names in a tar are relative and have no `..`; nothing lies below a link or twice at one place; a hard link leads to
/// a file that came before.
pub(crate) fn is_plain(tar: &[u8], what: &str) {
    let (mut links, mut seen) = (Vec::new(), std::collections::BTreeSet::new());
    for member in Archive::new(tar).entries().unwrap() {
        let member = member.unwrap();
        let name = member.path_bytes().into_owned();
        let parts: Vec<&[u8]> = name.split(|byte| *byte == b'/').collect();
        assert!(!name.starts_with(b"/") && !parts.contains(&&b".."[..]), "{what}: {}", name.escape_ascii());
        let below =
            |link: &Vec<u8>| name.len() > link.len() && name.starts_with(link) && name[link.len()] == b'/';
        assert!(!links.iter().any(below), "{what}: {} lies below a link", name.escape_ascii());
        match member.header().entry_type() {
            EntryType::Symlink => links.push(name.clone()),
            EntryType::Link => {
                let target = member.link_name_bytes().unwrap().into_owned();
                assert!(seen.contains(&target), "{what}: {} leads to what is not there", name.escape_ascii());
            }
            _ => {}
        }
        assert!(seen.insert(name), "{what}: a name stands there twice");
    }
}
