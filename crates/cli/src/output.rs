//! Results go to stdout, whole, and a reader who has seen enough is no error.

use std::io::{self, ErrorKind, IsTerminal, Write};

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::escape::{self, Lines};
use crate::report::Failure;

/// Prints text to stdout. A terminal gets nothing that it would obey: templates and JSON hold what images say.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let text = if out.is_terminal() { escape::text(text, Lines::Keep) } else { text.into() };
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Err(Failure::Closed),
        Err(e) => Err(Failure::Message(format!("cannot write to stdout: {e}"))),
        Ok(()) => Ok(()),
    }
}

/// As [`print`], for text that need not be UTF-8.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    if io::stdout().is_terminal() {
        return print(&String::from_utf8_lossy(bytes));
    }
    match Stdout.write_all(bytes) {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Err(Failure::Closed),
        Err(e) => Err(Failure::Message(format!("cannot write to stdout: {e}"))),
        Ok(()) => Ok(()),
    }
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
