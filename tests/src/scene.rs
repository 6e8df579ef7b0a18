//! Commands that change a store, each with a store to change and with what it may leave.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use crate::oracle::{Oracle, World, reproducible};
use crate::{Disk, Layout, Liar, Loss, Made, Packing, Ply, Recording, archive_of, layer, made, output};

/// A command, a store as it stands before, and what must hold whatever happens to it.
#[derive(Debug)]
pub struct Scene {
    /// What it is called: its verb, and more where one is not enough.
    pub what: &'static str,
    /// The command.
    pub command: Vec<String>,
    /// What must hold.
    pub oracle: Oracle,
    before: Ply,
    /// Archives, gone with it.
    #[allow(dead_code, reason = "held for its drop")]
    inputs: Ply,
    /// The registry that is pulled from.
    #[allow(dead_code, reason = "held for its drop")]
    liar: Option<Liar>,
}

impl Scene {
    /// Every command whose end is tried.
    pub fn all() -> Vec<Self> {
        vec![
            Self::load(),
            Self::load_over(),
            Self::load_nameless(),
            Self::pull(),
            Self::tag(),
            Self::rmi(),
            Self::prune(),
            Self::commit(),
            Self::create(),
            Self::rm(),
            Self::save(),
            Self::save_folder(),
        ]
    }

    /// Does this with each of them, two at a time: much of it is waiting.
    pub fn each(work: impl Fn(Self) + Sync) {
        let scenes = Mutex::new(Self::all().into_iter());
        let next = || scenes.lock().unwrap().next();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| std::iter::from_fn(next).for_each(&work));
            }
        });
    }

    /// Loads into a store that is not there yet, and nor is the folder that it is to lie in.
    pub fn load() -> Self {
        let inputs = Ply::new();
        let archive = write(&inputs, &image("a"), "app:1");
        Self::new(
            "load, the first",
            inputs,
            Ply::new().with_store("home/of/store"),
            &["load", "-q", "-i", &archive],
        )
    }

    /// Loads an image that takes a name from another one.
    pub fn load_over() -> Self {
        let (inputs, before) = stored();
        let archive = write(&inputs, &image("c"), "app:1");
        Self::new("load", inputs, before, &["load", "-q", "-i", &archive])
    }

    /// Loads an image without a name, which a container keeps from being pruned, as it keeps its layers.
    pub fn load_nameless() -> Self {
        let (inputs, before) = stored();
        let held = image("h");
        before.ok(["load", "-q", "-i", &write(&inputs, &held, "held:1")]);
        before.ok(["create", "--name", "holder", "held:1"]);
        before.ok(["rmi", "-f", "held:1"]);
        let mut layout = Layout::default();
        let listed = layout.plain(&held);
        let archive = inputs.write("nameless.tar", layout.list(listed).tar().finish());
        Self::new("load, without a name", inputs, before, &["load", "-q", "-i", archive.to_str().unwrap()])
    }

    /// Pulls an image with layers that are compressed.
    pub fn pull() -> Self {
        let (inputs, before) = stored();
        let liar = Liar::new();
        let _ = liar.packed_image("pulled", "1", image("p"), Packing::Gzip);
        let name = liar.name("pulled:1");
        let scene = Self::new("pull", inputs, before, &["pull", "-q", &name]);
        Self { liar: Some(liar), ..scene }
    }

    /// Moves a name from one image to another.
    pub fn tag() -> Self {
        let (inputs, before) = stored();
        Self::new("tag", inputs, before, &["tag", "other:1", "app:1"])
    }

    /// Removes an image that shares a layer.
    pub fn rmi() -> Self {
        let (inputs, before) = stored();
        Self::new("rmi", inputs, before, &["rmi", "other:1"])
    }

    /// Removes two images that lost their names.
    pub fn prune() -> Self {
        let (inputs, before) = stored();
        let images = ["n", "m", "l"].map(image);
        for image in &images {
            let archive = write(&inputs, image, "moving:1");
            before.ok(["load", "-q", "-i", &archive]);
        }
        let between = images[..2].iter().map(|nameless| {
            let copy = before.copy(false);
            copy.ok(["rmi", &nameless.id()]);
            World::of(&copy).unwrap()
        });
        let between = between.collect();
        Self::with("prune", inputs, before, &["prune", "-f"], between, true)
    }

    /// Makes an image of a container.
    pub fn commit() -> Self {
        let (inputs, before) = stored();
        before.ok(["create", "--name", "changed", "app:1"]);
        let file = inputs.write("file", vec![b'x'; 30_000]);
        before.ok(["cp", file.to_str().unwrap(), "changed:/file"]);
        Self::new("commit", inputs, before, &["commit", "changed", "made:1"])
    }

    /// Makes a container, the first of the store.
    pub fn create() -> Self {
        let (inputs, before) = stored();
        Self::with("create", inputs, before, &["create", "--name", "new", "app:1"], Vec::new(), false)
    }

    /// Removes a container.
    pub fn rm() -> Self {
        let (inputs, before) = stored();
        before.ok(["create", "--name", "going", "app:1"]);
        Self::with("rm", inputs, before, &["rm", "going"], Vec::new(), false)
    }

    /// Writes an archive over a file.
    pub fn save() -> Self {
        let (inputs, before) = stored();
        before.write(World::WRITTEN, vec![b'o'; 50_000]);
        Self::new("save -o", inputs, before, &["save", "-o", World::WRITTEN, "app:1", "other:1"])
    }

    /// Writes a layout into a folder that is not there yet.
    pub fn save_folder() -> Self {
        let (inputs, before) = stored();
        let folder = format!("oci:{}", World::WRITTEN);
        Self::new("copy, to a folder", inputs, before, &["copy", "app:1", &folder])
    }

    fn new(what: &'static str, inputs: Ply, before: Ply, command: &[&str]) -> Self {
        Self::with(what, inputs, before, command, Vec::new(), command[0] != "rmi")
    }

    fn with(
        what: &'static str,
        inputs: Ply,
        before: Ply,
        command: &[&str],
        between: Vec<World>,
        repeats: bool,
    ) -> Self {
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        let oracle = Oracle::of(&before.copy(false), &command, between, repeats);
        Self { what, command, oracle, before, inputs, liar: None }
    }

    /// The store as it stands before, for a try: on a disk, or in memory, where syncs cost nothing.
    pub fn stage(&self, in_memory: bool) -> Ply {
        self.before.copy(in_memory)
    }

    /// The command, to be run on a stage.
    pub fn on(&self, stage: &Ply) -> Command {
        let words: Vec<&str> = self.command.iter().map(String::as_str).collect();
        reproducible(stage, &words)
    }

    /// The command, recorded on a disk; with more arguments.
    pub fn record(&self, more: &[&str]) -> Recording {
        let stage = self.stage(false);
        let recording = Recording::of(self.on(&stage).args(more), stage.folder());
        let mut disk = Disk::of(self.before());
        disk.apply(&recording.steps);
        let replayed = self.empty_stage();
        disk.write(replayed.folder());
        let same = bytes(replayed.folder()) == bytes(stage.folder());
        assert!(same, "{}: what was recorded is not all that was done", self.what);
        recording
    }

    /// Whether the state that a crash leaves is one that it may leave.
    ///
    /// # Errors
    /// What is wrong.
    pub fn judge(&self, disk: &Disk, loss: Loss<'_>, acknowledged: bool) -> Result<(), String> {
        let stage = self.empty_stage();
        disk.crash(loss).write(stage.folder());
        self.oracle.judge(&stage, acknowledged)
    }

    /// The folder that holds the store as it stands before.
    pub fn before(&self) -> &Path {
        self.before.folder()
    }

    /// A folder for a state of [`before`](Self::before)'s that somebody else writes.
    pub fn empty_stage(&self) -> Ply {
        self.before.beside(true)
    }
}

