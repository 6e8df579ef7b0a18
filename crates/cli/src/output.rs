//! Results go to stdout, whole, and a reader who has seen enough is no error.

use std::io::{self, ErrorKind, IsTerminal, Write};

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::escape;
use crate::report::Failure;

/// Prints text to stdout. A terminal gets nothing that it would obey: templates and JSON hold what images say.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let text = if out.is_terminal() { escape::text(text, escape::Lines::Keep) } else { text.into() };
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Err(Failure::Closed),
        Err(e) => Err(Failure::Message(format!("cannot write to stdout: {e}"))),
        Ok(()) => Ok(()),
    }
}

/// Prints text that need not be UTF-8 to stdout: as it is, or to a terminal with nothing that it would obey.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    if !out.is_terminal() {
        return written(out.write_all(bytes).and_then(|()| out.flush()));
    }
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    drop(out);
    print(&text)
}

/// Prints a line to stdout.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    print(&format!("{text}\n"))
}

/// Prints JSON as Docker does: indented by four.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let mut text = Vec::new();
    let formatter = PrettyFormatter::with_indent(b"    ");
    value
        .serialize(&mut Serializer::with_formatter(&mut text, formatter))
        .map_err(|e| Failure::Message(format!("cannot write JSON: {e}")))?;
    text.push(b'\n');
    print(&String::from_utf8_lossy(&text))
}

/// Prints JSON on one line.
pub(crate) fn json_line(value: &impl Serialize) -> Result<(), Failure> {
    let text =
        serde_json::to_string(value).map_err(|e| Failure::Message(format!("cannot write JSON: {e}")))?;
    line(&text)
}

/// Lines of bytes, printed while they come: raw into a pipe; a terminal gets nothing that it would obey.
pub(crate) struct Lines {
    out: io::BufWriter<Stdout>,
    terminal: bool,
    end: u8,
}

impl Lines {
    /// Lines that end with a newline, or with a zero byte.
    pub(crate) fn new(null: bool) -> Self {
        let out = io::BufWriter::with_capacity(64 << 10, Stdout);
        Self { out, terminal: io::stdout().is_terminal(), end: if null { 0 } else { b'\n' } }
    }

    /// A line: our words, a path from the root, our words, and what a file says.
    pub(crate) fn line(&mut self, before: &str, path: &[u8], after: &str, text: &[u8]) -> io::Result<()> {
        self.out.write_all(before.as_bytes())?;
        self.out.write_all(b"/")?;
        self.escaped(path, escape::Lines::Escape)?;
        self.out.write_all(after.as_bytes())?;
        self.escaped(text, escape::Lines::Keep)?;
        self.out.write_all(&[self.end])
    }

    fn escaped(&mut self, bytes: &[u8], lines: escape::Lines) -> io::Result<()> {
        match self.terminal {
            true => self.out.write_all(escape::bytes(bytes, lines).as_bytes()),
            false => self.out.write_all(bytes),
        }
    }

    /// Writes what is left.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// What could not be printed, as an operation hands it through.
pub(crate) fn failed(error: io::Error) -> plywood::Error {
    plywood::Error::Within { place: "cannot write to stdout".to_owned(), source: Box::new(error) }
}

/// Stdout without the standard library's buffer, which would look for line ends in every block.
pub(crate) struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(io::stdout(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
