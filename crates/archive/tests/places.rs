//! Members where they really lie: in a tar, in a folder.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

mod memory;

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;

use memory::{blob_name, config, descriptor, index, layer, manifest};
use ply_archive::{Archive, ArchiveError, Folder, Members, TarFile};
use ply_digest::Digest;
use ply_image::{BlobSource, MediaType};

/// The files of a layout of one image.
fn layout() -> Vec<(String, Vec<u8>)> {
    let layers = [layer("one")];
    let config = config(&layers);
    let manifest = manifest(&config, &layers);
    let index = index(&[descriptor(MediaType::MANIFEST, manifest.as_bytes())]);
    let [layer] = layers;
    let blobs = [layer, config.into_bytes(), manifest.into_bytes()];
    let mut files = vec![
        ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
        ("index.json".to_owned(), index.into_bytes()),
    ];
    files.extend(blobs.into_iter().map(|blob| (blob_name(&Digest::of(&blob)), blob)));
    files
}

fn write_folder(root: &Path) {
    fs::create_dir_all(root.join("blobs/sha256")).unwrap();
    for (name, bytes) in layout() {
        fs::write(root.join(name), bytes).unwrap();
    }
}

/// As the `tar` crate writes it.
fn write_tar(path: &Path, prefix: &str) {
    let mut builder = tar::Builder::new(File::create(path).unwrap());
    for (name, bytes) in layout() {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("{prefix}{name}"), bytes.as_slice()).unwrap();
    }
    builder.finish().unwrap();
}

#[test]
fn folder_and_tar_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    write_folder(&folder.path().join("dir"));
    write_tar(&folder.path().join("a.tar"), "");
    // `tar -C dir -cf b.tar .` names members so.
    write_tar(&folder.path().join("b.tar"), "./");
    let expect = layer("one");
    for place in ["dir", "a.tar", "b.tar"] {
        let archive = Archive::open(&folder.path().join(place)).unwrap();
        assert_eq!(archive.contents.images.len(), 1, "{place}");
        let region = archive.region(&Digest::of(&expect)).unwrap().unwrap();
        let mut bytes = vec![0; usize::try_from(region.len).unwrap()];
        region.file.read_exact_at(&mut bytes, region.offset).unwrap();
        assert!(bytes == expect, "{place}: a region is where the bytes lie");
    }
}

#[test]
fn a_folder_is_not_left_through_links() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("dir");
    write_folder(&root);
    fs::write(folder.path().join("secret"), b"secret").unwrap();
    symlink("../secret", root.join("link")).unwrap();
    symlink("..", root.join("up")).unwrap();
    symlink("index.json", root.join("inside")).unwrap();
    let members = Folder::open(&root).unwrap();
    assert!(members.find("index.json").unwrap().is_some());
    assert!(members.find("absent").unwrap().is_none());
    for (name, expect) in [
        ("link", "a symbolic link stands on the way"),
        ("up/secret", "a symbolic link stands on the way"),
        ("inside", "a symbolic link stands on the way"),
        ("../secret", "leads out of the folder"),
        ("/etc/passwd", "leads out of the folder"),
        ("blobs", "not a regular file"),
    ] {
        let error = members.find(name).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(expect), "{name}: {cause:?} is not {expect:?}");
    }
    // A blob that is a link to a file of the host.
    let blob = root.join(blob_name(&Digest::of(&layer("one"))));
    fs::remove_file(&blob).unwrap();
    symlink(folder.path().join("secret"), &blob).unwrap();
    assert!(Archive::open(&root).is_err());
}

#[test]
fn a_tar_is_not_left_either() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let check = |kind: tar::EntryType, name: &str, link: &str, expect: &str| {
        let mut builder = tar::Builder::new(File::create(&path).unwrap());
        let mut header = tar::Header::new_gnu();
        // Past the builder, which would not write such a name.
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_gnu_mut().unwrap().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_cksum();
        builder.append(&header, std::io::empty()).unwrap();
        builder.finish().unwrap();
        let error = TarFile::open(File::open(&path).unwrap()).unwrap_err().to_string();
        assert!(error.contains(expect), "{name} -> {link}: {error:?} does not say {expect:?}");
    };
    check(tar::EntryType::Regular, "../x", "", "leaves the archive");
    check(tar::EntryType::Regular, "/etc/passwd", "", "leaves the archive");
    check(tar::EntryType::Regular, "a/../../x", "", "leaves the archive");
    check(tar::EntryType::Symlink, "a/layer.tar", "/etc/shadow", "outside the archive");
    check(tar::EntryType::Symlink, "a/layer.tar", "../../etc/shadow", "outside the archive");
    check(
        tar::EntryType::Link,
        "a/layer.tar",
        "../etc/shadow",
        "a/layer.tar is a link to ../etc/shadow, outside",
    );
    check(
        tar::EntryType::Link,
        "a/layer.tar",
        "/etc/shadow",
        "a/layer.tar is a link to /etc/shadow, outside",
    );
    check(tar::EntryType::Directory, "../d/", "", "../d/ is a path that leaves the archive");
    check(tar::EntryType::Fifo, "/f", "", "/f is a path that leaves the archive");
    check(tar::EntryType::Char, "a/../../x", "", "leaves the archive");
}

