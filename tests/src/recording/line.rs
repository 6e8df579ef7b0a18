//! Lines of `strace -f -y -xx`: `4711 pwrite64(6</folder/file>, "\x75", 1, 0) = 1`, every string as numbers.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// A system call that ended.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub thread: u64,
    pub name: String,
    pub args: Vec<String>,
    /// What it gave; none where it failed.
    pub result: Option<u64>,
}

/// The calls, in the order in which they ended.
pub(super) fn calls(trace: &str) -> impl Iterator<Item = Call> {
    let mut unfinished: HashMap<u64, String> = HashMap::new();
    trace.lines().filter_map(move |line| {
        let (thread, line) = line.split_once(' ')?;
        let thread: u64 = thread.parse().unwrap_or_else(|_| panic!("no number of a thread: {thread}"));
        let line = line.trim_start();
        if let Some(begun) = line.strip_suffix("<unfinished ...>") {
            unfinished.insert(thread, begun.to_owned());
            return None;
        }
        match line.strip_prefix("<... ") {
            Some(resumed) => {
                let (_, rest) = resumed.split_once(" resumed>").unwrap();
                let whole = unfinished.remove(&thread).unwrap() + rest;
                Call::parse(thread, &whole)
            }
            None => Call::parse(thread, line),
        }
    })
}

impl Call {
    /// None of a signal, and of the end of a process.
    fn parse(thread: u64, line: &str) -> Option<Self> {
        if line.starts_with(['-', '+']) {
            return None;
        }
        let (name, rest) = line.split_once('(')?;
        let (args, result) = rest.rsplit_once(" = ")?;
        let args = args.trim_end().strip_suffix(')').unwrap_or(args);
        let result = result.split([' ', '<']).next().unwrap_or_default();
        let result = match result.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None => result.parse().ok(),
        };
        let args = args.split(", ").map(|arg| arg.trim().to_owned()).collect();
        Some(Self { thread, name: name.to_owned(), args, result })
    }

    /// The number that an argument is or begins with.
    pub(super) fn number(&self, at: usize) -> u64 {
        let digits = self.args[at].split('<').next().unwrap();
        digits.parse().unwrap_or_else(|_| panic!("no number: {self:?}"))
    }

    /// The bytes of a string.
    pub(super) fn bytes(&self, at: usize) -> Vec<u8> {
        let text = self.args[at].strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        unescape(text.unwrap_or_else(|| panic!("no string, or not whole: {self:?}")))
    }

    pub(super) fn text(&self, at: usize) -> String {
        String::from_utf8(self.bytes(at)).unwrap()
    }

    pub(super) fn path(&self, at: usize) -> PathBuf {
        OsString::from_vec(self.bytes(at)).into()
    }

    /// The path of an open file: `6<PATH>`, followed by a word where its name is gone. What is no file is nowhere.
    pub(super) fn opened(&self, at: usize) -> PathBuf {
        let path = self.args[at].split_once('<').and_then(|(_, path)| path.split_once('>'));
        let path = unescape(path.unwrap_or_else(|| panic!("no open file: {self:?}")).0);
        Path::new("/").join(OsString::from_vec(path))
    }

    /// A path that is told relative to an open folder.
    pub(super) fn path_at(&self, at: usize) -> PathBuf {
        let path = self.path(at + 1);
        if path.is_absolute() { path } else { Path::new(&self.opened(at)).join(path) }
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or_else(|| panic!("no \\xNN: {text}")) as u8;
    text.as_bytes()
        .chunks(4)
        .map(|chunk| match chunk {
            [b'\\', b'x', high, low] => digit(*high) << 4 | digit(*low),
            _ => panic!("no \\xNN: {text}"),
        })
        .collect()
}
