//! What must hold after an end that nobody wanted: the store is in one of the states that it may be in, whole.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::{Ply, sha256};

/// All that a store keeps for somebody, and the file that `save -o` writes beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct World {
    /// Each entry of the list of images: its name, or none, and its ID.
    images: Vec<(Option<String>, String)>,
    /// What all of them save to, in one archive.
    saved: String,
    /// The files of the first.
    files: String,
    /// Names of containers.
    containers: Vec<String>,
    /// What `saved.tar` hashes to, a file or a folder, where there is one.
    written: Option<String>,
}

impl World {
    /// The file that a saving command writes, in the folder of the store's folder.
    pub const WRITTEN: &'static str = "saved.tar";

    /// What a store holds now. Its list is read by ourselves: any other tool may read it so too.
    ///
    /// # Errors
    /// It is no OCI layout, a blob is missing, or a command fails.
    pub fn of(ply: &Ply) -> Result<Self, String> {
        let store = ply.store();
        let images = listed(&store)?;
        let called: Vec<&str> =
            images.iter().map(|(name, id)| name.as_ref().unwrap_or(id).as_str()).collect();
        let (mut saved, mut files) = (String::new(), String::new());
        if let Some(first) = called.first() {
            let save: Vec<&str> =
                ["save", "--format", "oci"].into_iter().chain(called.iter().copied()).collect();
            saved = sha256(&run(ply, &save)?);
            files = sha256(&run(ply, &["ls", "-lR", first])?);
        }
        let written = written(&ply.file(Self::WRITTEN));
        Ok(Self { images, saved, files, containers: containers(&store), written })
    }
}

/// What a file, or a layout in a folder, hashes to; a folder without an index is none.
fn written(path: &Path) -> Option<String> {
    if !path.is_dir() {
        return std::fs::read(path).ok().map(|bytes| sha256(&bytes));
    }
    let whole = crate::listing(path);
    whole.contains_key("index.json").then(|| sha256(format!("{whole:?}").as_bytes()))
}

/// Name and ID of every entry of `index.json`, sorted.
fn listed(store: &Path) -> Result<Vec<(Option<String>, String)>, String> {
    let read = |path: &str| -> Result<Vec<u8>, String> {
        std::fs::read(store.join(path)).map_err(|e| format!("{path}: {e}"))
    };
    let parse = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).map_err(|e| e.to_string());
    if !store.join("index.json").exists() {
        return Ok(Vec::new());
    }
    let index = parse(&read("index.json")?).map_err(|e| format!("index.json: {e}"))?;
    let entries = index["manifests"].as_array().ok_or("index.json lists nothing")?;
    let mut images = Vec::new();
    for entry in entries {
        let name = entry["annotations"]["io.containerd.image.name"].as_str().map(ToOwned::to_owned);
        let digest = entry["digest"].as_str().ok_or("an entry without a digest")?;
        let manifest = parse(&read(&format!("blobs/{}", digest.replace(':', "/")))?)?;
        let id = manifest["config"]["digest"].as_str().ok_or("a manifest without a config")?;
        images.push((name, id.to_owned()));
    }
    if !images.is_empty() && read("oci-layout")? != br#"{"imageLayoutVersion":"1.0.0"}"# {
        return Err("oci-layout is not what others look for".to_owned());
    }
    images.sort();
    Ok(images)
}

