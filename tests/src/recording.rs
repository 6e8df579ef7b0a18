//! What a command does to files, system call by system call, as `strace` tells it.

mod line;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;

use line::{Call, calls};

/// System calls that change files, make changes last, or open files to be changed. What is no change of the files' bytes
/// and names (modes, owners, times, attributes) is here too: a process may die there as well.
pub const CHANGING: &[&str] = &[
    "open",
    "openat",
    "mkdir",
    "write",
    "pwrite64",
    "ftruncate",
    "fallocate",
    "rename",
    "renameat2",
    "symlink",
    "symlinkat",
    "unlink",
    "unlinkat",
    "rmdir",
    "chmod",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "chown",
    "lchown",
    "fchown",
    "fchownat",
    "utimensat",
    "setxattr",
    "lsetxattr",
    "fsetxattr",
    "removexattr",
    "lremovexattr",
    "fremovexattr",
    "mkdirat",
    "mknodat",
    "linkat",
    "fsync",
    "fdatasync",
];

/// System calls that change nothing. One that is on neither list is not known, and a test says so.
pub const HARMLESS: &[&str] = &[
    "access",
    "arch_prctl",
    "bind",
    "brk",
    "clone3",
    "close",
    "connect",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "eventfd2",
    "execve",
    "exit",
    "exit_group",
    "fadvise64",
    "fcntl",
    "fgetxattr",
    "flistxattr",
    "flock",
    "fstat",
    "fstatfs",
    "futex",
    "getcwd",
    "getdents64",
    "getegid",
    "geteuid",
    "getgid",
    "getpeername",
    "getpid",
    "getrandom",
    "getsockname",
    "getsockopt",
    "gettid",
    "getuid",
    "getxattr",
    "ioctl",
    "lgetxattr",
    "listxattr",
    "llistxattr",
    "lseek",
    "lstat",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "newfstatat",
    "poll",
    "prctl",
    "pread64",
    "prlimit64",
    "read",
    "readlink",
    "readlinkat",
    "recvfrom",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_getaffinity",
    "sched_yield",
    "sendto",
    "set_robust_list",
    "set_tid_address",
    "setsockopt",
    "shutdown",
    "sigaltstack",
    "socket",
    "socketpair",
    "stat",
    "statfs",
    "statx",
    "umask",
    "uname",
    "openat2",
    "clock_nanosleep",
    "recvmsg",
    "sendmsg",
    "sendmmsg",
    "readv",
    "preadv",
    "preadv2",
    "sysinfo",
    "restart_syscall",
    "pipe2",
    "ppoll",
];

/// One change of files. Paths are relative to the folder that was watched; `""` is that folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A folder is made.
    Folder(String),
    /// A file is made, unless it is there.
    File(String),
    /// A symbolic link is made, to the second.
    Link(String, String),
    /// Bytes are written at an offset.
    Write(String, u64, Vec<u8>),
    /// A file gets another size.
    Resize(String, u64),
    /// A file becomes at least so large.
    Grow(String, u64),
    /// The first gets the name of the second.
    Rename(String, String),
    /// A name goes: of a file, a link, an empty folder.
    Remove(String),
    /// A file or folder is made durable.
    Sync(String),
}

/// What a command did, in the order in which its calls ended.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// The changes.
    pub steps: Vec<Step>,
    /// The names of all system calls.
    pub calls: BTreeSet<String>,
    /// Of each of the [`CHANGING`] calls that changed something: which of its calls did so first and last, counted from 1 in
    /// the thread that made it. A sync is none of them, since a process that dies shows nothing of it.
    pub changing: BTreeMap<String, (usize, usize)>,
    /// Whether no two threads made the same of these calls.
    pub by_one_thread: bool,
}

impl Recording {
    /// Runs a command in a folder, which must succeed, and tells what it changed below that.
    pub fn of(command: &Command, watched: &Path) -> Self {
        let trace = tempfile::NamedTempFile::new().unwrap();
        let mut strace = crate::strace_into(trace.path(), command, &["-y", "-xx", "-s", "1000000000"]);
        let ran: crate::Ran = strace.output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{command:?}: {}", ran.stderr);
        let watched = watched.canonicalize().unwrap();
        let mut reader = Reader {
            watched: &watched,
            at: HashMap::new(),
            recording: Self { by_one_thread: true, ..Self::default() },
        };
        let mut counts: HashMap<(u64, String), usize> = HashMap::new();
        let mut threads: HashMap<String, u64> = HashMap::new();
        for call in calls(&std::fs::read_to_string(trace.path()).unwrap()) {
            reader.recording.calls.insert(call.name.clone());
            let count = counts.entry((call.thread, call.name.clone())).or_default();
            *count += 1;
            let before = reader.recording.steps.len();
            reader.read(&call);
            if reader.recording.steps[before..].iter().all(|step| matches!(step, Step::Sync(_))) {
                continue;
            }
            assert!(CHANGING.contains(&call.name.as_str()), "{} is not known to change files", call.name);
            reader.recording.changing.entry(call.name.clone()).or_insert((*count, 0)).1 = *count;
            let thread = *threads.entry(call.name.clone()).or_insert(call.thread);
            reader.recording.by_one_thread &= thread == call.thread;
        }
        reader.recording
    }

