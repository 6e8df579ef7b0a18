//! No space left, wherever it ends: refused with nothing changed, and what frees space works on a disk without any.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use ply_tests::{Effort, Mounted, Ply, Ran, Registry, SmallDisk, needs, output, tried};

use super::{furnished, kept, mounts_disks, refused, shell, unchanged};

/// A store on a small disk, as it was furnished each time.
struct Case {
    // Dropped before the folder that it is mounted in.
    disk: SmallDisk,
    ply: Ply,
    furnished: String,
}

impl Case {
    fn new() -> Self {
        let ply = furnished();
        let furnished = ply.file("furnished").display().to_string();
        std::fs::rename(ply.store(), &furnished).unwrap();
        Self { disk: SmallDisk::over(&ply.store()), ply, furnished }
    }

    /// The store as it was first, with so much space left.
    fn again(&self, free: u64) {
        self.disk.widen();
        for entry in std::fs::read_dir(self.ply.store()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
        }
        output(Command::new("cp").args(["-a", &format!("{}/.", self.furnished)]).arg(self.ply.store()));
        self.disk.leave(free);
    }

    fn store(&self) -> String {
        self.ply.store().display().to_string()
    }
}

/// What writes, what it takes at most while it does, and what is then there.
const WRITERS: [(&str, &str); 10] = [
    ("load -q -i new.tar", "new:1"),
    ("load -q < new.tar", "new:1"),
    ("load -q -i gzip.tar", "new:1"),
    ("load -q < gzip.tar", "new:1"),
    ("import root.tar new:1", "new:1"),
    ("commit ct new:1", "new:1"),
    ("squash kept:1 -t new:1", "new:1"),
    ("tag kept:1 new:1", "new:1"),
    ("create --name other kept:1", ""),
    ("cp file ct:/second", ""),
];

/// Every command that writes, at as many sizes of the disk, from nothing left to more than it takes.
#[test]
fn writers_at_every_size() {
    if !mounts_disks() {
        return;
    }
    let case = Case::new();
    let sizes: u64 = Effort::asked().of(4, 40, 160);
    let (mut refusals, mut done) = (0, 0);
    for (line, makes) in WRITERS {
        let command = format!("ply {line}");
        case.again(16 << 20);
        let before = case.disk.used();
        let ran = shell(&case.ply, &command);
        assert_eq!(ran.code, Some(0), "{line}: {}", ran.stderr);
        // Twice what it leaves: more than it ever has at once.
        let most = (case.disk.used() - before) * 2 + 8 * SmallDisk::PAGE;
        for at in 0..sizes {
            let free = most * at / (sizes - 1);
            case.again(free);
            let before = kept(&case.ply);
            let what = format!("{line} with {free} bytes left");
            let ran = shell(&case.ply, &command);
            if ran.code == Some(0) {
                done += 1;
                if !makes.is_empty() {
                    assert_eq!(case.ply.run(["inspect", makes]).code, Some(0), "{what}");
                }
            } else {
                refusals += 1;
                refused(&what, &ran, &[&case.store()], &["no space left", "No space left"]);
                unchanged(&what, &case.ply, &before);
            }
            assert_eq!(case.ply.run(["check"]).code, Some(0), "{what}");
            // What comes next, once there is space again.
            case.disk.widen();
            let again = shell(&case.ply, &command);
            let taken = ran.code == Some(0) && line.starts_with("create");
            assert_eq!(again.code, Some(i32::from(taken)), "{what}, and again: {}", again.stderr);
            assert_eq!(case.ply.run(["check"]).code, Some(0), "{what}, and again");
        }
        assert_eq!(ran.code, Some(0));
    }
    assert!(refusals >= WRITERS.len() && done >= WRITERS.len(), "{refusals} refused, {done} done");
    tried(
        &format!("full disk: {} commands that write, at {sizes} sizes each", WRITERS.len()),
        (refusals + done) as u64,
        &format!("{refusals} refused with path and cause, store unchanged; {done} done"),
    );
}

/// A pull is refused as a load is.
#[test]
fn a_pull() {
    if !mounts_disks() || !needs(&[("docker-registry", "docker-registry")]) {
        return;
    }
    let case = Case::new();
    let registry = Registry::start();
    let name = registry.name("new:1");
    case.again(16 << 20);
    case.ply.ok(["load", "-q", "-i", "gzip.tar"]);
    case.ply.ok(["tag", "new:1", &name]);
    case.ply.ok(["push", "-q", &name]);
    let sizes: u64 = Effort::asked().of(4, 40, 80);
    let mut refusals = 0;
    for at in 0..sizes {
        let free = (600 << 10) * at / (sizes - 1);
        case.again(free);
        let before = kept(&case.ply);
        let what = format!("pull with {free} bytes left");
        let ran = case.ply.run(["pull", "-q", &name]);
        if ran.code == Some(0) {
            assert_eq!(case.ply.run(["check"]).code, Some(0), "{what}");
            continue;
        }
        refusals += 1;
        refused(&what, &ran, &[&case.store()], &["no space left", "No space left"]);
        // What came whole is kept for the next try, and for nobody else.
        let mut now = kept(&case.ply);
        now.retain(|file, _| before.contains_key(file) || !file.starts_with("blobs/sha256/"));
        assert_eq!(now, before, "{what}: the store has changed");
        case.ply.ok(["check"]);
        case.disk.widen();
        case.ply.ok(["pull", "-q", &name]);
        case.ply.ok(["check"]);
    }
    assert!(refusals > 0 && refusals < sizes, "{refusals} refused");
    tried(
        "full disk: pull",
        sizes,
        &format!("{refusals} refused with path and cause, names unchanged, what came whole is kept"),
    );
}

