//! What commands promise: the same files are the same image, and nobody loses a container.

use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use ply_tests::{Input, Ply, Ran, Tarball, listing};

use crate::{exported, extract, image, ok, same, store, store_of};

/// Sets the times of the directories that were written to: those are the only ones that tell when.
fn date(ply: &Ply) {
    let tar = Tarball::new().told("5 srv/").told("5 srv/dir/ @750 :7:8").told("5 tmp/ @1777").finish();
    assert_eq!(extract(ply, &tar, "ct:/").code, Some(0));
}

fn commit(ply: &Ply, seconds: &str) -> String {
    let mut command = ply.command(["commit", "-m", "done", "ct", "image:2"]);
    let ran: Ran = command.env("SOURCE_DATE_EPOCH", seconds).output().unwrap().into();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.text().to_owned()
}

#[test]
fn the_same_changes_are_the_same_image() {
    let first = [
        "cp src/d ct:/srv/dir/d",
        "delete ct:/srv/other",
        "cp src/f ct:/srv/file",
        "cp src/empty ct:/srv/other",
        "delete ct:/srv/plain",
        "cp src/f ct:/tmp/a",
        "cp src/f ct:/tmp/b",
    ];
    // In another order, by other ways, with what comes and goes between.
    let second = [
        "cp src/f ct:/tmp/b",
        "cp src/f ct:/srv/brief",
        "delete ct:/srv/plain ct:/srv/brief",
        "cp src/f ct:/tmp/a",
        "cp src/f ct:/srv/file",
        "delete ct:/srv/other/x ct:/srv/other",
        "cp src/empty/. ct:/srv/other",
        "cp src/d/. ct:/srv/dir/d/",
    ];
    let mut made = Vec::new();
    for (lines, threads) in [(&first[..], 0), (&second[..], 1)] {
        let ply = Ply::with_threads(threads);
        let from = store_of(&image());
        assert_eq!(ply.load(Input::File, &from.file("image.tar"), &[]).code, Some(0));
        ok(&ply, "create --name ct image:1");
        let run = |line: &str| {
            let mut shell = std::process::Command::new("sh");
            let mask = if threads == 0 { "022" } else { "077" };
            shell.args(["-c", &format!("umask {mask}; exec \"$0\" \"$@\"")]).arg(ply_tests::binary());
            shell.args(line.split(' ')).env("PLY_STORE", ply.store()).current_dir(from.folder());
            let ran: Ran = shell.output().unwrap().into();
            assert_eq!(ran.code, Some(0), "{line}: {}", ran.stderr);
        };
        lines.iter().for_each(|line| run(line));
        date(&ply);
        let id = commit(&ply, "1700000000");
        made.push((ply.ok(["layers", "-q", "image:2"]), id, exported(&ply, "image:2")));
        // Another time is another image, of the same layers.
        assert_ne!(commit(&ply, "1700000001"), made.last().unwrap().1);
        assert_eq!(ply.ok(["layers", "-q", "image:2"]), made.last().unwrap().0);
    }
    same("the files", &made[0].2, &made[1].2);
    assert_eq!(made[0].0, made[1].0, "DiffIDs");
    assert_eq!(made[0].1, made[1].1, "IDs");
}

#[test]
fn where_nothing_was_changed_there_is_no_layer() {
    let ply = store();
    let layers = ply.ok(["layers", "-q", "image:1"]);
    commit(&ply, "1700000000");
    assert_eq!(ply.ok(["layers", "-q", "image:2"]), layers);
    // What came and went again, in a directory that has its old time back.
    ok(&ply, "cp src/f ct:/srv/brief");
    ok(&ply, "delete ct:/srv/brief");
    date(&ply);
    assert_eq!(ok(&ply, "diff ct"), "");
    assert_eq!(ply.ok(["history", "-q", "image:2"]).lines().count(), 3);
}

