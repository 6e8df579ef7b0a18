//! All verbs at once, for a while: what each process was told is what it finds, and in the end what all were told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use ply_tests::{Effort, Made, Ply, archive_of, listing, tried};
use serde_json::Value;

use super::blobs;
use super::worker::{Done, Worker};

const WORKERS: u64 = 16;
/// Images that all workers load, name and remove.
pub(super) const POOL: u64 = 8;
/// Another one tries other orders.
const SEED: &str = "PLY_TRUST_SEED";

/// What an image is known to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// `sha256:` in front.
    pub(super) id: String,
    /// What stands in `/etc/motd`.
    pub(super) motd: String,
}

/// The images of the pool: every two share their second layer, and all their first.
fn pool(ply: &Ply) -> Vec<Known> {
    let image = |n: u64| {
        let motd = format!("own {n}");
        let image = Made::of(&["of all", &format!("of half {}", n % 2), &motd]);
        ply.write(&format!("pool-{n}.tar"), archive_of(&image, &format!("pool:{n}")).finish());
        Known { id: image.id(), motd }
    };
    (0..POOL).map(image).collect()
}

#[test]
fn sixteen() {
    let seconds = Effort::asked().of(4, 20, 600);
    let seed = std::env::var(SEED).map_or(12, |seed| seed.parse().unwrap());
    let ply = Ply::new();
    let pool = pool(&ply);
    let until = Instant::now() + Duration::from_secs(seconds);
    let ended: Vec<Result<Done, String>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|number| {
                let (ply, pool) = (&ply, &pool);
                scope.spawn(move || Worker::new(ply, pool, number, seed).work(until))
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|_| Err("see above".to_owned())))
            .collect()
    });
    let done: Vec<Done> =
        ended.into_iter().collect::<Result<_, _>>().unwrap_or_else(|why| panic!("{SEED}={seed}: {why}"));

    let mut names = BTreeMap::new();
    let (mut times, mut refused) = (BTreeMap::new(), 0);
    for worker in done {
        names.extend(worker.names);
        refused += worker.refused;
        for (verb, count) in worker.times {
            *times.entry(verb).or_insert(0_u64) += count;
        }
    }
    what_remains(&ply, &names, &pool);
    let told: Vec<String> = times.iter().map(|(verb, count)| format!("{verb} {count}")).collect();
    tried(
        &format!("{WORKERS} processes on one store for {seconds} s"),
        times.values().sum(),
        &format!(
            "{}; {refused} told that what they asked for was removed or in use; no update lost, no blob missing, check clean",
            told.join(", ")
        ),
    );
}

/// What remains is what the workers were told, to the blob; and then nothing.
fn what_remains(ply: &Ply, names: &BTreeMap<String, Known>, pool: &[Known]) {
    ply.ok(["check"]);
    let format = ["images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"];
    let listed = ply.ok(format);
    let mut found = BTreeMap::new();
    for line in listed.lines().filter(|line| !line.starts_with("<none>")) {
        let (name, id) = line.split_once(' ').unwrap();
        match name.strip_prefix("pool:") {
            Some(n) => assert_eq!(id, pool[n.parse::<usize>().unwrap()].id, "{name}"),
            None => assert!(found.insert(name.to_owned(), id.to_owned()).is_none(), "{name} is there twice"),
        }
    }
    let expected: BTreeMap<_, _> =
        names.iter().map(|(name, known)| (name.clone(), known.id.clone())).collect();
    assert_eq!(found, expected);
    for (name, known) in names {
        assert_eq!(ply.ok(["cat", name, "/etc/motd"]), known.motd, "{name}");
    }
    ply.ok(["prune", "-f"]);
    let reached = reached(&ply.store());
    let there: BTreeSet<String> = blobs(ply)
        .into_keys()
        .filter_map(|blob| Some(blob.strip_prefix("sha256/")?.to_owned()))
        .filter(|hex| !hex.is_empty())
        .collect();
    assert_eq!(there, reached, "the blobs are not those that the names lead to");
    ply.ok(["check"]);
    ply.ok(["prune", "-a", "-f"]);
    assert_eq!(ply.ok(["images", "-q"]), "");
    for folder in ["blobs/sha256", "ply/ingest", "ply/layers", "ply/containers"] {
        let left: Vec<String> = listing(&ply.store().join(folder)).into_keys().collect();
        assert_eq!(left, [""; 0], "{folder}");
    }
}

/// The blobs that `index.json` leads to, read without the help of `ply`.
fn reached(store: &Path) -> BTreeSet<String> {
    let read = |path: &Path| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let hex = |descriptor: &Value| descriptor["digest"].as_str().unwrap().replace("sha256:", "");
    let mut reached = BTreeSet::new();
    for entry in read(&store.join("index.json"))["manifests"].as_array().unwrap() {
        let manifest = read(&store.join("blobs/sha256").join(hex(entry)));
        reached.insert(hex(entry));
        reached.insert(hex(&manifest["config"]));
        reached.extend(manifest["layers"].as_array().unwrap().iter().map(hex));
    }
    reached
}
