//! An archive into a file: every member at its place, many at once.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ply_archive::Source;
use ply_image::BlobSource;

use super::Saving;
use crate::transfer::{Expected, Job, Origin, Out, Walk};
use crate::{Engine, Error};

pub(super) fn write(engine: &Engine<'_>, saving: &Saving, path: &Path) -> Result<(), Error> {
    let stream = |out: &mut (dyn Write + Send)| engine.write_stream(saving, out);
    into_file(engine, path, stream, |beside| {
        if saving.compress.is_some() {
            let written = engine.write_stream(saving, &mut BufWriter::new(&*beside.file));
            return written.map_err(|e| at_file(path, e));
        }
        write_at_places(engine, saving, &beside.file).map_err(|e| at_file(path, e))
    })
}

/// Writes what `at_places` writes into a file beside and renames it, or through a FIFO what `stream` does.
pub(crate) fn into_file(
    engine: &Engine<'_>,
    path: &Path,
    stream: impl FnOnce(&mut (dyn Write + Send)) -> Result<(), Error>,
    at_places: impl FnOnce(&Beside) -> Result<(), Error>,
) -> Result<(), Error> {
    let place = || path.display().to_string();
    match fs::metadata(path) {
        Ok(found) if found.file_type().is_fifo() => {
            let file = open_fifo(engine, path)?;
            return stream(&mut &file);
        }
        Ok(found) if found.is_dir() => return Err(Error::Misuse(format!("{} is a folder", place()))),
        Ok(found) if !found.is_file() => {
            return Err(Error::Misuse(format!("{} is neither a file nor a FIFO", place())));
        }
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(Error::within(place())(e)),
    }
    // A link to a file stays a link: its target is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if let (Some(folder), Some(name)) = (path.parent(), path.file_name()) {
        sweep(folder, &name.to_string_lossy());
    }
    // Images hold secrets: for the owner alone, as Docker has it.
    let beside = Beside::create(&path, 0o600)?;
    at_places(&beside)?;
    beside.rename(&path)
}

