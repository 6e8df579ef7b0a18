//! Lists an archive as `tar tv` does, reading nothing but its headers: `cargo run --example list -- FILE.tar`.
#![allow(clippy::print_stdout)] // Printing is what it is for.

use std::error::Error;
use std::fs::File;

use ply_tar::{Entry, Kind, Limits, index};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("which archive?")?;
    let mut members = index(File::open(path)?, Limits::default())?;
    for entry in members.by_ref() {
        println!("{}", line(&entry?));
    }
    if let Some(end) = members.end() {
        println!("{} members, {} bytes", end.members, end.offset);
    }
    Ok(())
}

fn line(entry: &Entry) -> String {
    let letter = match entry.kind {
        Kind::File => '-',
        Kind::HardLink => 'h',
        Kind::Symlink => 'l',
        Kind::CharDevice => 'c',
        Kind::BlockDevice => 'b',
        Kind::Directory => 'd',
        Kind::Fifo => 'p',
    };
    let owner =
        format!("{}/{}", name_or_number(&entry.user, entry.uid), name_or_number(&entry.group, entry.gid));
    let size = entry.device.map_or(entry.size.to_string(), |(major, minor)| format!("{major},{minor}"));
    let link = match entry.kind {
        Kind::HardLink => format!(" link to {}", entry.link.escape_ascii()),
        Kind::Symlink => format!(" -> {}", entry.link.escape_ascii()),
        Kind::File | Kind::CharDevice | Kind::BlockDevice | Kind::Directory | Kind::Fifo => String::new(),
    };
    let (mode, mtime, path) = (entry.mode, entry.mtime.seconds, entry.printable_path());
    format!("{letter}{mode:04o} {owner:<16} {size:>12} {mtime:>11} {path}{link}")
}

fn name_or_number(name: &[u8], number: u64) -> String {
    if name.is_empty() { number.to_string() } else { name.escape_ascii().to_string() }
}