/// Names of containers that have a record, and the place for their layer.
fn containers(store: &Path) -> Vec<String> {
    let names = std::fs::read_dir(store.join("ply/container-names")).into_iter().flatten().flatten();
    let whole = names.filter(|name| {
        let container = name.path();
        std::fs::read(container.join("config.json")).is_ok_and(|record| record.ends_with(b"}\n"))
            && ["upper", "work"].iter().all(|part| container.join(part).is_dir())
    });
    let mut names: Vec<String> = whole.map(|name| name.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What a command may leave of a store, whatever happens to it.
#[derive(Debug)]
pub struct Oracle {
    /// What the store may hold: as it was before first, as the command leaves it last, and what may be seen between.
    worlds: Vec<World>,
    /// The command.
    command: Vec<String>,
    /// Whether it can be given again when it was done.
    repeats: bool,
    /// What lies in the store after it and a `prune`, and how often.
    clean: BTreeMap<String, usize>,
}

impl Oracle {
    /// Learns from a store what a command does to it when nothing happens. `between` are worlds that may be seen while it
    /// works; `repeats` says that it may be given again after it was done.
    pub fn of(ply: &Ply, command: &[String], between: Vec<World>, repeats: bool) -> Self {
        let mut worlds = vec![World::of(ply).unwrap()];
        worlds.extend(between);
        let again: Vec<&str> = command.iter().map(String::as_str).collect();
        run(ply, &again).unwrap();
        worlds.push(World::of(ply).unwrap());
        ply.ok(["prune", "-f"]);
        let after = World::of(ply).unwrap();
        assert_eq!(worlds.last(), Some(&after), "a prune is no change that anybody asked for");
        let clean = paths(&ply.store());
        Self { worlds, command: command.to_vec(), repeats, clean }
    }

    /// Whether a store holds what it may hold, and goes on as if nothing had happened; if not, why not. After a command that
    /// was acknowledged it holds what the command was for.
    ///
    /// # Errors
    /// What is wrong.
    pub fn judge(&self, ply: &Ply, acknowledged: bool) -> Result<(), String> {
        let last = self.worlds.len() - 1;
        let found = self.find(ply)?;
        if acknowledged && found != last {
            return Err(format!("what was acknowledged is lost: world {found} of {last}"));
        }
        run(ply, &["check"])?;
        if found != last || self.repeats {
            let command: Vec<&str> = self.command.iter().map(String::as_str).collect();
            run(ply, &command)?;
        }
        run(ply, &["prune", "-f"])?;
        if self.find(ply)? != last {
            return Err("the command, given again, does not do what it is for".to_owned());
        }
        let left: Vec<String> = paths(&ply.store())
            .into_iter()
            .filter(|(path, times)| self.clean.get(path).is_none_or(|most| times > most))
            .map(|(path, _)| path)
            .collect();
        let beside = std::fs::read_dir(ply.folder()).unwrap().flatten().map(|entry| entry.file_name());
        let beside = beside.filter_map(|name| name.into_string().ok()).filter(|name| name.ends_with(".part"));
        let left: Vec<String> = left.into_iter().chain(beside).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("left over after prune: {left:?}")) }
    }

    /// Whether a store holds what the command is for.
    pub fn is_done(&self, ply: &Ply) -> bool {
        self.find(ply).is_ok_and(|found| found + 1 == self.worlds.len())
    }

    /// Whether the command can be given again when it was done.
    pub const fn repeats(&self) -> bool {
        self.repeats
    }

    /// Which of the worlds a store is.
    fn find(&self, ply: &Ply) -> Result<usize, String> {
        let found = World::of(ply)?;
        // The latest: what changes nothing that is seen is done.
        let at = self.worlds.iter().rposition(|world| *world == found);
        at.ok_or_else(|| format!("neither as before nor as after: {found:?}, of {:?}", self.worlds))
    }
}

/// What lies below a folder. Containers are called by chance, and where work was done for one is swept by the next change of it;
/// sums of a layer are kept by whoever hashes it first.
fn paths(folder: &Path) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for path in crate::listing::all_paths(folder) {
        let parts = path.split('/').enumerate().map(|(at, part)| {
            let by_chance = at == 2 && path.starts_with("ply/containers/");
            if by_chance { "ID" } else { part }
        });
        let is_work = path.starts_with("ply/containers/") && path.contains("/work/");
        if is_work || path.starts_with("ply/sums") {
            continue;
        }
        *found.entry(parts.collect::<Vec<_>>().join("/")).or_insert(0) += 1;
    }
    found
}

/// A command line whose outcome depends on nothing but the store: on no clock, no home, no proxy.
pub(crate) fn reproducible(ply: &Ply, args: &[&str]) -> Command {
    let mut command = ply.command(args);
    command.env("SOURCE_DATE_EPOCH", "1767225600").env("HOME", ply.folder());
    for variable in ["DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"] {
        command.env_remove(variable);
    }
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(proxy).env_remove(proxy.to_lowercase());
    }
    command
}

fn run(ply: &Ply, args: &[&str]) -> Result<Vec<u8>, String> {
    let ran = crate::Ran::from(reproducible(ply, args).output().unwrap());
    match ran.code {
        Some(0) => Ok(ran.stdout),
        code => Err(format!("ply {} ended with {code:?}: {}{}", args.join(" "), ran.stderr, {
            String::from_utf8_lossy(&ran.stdout).chars().take(500).collect::<String>()
        })),
    }
}