#[test]
fn a_container_outlives_its_image() {
    let ply = store();
    ok(&ply, "cp src/f ct:/srv/new");
    let before = exported(&ply, "ct");
    let refused = ply.run(["rmi", "image:1"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    ok(&ply, "rmi -f image:1");
    ok(&ply, "image prune -a -f");
    assert_eq!(ok(&ply, "images -aq"), "");
    same("without its image", &exported(&ply, "ct"), &before);
    ok(&ply, "check");
    ok(&ply, "cp src/f ct:/srv/newer");
    ok(&ply, "inspect ct");
    ok(&ply, "ps -as");
    // It becomes an image again, with layers that were never lost.
    ok(&ply, "commit ct image:2");
    ok(&ply, "check image:2");
    same("committed", &exported(&ply, "image:2"), &exported(&ply, "ct"));
    ok(&ply, "rmi -f image:2");
    ok(&ply, "rm ct");
    ok(&ply, "image prune -a -f");
    let left: Vec<String> =
        listing(&ply.store().join("blobs")).into_keys().filter(|name| !name.ends_with('/')).collect();
    assert_eq!(left, [""; 0]);
    assert_eq!(containers(&ply), [""; 0]);
}

/// What lies in the store for the sake of containers.
pub(crate) fn containers(ply: &Ply) -> Vec<String> {
    let found = listing_of_names(ply, "containers");
    found.into_iter().chain(listing_of_names(ply, "container-names")).collect()
}

fn listing_of_names(ply: &Ply, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(ply.store().join("ply").join(folder)).into_iter().flatten();
    entries.map(|entry| format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap())).collect()
}

fn start(ply: &Ply, line: &str) -> Child {
    let mut command = ply.command(line.split(' '));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(child: Child) -> Ran {
    child.wait_with_output().unwrap().into()
}

#[test]
fn one_name_is_one_container() {
    let ply = store();
    for round in 0..10 {
        let running: Vec<Child> =
            (0..4).map(|_| start(&ply, &format!("create --name same{round} image:1"))).collect();
        let ended: Vec<Ran> = running.into_iter().map(end).collect();
        let won: Vec<&Ran> = ended.iter().filter(|ran| ran.code == Some(0)).collect();
        assert_eq!(won.len(), 1, "{ended:?}");
        for lost in ended.iter().filter(|ran| ran.code != Some(0)) {
            assert_eq!(lost.code, Some(1), "{}", lost.stderr);
            assert!(lost.stderr.contains(&format!("\"same{round}\" is already in use")), "{}", lost.stderr);
        }
        let id = ok(&ply, &format!("inspect -f {{{{.Id}}}} same{round}"));
        assert_eq!(id, won[0].text().trim_end());
    }
    assert_eq!(ok(&ply, "ps -aq").lines().count(), 11);
    assert_eq!(listing_of_names(&ply, "containers").len(), 11);
}

#[test]
fn all_that_is_copied_at_once_lands() {
    let ply = store();
    let running: Vec<Child> =
        (0..16).map(|n| start(&ply, &format!("cp src/d ct:/srv/dir/at-once-{n}"))).collect();
    for child in running {
        let ran = end(child);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    let found = exported(&ply, "ct");
    for n in 0..16 {
        assert!(found.entries.contains_key(format!("srv/dir/at-once-{n}/sub/deep").as_bytes()), "{n}");
    }
}

/// Whoever writes is waited for; and what waited for a removal hears that there is nothing any more.
#[test]
fn a_removal_waits() {
    let ply = store();
    let mut writer = ply.command(["cp", "-", "ct:/srv"]);
    let mut writer =
        writer.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let tar = Tarball::new().file("slow", vec![7; 100_000]).finish();
    let mut input = writer.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, &tar[..50_000]).unwrap();
    sleep(Duration::from_millis(300));
    let mut removal = start(&ply, "rm ct");
    let mut again = start(&ply, "rm ct");
    let reader = start(&ply, "export -o out.tar ct");
    sleep(Duration::from_millis(300));
    assert!(removal.try_wait().unwrap().is_none() && again.try_wait().unwrap().is_none(), "it did not wait");
    let ended = Instant::now();
    std::io::Write::write_all(&mut input, &tar[50_000..]).unwrap();
    drop(input);
    let ran = end(writer);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let (first, second) = (end(removal), end(again));
    let (won, lost) = if first.code == Some(0) { (first, second) } else { (second, first) };
    assert_eq!((won.code, lost.code), (Some(0), Some(1)), "{}{}", won.stderr, lost.stderr);
    assert_eq!(lost.stderr, "ply: No such container: ct\n");
    let read = end(reader);
    assert!(
        read.code == Some(0) || read.stderr.to_lowercase().contains("no such container"),
        "{}",
        read.stderr
    );
    assert!(ended.elapsed() < Duration::from_secs(10));
    assert_eq!(containers(&ply), [""; 0]);
}
