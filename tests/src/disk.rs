//! A model of a disk that may lose its power: what it holds now, and what it has promised to keep.
//!
//! `fsync` and `fdatasync` of a file make its bytes and its size last, `fsync` of a folder its entries as they are. Nothing
//! else does, and nothing else comes in any order: until then each page of a file, its size and each entry of a
//! folder may have reached the disk or not, whatever the others did. So a file may have its size and not its bytes, a
//! rename may have taken place at one end and not at the other, and a name may stand for a file that is empty. What no
//! file system makes is left out: a page holds what it held, zeros, what was written, the first part of that, or noise if it was never
//! made durable; and what is durable stays. Modes, owners, times and attributes are not looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::{Dice, Step};

const PAGE: usize = 4096;
const ROOT: usize = 0;

/// Folders and files, as they are and as they are durable.
#[derive(Debug, Clone)]
pub struct Disk {
    inodes: Vec<Inode>,
    /// Mode and time of what lay there before: a container's layer is made of them.
    marks: BTreeMap<usize, (Permissions, SystemTime)>,
}

#[derive(Debug, Clone)]
enum Inode {
    File(File),
    Folder(BTreeMap<String, Name>),
    Link(String),
}

#[derive(Debug, Clone, Default)]
struct File {
    durable: Vec<u8>,
    now: Vec<u8>,
    /// Pages that were written since they were durable.
    dirty: BTreeSet<usize>,
    /// Sizes that it had since.
    sizes: Vec<usize>,
}

/// What a name stands for: durably, and one after the other since.
#[derive(Debug, Clone, Default)]
struct Name {
    durable: Option<usize>,
    since: Vec<Option<usize>>,
}

impl Name {
    fn now(&self) -> Option<usize> {
        self.since.last().copied().unwrap_or(self.durable)
    }
}

/// How much is lost of what was not made durable.
#[derive(Debug)]
pub enum Loss<'a> {
    /// Nothing: the process died, and the power stayed.
    Nothing,
    /// All of it.
    Everything,
    /// The bytes of files; names are as they were last.
    Bytes,
    /// The names; all bytes are there.
    Names,
    /// Of one file or folder alone: all of it, or one name.
    Only(usize, Option<String>),
    /// What the dice say.
    Chance(&'a mut Dice),
}

impl Disk {
    /// A disk on which a folder lies durably.
    pub fn of(folder: &Path) -> Self {
        let mut disk = Self { inodes: vec![Inode::Folder(BTreeMap::new())], marks: BTreeMap::new() };
        disk.take(folder, ROOT);
        disk
    }

