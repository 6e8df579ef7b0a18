//! Images into a folder: an OCI layout, new or one that is there. Blobs come first, each whole or not at all, and last the
//! index that lists them.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;

use ply_archive::Source;
use ply_image::{Descriptor, Document, Index, annotation};

use super::file::{Beside, preallocate, sweep, sync_folder};
use super::{Saving, stream};
use crate::watch::TaskProgress;
use crate::{Engine, Error};

pub(super) fn write(
    engine: &Engine<'_>,
    saving: &Saving,
    folder: &Path,
    name: Option<&str>,
) -> Result<(), Error> {
    let at = |path: &Path| path.display().to_string();
    let before = listed(folder)?;
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(Error::within(at(&blobs)))?;
    sweep(&blobs, "");
    sweep(folder, "");
    let progress = TaskProgress::alone(engine.watch, "layout", Some(saving.plan.total));
    let mut index = None;
    for entry in saving.plan.entries.iter().filter(|entry| !entry.path.ends_with('/')) {
        match &entry.source {
            Source::Bytes(bytes) if entry.path == "index.json" => index = Some(bytes.clone()),
            _ => {
                let path = folder.join(&entry.path);
                let is_there = fs::metadata(&path).is_ok_and(|found| found.len() == entry.len);
                if !is_there {
                    let write = |file: &mut (dyn Write + Send)| {
                        stream::write_content(&saving.sources(engine), entry, file, &progress)
                    };
                    put(&path, entry.len, write)?;
                }
            }
        }
    }
    sync_folder(&blobs)?;
    sync_folder(&folder.join("blobs"))?;
    let new = Document::<Index>::parse(index.unwrap_or_default())?.value;
    let index = merged(before, new, name);
    let raw = serde_json::to_vec(&index).map_err(Error::within("writing index.json"))?;
    let path = folder.join("index.json");
    put(&path, raw.len() as u64, |file| file.write_all(&raw).map_err(Error::within(at(&path))))?;
    sync_folder(folder)?;
    // It may be new.
    let whole = fs::canonicalize(folder).map_err(Error::within(at(folder)))?;
    whole.parent().map_or(Ok(()), sync_folder)
}

/// What the folder lists already.
fn listed(folder: &Path) -> Result<Index, Error> {
    let path = folder.join("index.json");
    match fs::read(&path) {
        Ok(raw) => {
            Ok(Document::<Index>::parse(raw).map_err(Error::within(path.display().to_string()))?.value)
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            // What there is may be of a save that was killed before it wrote the index.
            let ours = |name: &str| ["blobs", "oci-layout"].contains(&name) || name.ends_with(".part");
            let is_ours = fs::read_dir(folder).map_or(true, |entries| {
                entries.flatten().all(|entry| entry.file_name().to_str().is_some_and(ours))
            });
            if is_ours {
                return Ok(Index::new(Vec::new()));
            }
            Err(Error::Misuse(format!("{} is a folder with something else in it", folder.display())))
        }
        Err(e) => Err(Error::within(path.display().to_string())(e)),
    }
}

/// What was listed, and what is new; a name that is given again means the new one.
fn merged(mut before: Index, new: Index, name: Option<&str>) -> Index {
    let entries = new.manifests.into_iter().map(|mut entry| {
        if let Some(name) = name {
            entry.annotations.remove(annotation::CONTAINERD_NAME);
            entry.annotations.insert(annotation::REF_NAME.to_owned(), name.to_owned());
        }
        entry
    });
    for entry in entries {
        let is_replaced = |old: &Descriptor| match entry.name() {
            Some(name) => old.name() == Some(name),
            None => old.name().is_none() && old.digest == entry.digest,
        };
        before.manifests.retain(|old| !is_replaced(old));
        before.manifests.push(entry);
    }
    before
}

/// Writes a file of so many bytes beside, makes it durable, and renames it.
fn put(
    path: &Path,
    len: u64,
    write: impl FnOnce(&mut (dyn Write + Send)) -> Result<(), Error>,
) -> Result<(), Error> {
    let failed = || Error::within(format!("writing {}", path.display()));
    let beside = Beside::create(path, 0o666)?;
    preallocate(beside.file(), len).map_err(failed())?;
    let mut buffered = BufWriter::new(&**beside.file());
    write(&mut buffered)?;
    buffered.into_inner().map_err(|e| failed()(e.into_error()))?;
    beside.replace(path)
}