/// Opens a FIFO once somebody reads it, unless somebody says stop first.
fn open_fifo(engine: &Engine<'_>, path: &Path) -> Result<File, Error> {
    use rustix::fs::{Mode, OFlags, fcntl_setfl, open};
    use rustix::io::Errno;
    let failed = |e: Errno| Error::within(path.display().to_string())(io::Error::from(e));
    loop {
        match open(path, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) {
            Ok(file) => {
                fcntl_setfl(&file, OFlags::empty()).map_err(failed)?;
                return Ok(File::from(file));
            }
            // Nobody reads it yet (fifo(7)).
            Err(Errno::NXIO | Errno::INTR) => {}
            Err(e) => return Err(failed(e)),
        }
        if engine.watch.advance(0, 0).is_break() {
            return Err(Error::Interrupted);
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn at_file(path: &Path, error: Error) -> Error {
    match error {
        Error::Within { place, source } => {
            Error::Within { place: format!("{}: {place}", path.display()), source }
        }
        other => other,
    }
}

fn write_at_places(engine: &Engine<'_>, saving: &Saving, file: &Arc<File>) -> Result<(), Error> {
    let plan = &saving.plan;
    let failed = || Error::within("writing");
    preallocate(file, plan.total).map_err(failed())?;
    let sources = saving.sources(engine);
    let mut jobs = Vec::new();
    for entry in &plan.entries {
        file.write_all_at(&entry.header, entry.offset).map_err(failed())?;
        let out = || Some(Out::new(Arc::clone(file), entry.data_offset()));
        let (digest, diff_id) = match &entry.source {
            Source::Bytes(bytes) => {
                file.write_all_at(bytes, entry.data_offset()).map_err(failed())?;
                continue;
            }
            Source::Blob(digest) => (*digest, None),
            Source::Plain(digest, diff_id) => (*digest, Some(*diff_id)),
        };
        let size = sources.size(&digest)?;
        if diff_id.is_none() && size != entry.len {
            return Err(super::stream::wrong_size(&digest, size, entry.len));
        }
        jobs.push(Job {
            what: format!("blob {digest}"),
            label: diff_id.map_or(digest, |id| id.0).short(),
            from: Origin::Blob(&sources, digest, size),
            expected: Expected { digest: Some(digest), diff_id },
            stored: if diff_id.is_none() { out() } else { None },
            plain: if diff_id.is_some() { out() } else { None },
            walk: diff_id.map(|_| Walk::default()),
        });
    }
    let lens: Vec<u64> =
        plan.entries.iter().filter(|e| !matches!(e.source, Source::Bytes(_))).map(|e| e.len).collect();
    for (moved, len) in engine.transfer(jobs)?.into_iter().zip(lens) {
        // A plain tar of another length would have run over its neighbours, or left a gap.
        if moved.facts.plain != len {
            return Err(super::stream::wrong_size(&moved.diff_id.0, moved.facts.plain, len));
        }
    }
    Ok(())
}

/// Takes the space at once, zeroed: padding and the end are there already.
pub(crate) fn preallocate(file: &File, len: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    match fallocate(file, FallocateFlags::empty(), 0, len) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => file.set_len(len),
        other => Ok(other?),
    }
}

/// A file beside the one that is to be replaced; gone if it is not renamed.
pub(crate) struct Beside {
    path: PathBuf,
    file: Arc<File>,
    done: bool,
}

impl Beside {
    pub(super) fn create(path: &Path, mode: u32) -> Result<Self, Error> {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        for attempt in 0..100 {
            let beside = path.with_file_name(format!(".{name}.{}-{attempt}.part", std::process::id()));
            let mut options = OpenOptions::new();
            match options.read(true).write(true).create_new(true).mode(mode).open(&beside) {
                // Somebody who sweeps may have been quicker than our lock.
                Ok(file) if try_lock(&file) == Some(false) || !beside.exists() => {}
                Ok(file) => return Ok(Self { path: beside, file: Arc::new(file), done: false }),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Error::within(path.display().to_string())(e)),
            }
        }
        Err(Error::Misuse(format!("no free name beside {}", path.display())))
    }

    pub(crate) const fn file(&self) -> &Arc<File> {
        &self.file
    }

    fn rename(self, path: &Path) -> Result<(), Error> {
        self.replace(path)?;
        sync_folder(path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))
    }

    /// Takes the name of a file; whoever does so with several makes the folder durable after the last.
    pub(super) fn replace(mut self, path: &Path) -> Result<(), Error> {
        let failed = || Error::within(path.display().to_string());
        // What is replaced keeps the permissions somebody gave it.
        if let Ok(old) = fs::metadata(path) {
            self.file.set_permissions(old.permissions()).map_err(failed())?;
        }
        self.file.sync_all().map_err(failed())?;
        fs::rename(&self.path, path).map_err(failed())?;
        self.done = true;
        Ok(())
    }
}

/// Takes away what was written beside files whose names begin so, by those who were killed.
pub(super) fn sweep(folder: &Path, names: &str) {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let part = name.strip_prefix('.').and_then(|name| name.strip_prefix(names)?.strip_suffix(".part"));
        // As they are called above: `.NAME.PROCESS-NUMBER.part`.
        let is_ours = part.and_then(|part| part.rsplit_once('.')?.1.split_once('-')).is_some_and(
            |(process, number)| [process, number].iter().all(|digits| digits.parse::<u32>().is_ok()),
        );
        if is_ours && File::open(entry.path()).is_ok_and(|file| try_lock(&file) == Some(true)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Locks a file that is written beside another, which says that somebody is at it still. Whether that could be done; `None`
/// where files cannot be locked.
fn try_lock(file: &File) -> Option<bool> {
    use rustix::fs::{FlockOperation, flock};
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Some(true),
        Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => Some(false),
        Err(_) => None,
    }
}

/// Makes new names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(Error::within(folder.display().to_string()))
}

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.done {
            let _ = fs::remove_file(&self.path);
        }
    }
}
