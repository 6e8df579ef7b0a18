use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// How many symbolic links are followed, as the kernel has it.
const LINKS: usize = 40;

/// Where a file really lies, whether it is there or not: what replaces it must not replace a symbolic link to it.
pub(super) fn target(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let Ok(next) = fs::read_link(&path) else { return Ok(path) };
        path = folder_of(&path).join(next);
    }
    Err(io::Error::from(rustix::io::Errno::LOOP))
}

/// The folder of a file, made where there is none, and locked where that works, so that of two who change the file
/// neither loses what the other wrote.
pub(super) fn hold(target: &Path) -> io::Result<File> {
    let folder = folder_of(target);
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let folder = File::open(folder)?;
    // Some network file systems have no locks; Docker does without.
    let _ = flock(&folder, FlockOperation::LockExclusive);
    Ok(folder)
}

/// Writes a file beside its place and renames it there, with owner and mode of the one it replaces; a new one is
/// its owner's alone.
pub(super) fn replace(target: &Path, folder: &File, content: &[u8]) -> io::Result<()> {
    let mut beside = tempfile::Builder::new().prefix(".config.json.").tempfile_in(folder_of(target))?;
    beside.write_all(content)?;
    match fs::metadata(target) {
        Ok(old) => {
            let new = beside.as_file().metadata()?;
            if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
                // Only root can do that always; then the file becomes ours.
                let _ = fchown(beside.as_file(), Some(old.uid()), Some(old.gid()));
            }
            beside.as_file().set_permissions(old.permissions())?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    beside.as_file().sync_all()?;
    beside.persist(target).map_err(|error| error.error)?;
    folder.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn write(path: &Path, content: &[u8]) -> io::Result<()> {
        let target = target(path)?;
        replace(&target, &hold(&target)?, content)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_file_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/config.json");
        write(&path, b"{}").unwrap();
        assert_eq!((mode(&folder.path().join("a/b")), mode(&path)), (0o700, 0o600));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside");
    }

    #[test]
    fn an_old_file_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        fs::write(&path, "old").unwrap();
        for expect in [0o644, 0o640, 0o600] {
            fs::set_permissions(&path, fs::Permissions::from_mode(expect)).unwrap();
            write(&path, b"new").unwrap();
            assert_eq!(mode(&path), expect);
        }
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn links_are_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("real")).unwrap();
        fs::write(at("real/config.json"), "old").unwrap();
        symlink("real/config.json", at("relative")).unwrap();
        symlink(at("relative"), at("absolute")).unwrap();
        symlink("elsewhere/config.json", at("dangling")).unwrap();
        for (link, place) in [
            ("relative", "real/config.json"),
            ("absolute", "real/config.json"),
            ("dangling", "elsewhere/config.json"),
        ] {
            write(&at(link), link.as_bytes()).unwrap();
            assert!(at(link).is_symlink());
            assert_eq!(fs::read(at(place)).unwrap(), link.as_bytes());
        }
        symlink("loop", at("loop")).unwrap();
        assert!(write(&at("loop"), b"").is_err());
    }
}