    fn take(&mut self, folder: &Path, at: usize) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let (kind, path) = (entry.file_type().unwrap(), entry.path());
            let inode = if kind.is_dir() {
                Inode::Folder(BTreeMap::new())
            } else if kind.is_symlink() {
                Inode::Link(std::fs::read_link(&path).unwrap().into_os_string().into_string().unwrap())
            } else {
                let bytes = std::fs::read(&path).unwrap();
                Inode::File(File { durable: bytes.clone(), now: bytes, ..File::default() })
            };
            let new = self.add(inode);
            if !kind.is_symlink() {
                let found = entry.metadata().unwrap();
                self.marks.insert(new, (found.permissions(), found.modified().unwrap()));
            }
            let name = Name { durable: Some(new), since: Vec::new() };
            self.entries(at).insert(entry.file_name().into_string().unwrap(), name);
            if kind.is_dir() {
                self.take(&path, new);
            }
        }
    }

    /// Takes steps.
    pub fn apply(&mut self, steps: &[Step]) {
        steps.iter().for_each(|step| self.step(step));
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Folder(path) => self.make(path, Inode::Folder(BTreeMap::new())),
            Step::File(path) if self.find(path).is_some() => {}
            Step::File(path) => self.make(path, Inode::File(File::default())),
            Step::Link(path, to) => self.make(path, Inode::Link(to.clone())),
            Step::Write(path, offset, bytes) => {
                self.file(path).write(usize::try_from(*offset).unwrap(), bytes)
            }
            Step::Resize(path, size) => self.file(path).resize(usize::try_from(*size).unwrap()),
            Step::Grow(path, size) => {
                let (file, size) = (self.file(path), usize::try_from(*size).unwrap());
                if size > file.now.len() {
                    file.resize(size);
                }
            }
            Step::Rename(from, to) => {
                let inode = self.found(from);
                if self.find(to) != Some(inode) {
                    self.point(from, None);
                    self.point(to, Some(inode));
                }
            }
            Step::Remove(path) => self.point(path, None),
            Step::Sync(path) => {
                let inode = self.found(path);
                self.sync(inode);
            }
        }
    }

    fn sync(&mut self, inode: usize) {
        match &mut self.inodes[inode] {
            Inode::File(file) => {
                *file =
                    File { durable: file.now.clone(), now: std::mem::take(&mut file.now), ..File::default() }
            }
            Inode::Folder(entries) => {
                entries.values_mut().for_each(|name| *name = Name { durable: name.now(), since: Vec::new() });
            }
            Inode::Link(_) => {}
        }
    }

    /// What is on the disk when the power comes back. All of it is durable.
    pub fn crash(&self, mut loss: Loss<'_>) -> Self {
        // Chance that is the same for everything makes no states in which most is there or most is lost.
        let lost = match &mut loss {
            Loss::Chance(dice) => [*dice.one(&[5, 50, 95]), *dice.one(&[5, 50, 95])],
            _ => [0, 0],
        };
        let mut after = self.clone();
        for (at, inode) in after.inodes.iter_mut().enumerate() {
            match inode {
                Inode::File(file) => {
                    let kept = match &mut loss {
                        Loss::Nothing | Loss::Names => std::mem::take(&mut file.now),
                        Loss::Everything | Loss::Bytes => std::mem::take(&mut file.durable),
                        Loss::Only(only, _) if *only == at => std::mem::take(&mut file.durable),
                        Loss::Only(..) => std::mem::take(&mut file.now),
                        Loss::Chance(dice) => file.torn(dice, lost[0]),
                    };
                    *file = File { durable: kept.clone(), now: kept, ..File::default() };
                }
                Inode::Folder(entries) => {
                    for (called, name) in entries {
                        let kept = match &mut loss {
                            Loss::Nothing | Loss::Bytes => name.now(),
                            Loss::Everything | Loss::Names => name.durable,
                            Loss::Only(only, one)
                                if *only == at && one.as_ref().is_none_or(|one| one == called) =>
                            {
                                name.durable
                            }
                            Loss::Only(..) => name.now(),
                            Loss::Chance(dice) => name.torn(dice, lost[1]),
                        };
                        *name = Name { durable: kept, since: Vec::new() };
                    }
                }
                Inode::Link(_) => {}
            }
        }
        after
    }

    /// Writes what is there now into an empty folder.
    pub fn write(&self, folder: &Path) {
        self.write_folder(folder, ROOT, &mut BTreeMap::new());
    }

    fn write_folder(&self, folder: &Path, at: usize, written: &mut BTreeMap<usize, PathBuf>) {
        let Inode::Folder(entries) = &self.inodes[at] else { panic!("{} is no folder", folder.display()) };
        for (name, inode) in entries.iter().filter_map(|(name, is)| Some((name, is.now()?))) {
            let path = folder.join(name);
            match &self.inodes[inode] {
                Inode::Folder(_) => {
                    std::fs::create_dir(&path).unwrap();
                    self.write_folder(&path, inode, written);
                }
                Inode::Link(to) => std::os::unix::fs::symlink(to, &path).unwrap(),
                Inode::File(file) => match written.get(&inode) {
                    Some(same) => std::fs::hard_link(same, &path).unwrap(),
                    None => {
                        std::fs::write(&path, &file.now).unwrap();
                        written.insert(inode, path.clone());
                    }
                },
            }
            if let Some((mode, time)) = self.marks.get(&inode) {
                let file = std::fs::File::open(&path).unwrap();
                file.set_modified(*time).unwrap();
                file.set_permissions(mode.clone()).unwrap();
            }
        }
    }

    fn add(&mut self, inode: Inode) -> usize {
        self.inodes.push(inode);
        self.inodes.len() - 1
    }

    fn make(&mut self, path: &str, inode: Inode) {
        let new = self.add(inode);
        self.point(path, Some(new));
    }

    /// Lets a path stand for something else.
    fn point(&mut self, path: &str, to: Option<usize>) {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folder = self.found(folder);
        self.entries(folder).entry(name.to_owned()).or_default().since.push(to);
    }

    fn entries(&mut self, folder: usize) -> &mut BTreeMap<String, Name> {
        match &mut self.inodes[folder] {
            Inode::Folder(entries) => entries,
            other => panic!("no folder: {other:?}"),
        }
    }

    fn file(&mut self, path: &str) -> &mut File {
        let found = self.found(path);
        match &mut self.inodes[found] {
            Inode::File(file) => file,
            other => panic!("{path} is no file: {other:?}"),
        }
    }

    fn found(&self, path: &str) -> usize {
        self.find(path).unwrap_or_else(|| panic!("{path} is not there"))
    }

    /// The file or folder at a path, for [`Loss::Only`], and whether all of it is durable.
    pub fn at(&self, path: &str) -> (usize, bool) {
        let at = self.found(path);
        let durable = match &self.inodes[at] {
            Inode::File(file) => file.dirty.is_empty() && file.sizes.is_empty(),
            Inode::Folder(_) => self.pending(at).is_empty(),
            Inode::Link(_) => true,
        };
        (at, durable)
    }

    /// The names of a folder that are not durable as they are.
    pub fn pending(&self, folder: usize) -> Vec<String> {
        match &self.inodes[folder] {
            Inode::Folder(entries) => {
                let pending = entries.iter().filter(|(_, name)| !name.since.is_empty());
                pending.map(|(called, _)| called.clone()).collect()
            }
            _ => Vec::new(),
        }
    }

    fn find(&self, path: &str) -> Option<usize> {
        path.split('/').filter(|part| !part.is_empty()).try_fold(ROOT, |at, part| match &self.inodes[at] {
            Inode::Folder(entries) => entries.get(part)?.now(),
            _ => None,
        })
    }
}