/// Nothing is left, not a byte: what frees space works all the same, again and again, and what reads does.
fn everything_that_frees(ply: &Ply, what: &str, store: &Path, fill: impl Fn()) {
    let ok = |line: &str| {
        let ran = shell(ply, &format!("ply {line}"));
        assert_eq!(ran.code, Some(0), "{what}: {line}: {}", ran.stderr);
    };
    fill();
    for line in ["images", "inspect kept:1", "ls kept:1", "cat kept:1 /etc/motd", "save kept:1 > /dev/null"] {
        ok(line);
        ok("check");
    }
    // As many changes as may be tried on a full disk, whether they can be made or not: none may take what removing needs.
    for n in 0..40 {
        let ran =
            shell(ply, &format!("ply tag kept:1 a-rather-long-name-for-an-image/that-grows-the-index:{n}"));
        if ran.code != Some(0) {
            refused(what, &ran, &[store.to_str().unwrap()], &["no space left"]);
        }
        fill();
    }
    for n in 0..20 {
        ok(&format!("rmi some:{n}"));
        fill();
    }
    ok("rmi gone:1");
    fill();
    ok("rm ct");
    fill();
    ok("prune -f");
    fill();
    ok("prune --cache");
    fill();
    ok("prune -a -f");
    let left = ply.ok(["images", "-q"]);
    assert_eq!(left, "", "{what}");
    ok("check");
    // And there is space again.
    std::fs::remove_file(store.join("filler")).unwrap();
    ok("load -q -i new.tar");
    ok("check");
}

fn many_names(ply: &Ply, count: usize) {
    for n in 0..count {
        ply.ok(["tag", "kept:1", &format!("some:{n}")]);
    }
}

#[test]
fn what_frees_space_works() {
    if !mounts_disks() {
        return;
    }
    // An index of less than a page, and one of many.
    let counts = Effort::asked().of(&[20][..], &[20, 60, 300], &[20, 60, 300, 2000]);
    for &count in counts {
        let ply = furnished();
        many_names(&ply, count);
        let furnished = ply.file("furnished");
        std::fs::rename(ply.store(), &furnished).unwrap();
        let disk = SmallDisk::over(&ply.store());
        output(Command::new("cp").arg("-a").arg(furnished.join(".")).arg(ply.store()));
        let store = ply.store();
        // Whatever is freed is gone again at once.
        everything_that_frees(&ply, &format!("{count} names"), &store, || disk.fill("filler"));
    }
    tried(
        "full disk: rmi, rm, prune with nothing left on tmpfs",
        counts.len() as u64,
        "all worked, again and again",
    );
}

/// The same on a filesystem with a journal, which gives space back later and promises it before it has it.
#[test]
fn what_frees_space_works_on_ext4() {
    if !mounts_disks() || !needs(&[("mkfs.ext4", "e2fsprogs")]) {
        return;
    }
    let ply = furnished();
    many_names(&ply, 20);
    let furnished = ply.file("furnished");
    let store = ply.store();
    std::fs::rename(&store, &furnished).unwrap();
    std::fs::create_dir(&store).unwrap();
    let image = ply.file("disk");
    std::fs::File::create(&image).unwrap().set_len(8 << 20).unwrap();
    output(Command::new("mkfs.ext4").args(["-q", "-m", "0", "-b", "1024"]).arg(&image));
    let _mounted = Mounted::over(&store);
    output(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&store));
    output(Command::new("cp").arg("-a").arg(furnished.join(".")).arg(&store));
    let fill = || {
        let mut filler = OpenOptions::new().create(true).append(true).open(store.join("filler")).unwrap();
        for block in [1 << 16, 1 << 10] {
            while filler.write_all(&vec![7; block]).is_ok() {}
            // What was promised to others comes free.
            let _ = filler.sync_data();
        }
    };
    everything_that_frees(&ply, "on ext4", &store, fill);
    tried("full disk: rmi, rm, prune with nothing left on ext4", 1, "all worked, again and again");
}

/// Whatever became of the reserve.
#[test]
fn without_a_reserve() {
    if !mounts_disks() {
        return;
    }
    let case = Case::new();
    case.again(1 << 20);
    std::fs::remove_file(case.ply.store().join("ply/reserve")).unwrap();
    case.disk.leave(0);
    let ran: Ran = case.ply.run(["rmi", "gone:1"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(case.ply.run(["check"]).code, Some(0));
}
