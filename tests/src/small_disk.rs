//! A disk of a size that can be chosen, to be filled.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::Command;

use crate::mount::Mounted;
use crate::output;

/// A filesystem in memory over a folder, gone with everything in it when this is dropped, however a test ends.
#[derive(Debug)]
pub struct SmallDisk {
    mounted: Mounted,
}

impl SmallDisk {
    /// What space is given out in.
    pub const PAGE: u64 = 4096;

    /// Mounts one over a folder, which is made where it is not there; with plenty of room. Takes root.
    pub fn over(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let mounted = Mounted::over(folder);
        let options = ["-t", "tmpfs", "-o", "size=64m,mode=755", "ply-test"];
        output(Command::new("mount").args(options).arg(folder));
        Self { mounted }
    }

    /// Leaves so many bytes free, in whole pages.
    pub fn leave(&self, free: u64) {
        let size = self.used() + free.next_multiple_of(Self::PAGE);
        // No size would be no limit.
        self.remount(&format!("size={}", size.max(Self::PAGE)));
    }

    /// Gives plenty of room.
    pub fn widen(&self) {
        self.remount("size=64m");
    }

    /// Lets nobody write, or everybody who may.
    pub fn read_only(&self, only: bool) {
        self.remount(if only { "ro" } else { "rw" });
    }

    /// Bytes that are taken.
    pub fn used(&self) -> u64 {
        let found = rustix::fs::statvfs(self.mounted.path()).unwrap();
        (found.f_blocks - found.f_bfree) * found.f_frsize
    }

    /// Takes all the space that is left, in a file of that folder that grows each time.
    pub fn fill(&self, name: &str) {
        let path = self.mounted.path().join(name);
        let file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        let free = || rustix::fs::statvfs(self.mounted.path()).map(|found| found.f_bfree * found.f_frsize);
        let (len, left) = (file.metadata().unwrap().len(), free().unwrap());
        if left > 0 {
            rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), len, left).unwrap();
        }
        assert_eq!(free(), Ok(0));
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        output(Command::new("mount").args(["-o", &options]).arg(self.mounted.path()));
    }
}
