//! Stdin, and files like it that make one wait: Ctrl-C ends the wait.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::context::Context;

/// Whether a path is one at which bytes may be long in coming.
pub(crate) fn is_fifo(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
}

/// Reads what may be long in coming, without a buffer: blocks go straight from the pipe to where they are used.
pub(crate) struct Patient<'a, F> {
    file: F,
    context: &'a Context,
}

impl<'a> Patient<'a, io::Stdin> {
    pub(crate) fn stdin(context: &'a Context) -> Self {
        Self { file: io::stdin(), context }
    }
}

impl<'a> Patient<'a, File> {
    /// Opens a FIFO without waiting for who writes into it.
    pub(crate) fn fifo(path: &Path, context: &'a Context) -> io::Result<Self> {
        use rustix::fs::{Mode, OFlags, fcntl_setfl, open};
        let file = open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
        fcntl_setfl(&file, OFlags::empty())?;
        Ok(Self { file: File::from(file), context })
    }
}

impl<F: AsFd> Read for Patient<'_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let now_and_then = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
        loop {
            if self.context.interrupted() {
                return Err(io::Error::other("stopped"));
            }
            let mut waiting = [PollFd::new(&self.file, PollFlags::IN)];
            match poll(&mut waiting, Some(&now_and_then)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(rustix::io::read(&self.file, &mut *buffer)?),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl<F: AsFd> Patient<'_, F> {
    /// The next line, its end included; empty at the end.
    pub(crate) fn line(&mut self) -> io::Result<String> {
        let (mut line, mut byte) = (Vec::new(), [0]);
        while self.read(&mut byte)? > 0 {
            line.extend(byte);
            if byte == *b"\n" {
                break;
            }
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }
}