    /// Where the syncs stand among the steps.
    pub fn syncs(&self) -> Vec<usize> {
        (0..self.steps.len()).filter(|&at| matches!(self.steps[at], Step::Sync(_))).collect()
    }
}

struct Reader<'a> {
    watched: &'a Path,
    /// How far each open file was written.
    at: HashMap<u64, u64>,
    recording: Recording,
}

impl Reader<'_> {
    fn read(&mut self, call: &Call) {
        let Some(result) = call.result else { return };
        match call.name.as_str() {
            "open" => self.open(&call.path(0), &call.args[1], result),
            "openat" => self.open(&call.path_at(0), &call.args[2], result),
            "mkdir" => self.step(&call.path(0), Step::Folder),
            "mkdirat" => self.step(&call.path_at(0), Step::Folder),
            "symlink" => self.step(&call.path(1), |path| Step::Link(path, call.text(0))),
            "symlinkat" => self.step(&call.path_at(1), |path| Step::Link(path, call.text(0))),
            "write" => {
                let at = self.at.entry(call.number(0)).or_insert(0);
                let offset = std::mem::replace(at, *at + result);
                self.write(call, offset, result);
            }
            "pwrite64" => self.write(call, call.number(3), result),
            "lseek" => {
                self.at.insert(call.number(0), result);
            }
            "ftruncate" => self.step(&call.opened(0), |path| Step::Resize(path, call.number(1))),
            "fallocate" => {
                assert_eq!(call.args[1], "0", "an allocation that is not known: {call:?}");
                self.step(&call.opened(0), |path| Step::Grow(path, call.number(2) + call.number(3)));
            }
            "rename" => self.rename(&call.path(0), &call.path(1)),
            "renameat2" | "renameat" => self.rename(&call.path_at(0), &call.path_at(2)),
            "unlink" | "rmdir" => self.step(&call.path(0), Step::Remove),
            "unlinkat" => self.step(&call.path_at(0), Step::Remove),
            "fsync" | "fdatasync" => self.step(&call.opened(0), Step::Sync),
            "mmap" => {
                let writes = call.args[2].contains("PROT_WRITE") && call.args[3].contains("MAP_SHARED");
                assert!(!writes || call.args[4] == "-1", "written through memory: {call:?}");
            }
            "ioctl" => assert!(!call.args[1].contains("CLONE"), "a copy that is not known: {call:?}"),
            "mknodat" | "linkat" => panic!("a change that is not known: {call:?}"),
            _ => {}
        }
    }

    fn open(&mut self, path: &Path, flags: &str, fd: u64) {
        self.at.insert(fd, 0);
        assert!(!flags.contains("O_TMPFILE") && !flags.contains("O_APPEND"), "{flags} are not known");
        if flags.contains("O_CREAT") {
            self.step(path, Step::File);
        }
        if flags.contains("O_TRUNC") {
            self.step(path, |path| Step::Resize(path, 0));
        }
    }

    fn write(&mut self, call: &Call, offset: u64, written: u64) {
        self.step(&call.opened(0), |path| {
            let mut bytes = call.bytes(1);
            bytes.truncate(usize::try_from(written).unwrap());
            Step::Write(path, offset, bytes)
        });
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        match (self.inside(from), self.inside(to)) {
            (Some(from), Some(to)) => self.recording.steps.push(Step::Rename(from, to)),
            (None, None) => {}
            _ => panic!("{} was renamed to {}", from.display(), to.display()),
        }
    }

    fn step(&mut self, path: &Path, step: impl FnOnce(String) -> Step) {
        if let Some(path) = self.inside(path) {
            self.recording.steps.push(step(path));
        }
    }

    fn inside(&self, path: &Path) -> Option<String> {
        // A command is run in the folder that is watched.
        let path = self.watched.join(path);
        let inside: PathBuf = path.strip_prefix(self.watched).ok()?.components().collect();
        Some(inside.into_os_string().into_string().unwrap())
    }
}