impl Name {
    fn torn(&self, dice: &mut Dice, lost: usize) -> Option<usize> {
        if self.since.is_empty() || dice.percent(lost) {
            return self.durable;
        }
        // Mostly what it was last, at times what it was in between.
        if dice.percent(80) { self.now() } else { *dice.one(&self.since) }
    }
}

impl File {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if end > self.now.len() {
            self.resize(end);
        }
        self.now[offset..end].copy_from_slice(bytes);
        self.dirty.extend(offset / PAGE..end.div_ceil(PAGE));
    }

    fn resize(&mut self, size: usize) {
        let less = size.min(self.now.len());
        // What was cut off and grows again is zeros, which are a change too.
        self.dirty.extend(less / PAGE..size.max(self.now.len()).div_ceil(PAGE));
        self.now.resize(size, 0);
        self.sizes.push(size);
    }

    fn torn(&self, dice: &mut Dice, lost: usize) -> Vec<u8> {
        let size = if self.sizes.is_empty() || dice.percent(lost) {
            self.durable.len()
        } else if dice.percent(80) {
            self.now.len()
        } else {
            *dice.one(&self.sizes)
        };
        let mut torn = self.durable.clone();
        torn.resize(size, 0);
        for page in &self.dirty {
            let (start, end) = (page * PAGE, ((page + 1) * PAGE).min(size));
            if start >= end {
                continue;
            }
            let mut new = self.now.get(start..self.now.len().min(end)).unwrap_or_default().to_vec();
            new.resize(end - start, 0);
            match dice.below(100) {
                at if at < lost => match dice.below(4) {
                    0 => torn[start..end].fill(0),
                    1 if start >= self.durable.len() => torn[start..end].fill_with(|| dice.any() as u8),
                    _ => {}
                },
                _ if dice.percent(10) => {
                    let part = dice.below(new.len() + 1);
                    torn[start..start + part].copy_from_slice(&new[..part]);
                }
                _ => torn[start..end].copy_from_slice(&new),
            }
        }
        torn
    }
}