#[test]
fn a_tar_may_not_ask_for_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let write = |name: &str| {
        let mut writer = ply_tar::Writer::new(Vec::new());
        writer.append(&ply_tar::Entry::file(name, 0), std::io::empty()).unwrap();
        fs::write(&path, writer.finish().unwrap()).unwrap();
        TarFile::open(File::open(&path).unwrap())
    };
    assert!(write(&"a/".repeat(2000)).is_ok());
    let error = write(&"a/".repeat(2100)).unwrap_err().to_string();
    assert!(error.contains("4200") && error.contains("4096"), "{error}");
}

/// Before 1.10 the names came last: without them, and without the end mark, the rest may be missing.
#[test]
fn cut_off_before_the_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let id = "a".repeat(64);
    let layer = layer("one");
    let json = format!(r#"{{"id":"{id}"}}"#);
    let mut writer = ply_tar::Writer::new(Vec::new());
    writer.append(&ply_tar::Entry::file(format!("{id}/json"), json.len() as u64), json.as_bytes()).unwrap();
    let entry = ply_tar::Entry::file(format!("{id}/layer.tar"), layer.len() as u64);
    writer.append(&entry, layer.as_slice()).unwrap();
    let whole = writer.finish().unwrap();
    let check = |len: usize, expect: &str| {
        fs::write(&path, &whole[..len]).unwrap();
        let found = Archive::open(&path).map_or_else(|e| e.to_string(), |_| String::new());
        let as_expected = if expect.is_empty() { found.is_empty() } else { found.contains(expect) };
        assert!(as_expected, "{len} of {}: {found:?}", whole.len());
    };
    check(whole.len(), "");
    // One block of zeros is an end, too.
    check(whole.len() - 512, "");
    check(whole.len() - 1024, "repositories is missing, and so is the end of the archive");
}

#[test]
fn what_is_no_archive_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let open = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        Archive::open(&path).map(drop)
    };
    assert!(matches!(open(b""), Err(ArchiveError::NoImage | ArchiveError::Tar(_))));
    assert!(matches!(open(&[7; 4096]), Err(ArchiveError::NoArchive(_))));
    assert!(matches!(open(&[0; 1024]), Err(ArchiveError::NoImage)));
    assert!(matches!(open(b"\x1f\x8b\x08\0\0\0\0\0\0\x03"), Err(ArchiveError::Compressed(_))));
    assert!(matches!(open(b"\x28\xb5\x2f\xfd\0\0\0\0"), Err(ArchiveError::Compressed(_))));
    let absent = Archive::open(&folder.path().join("absent")).unwrap_err().to_string();
    assert!(absent.contains("absent"), "{absent}");
    fs::create_dir(folder.path().join("empty")).unwrap();
    assert!(matches!(Archive::open(&folder.path().join("empty")), Err(ArchiveError::NoImage)));
}

#[test]
fn a_tar_that_ends_too_early_names_where() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    write_tar(&path, "");
    let whole = fs::read(&path).unwrap();
    // Inside the content of each member in turn, and inside each header.
    for entry in ply_tar::index(&File::open(&path).unwrap(), ply_tar::Limits::default()).unwrap() {
        let entry = entry.unwrap();
        let data = usize::try_from(entry.data_offset).unwrap();
        for at in [data - 256, data + usize::try_from(entry.size).unwrap() - 1] {
            fs::write(folder.path().join("cut.tar"), &whole[..at]).unwrap();
            let error = Archive::open(&folder.path().join("cut.tar")).unwrap_err();
            // With less than one whole header nothing shows that it was meant to be a tar.
            let told = if at < 512 {
                matches!(error, ArchiveError::NoArchive(_))
            } else {
                matches!(error, ArchiveError::Tar(_))
            };
            assert!(told, "cut at {at}: {error}");
        }
    }
}
