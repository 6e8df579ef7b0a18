//! Files as block devices: what the kernel does not mount as a file, since it lies in memory or on an overlay, it mounts as
//! a device.
#![allow(unsafe_code, reason = "loop devices have no safe wrapper: two ioctls of <linux/loop.h>")]

use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::io;

use linux_raw_sys::loop_device::{
    LO_FLAGS_AUTOCLEAR, LO_FLAGS_READ_ONLY, LOOP_CONFIGURE, LOOP_CTL_GET_FREE, loop_config,
};
use rustix::fd::AsRawFd;
use rustix::io::Errno;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, Setter, ioctl};

use super::MountError;

/// How often another process may take the device that was free a moment ago.
const TRIES: usize = 64;

/// A file as a block device that is only read; it goes with the last that has it open, a mount among them.
#[derive(Debug)]
pub struct LoopDevice(File);

impl LoopDevice {
    /// Makes one of an open file. What is behind its last whole sector of 512 bytes is not in it.
    ///
    /// # Errors
    /// [`MountError::NotPermitted`], [`MountError::Loop`].
    pub fn new(file: &File) -> Result<Self, MountError> {
        Self::attach(file).map(Self).map_err(|source| match source.kind() {
            io::ErrorKind::PermissionDenied => MountError::NotPermitted,
            _ => MountError::Loop { source },
        })
    }

    /// To be mounted.
    #[must_use]
    pub const fn file(&self) -> &File {
        &self.0
    }

    fn attach(file: &File) -> io::Result<File> {
        let control = OpenOptions::new().read(true).write(true).open("/dev/loop-control")?;
        for _ in 0..TRIES {
            // SAFETY: LOOP_CTL_GET_FREE has no argument and touches no memory of ours; its result is a number.
            let number = unsafe { ioctl(&control, GetFree) }?;
            let device = File::open(format!("/dev/loop{number}"))?;
            match configure(&device, file) {
                Err(Errno::BUSY) => {}
                done => return done.map(|()| device).map_err(io::Error::from),
            }
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }
}

fn configure(device: &File, file: &File) -> rustix::io::Result<()> {
    // SAFETY: a structure of numbers, of which every pattern of bits is one.
    let mut config: loop_config = unsafe { std::mem::zeroed() };
    config.fd = u32::try_from(file.as_raw_fd()).map_err(|_| Errno::BADF)?;
    config.block_size = 512;
    config.info.lo_flags = LO_FLAGS_READ_ONLY as u32 | LO_FLAGS_AUTOCLEAR as u32;
    // SAFETY: LOOP_CONFIGURE (Linux 5.8) reads one `struct loop_config`, and keeps no pointer to it.
    unsafe { ioctl(device, Setter::<{ LOOP_CONFIGURE as Opcode }, loop_config>::new(config)) }
}

/// `LOOP_CTL_GET_FREE`: the number of a loop device that nobody uses.
struct GetFree;

// SAFETY: it takes no argument, and gives its result as what the call returns.
unsafe impl Ioctl for GetFree {
    type Output = u32;

    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        LOOP_CTL_GET_FREE as Opcode
    }

    fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::null_mut()
    }

    unsafe fn output_from_ptr(out: IoctlOutput, _: *mut c_void) -> rustix::io::Result<u32> {
        u32::try_from(out).map_err(|_| Errno::RANGE)
    }
}