/// Everything in a folder: what files hold, where links lead.
fn bytes(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> = crate::listing::all_paths(folder)
        .into_iter()
        .map(|path| {
            let at = folder.join(&path);
            let link = std::fs::read_link(&at).map(|to| to.into_os_string().into_encoded_bytes());
            let held = link.or_else(|_| std::fs::read(&at)).unwrap_or_default();
            (path, held)
        })
        .collect();
    found.sort();
    found
}

/// Two layers, the lower of which all images have.
fn image(text: &str) -> Made {
    made(vec![layer("base"), layer(text)])
}

/// A store with two images, the first under two names.
fn stored() -> (Ply, Ply) {
    let (inputs, before) = (Ply::new(), Ply::new());
    for (text, name) in [("a", "app:1"), ("b", "other:1")] {
        before.ok(["load", "-q", "-i", &write(&inputs, &image(text), name)]);
    }
    before.ok(["tag", "app:1", "spare:1"]);
    (inputs, before)
}

fn write(inputs: &Ply, image: &Made, name: &str) -> String {
    let path: PathBuf = inputs.write(&format!("{}.tar", image.hex()), archive_of(image, name).finish());
    path.into_os_string().into_string().unwrap()
}

impl Ply {
    /// A store that is the same, in a folder of its own.
    pub fn copy(&self, in_memory: bool) -> Self {
        let copy = self.beside(in_memory);
        let from = format!("{}/.", self.folder().display());
        output(Command::new("cp").args(["-a", "--", &from]).arg(copy.folder()));
        copy
    }
}
