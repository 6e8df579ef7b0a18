//! A process that may open few files. On its own: the limit is one for all threads.
#![allow(clippy::unwrap_used, reason = "functions that tests share count as no tests")]

mod common;

use std::num::NonZeroUsize;

use common::{everything, meta, told};
use ply_rootfs::{Options, Owners, Scan, scan, unpack};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[test]
fn thirty_two_are_enough() {
    let mut made = everything();
    for number in 0..100 {
        let path = format!("d{number}");
        made.dir(&path, meta(0o755));
        made.file(format!("{path}/a"), [1; 3000], meta(0o644));
        made.dir(format!("{path}/e"), meta(0o755));
        made.file(format!("{path}/e/b"), vec![2; 1 << 20], meta(0o644));
    }
    let mut path = String::from("d0");
    for _ in 0..200 {
        path.push_str("/x");
        made.dir(&path, meta(0o755));
        made.file(format!("{path}/f"), "f", meta(0o644));
    }
    let folder = tempfile::tempdir().unwrap();
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(32), ..limit }).unwrap();
    let options = Options { workers: NonZeroUsize::new(64), owners: Owners::Recorded, ..Options::default() };
    let how = Scan { owners: Owners::Recorded, ..Scan::default() };
    made.unpack_with(&folder.path().join("x"), &options).unwrap();
    let (tree, files) = scan(&folder.path().join("x"), &how).unwrap();
    assert_eq!(told(&tree, &files), made.told());
    // From files on disk, which are opened as they are read.
    unpack(&tree, &files, &folder.path().join("y"), &options, &common::go_on).unwrap();
    let (again, content) = scan(&folder.path().join("y"), &how).unwrap();
    assert_eq!(told(&again, &content), made.told());
    setrlimit(Resource::Nofile, limit).unwrap();
}
