//! Files for people: modes, owners and times as `ls` prints them, names that a terminal cannot take for orders.

use std::borrow::Cow;

use ply_tree::{Kind, Metadata, Node, Time};
use plywood::files::{Differences, Entry, HiddenBy, How, LayerNumber, Owners};
use serde::Serialize;

use crate::escape::{self, Lines};
use crate::when;

/// `drwxr-xr-x`, as POSIX has it for `ls -l`; `w` for a whiteout, `h` for a link to a layer below.
pub(crate) fn mode(node: &Node) -> String {
    let kind = match node.kind {
        Kind::Directory(_) => 'd',
        Kind::File { .. } => '-',
        Kind::Symlink { .. } => 'l',
        Kind::CharDevice(_) => 'c',
        Kind::BlockDevice(_) => 'b',
        Kind::Fifo => 'p',
        Kind::Socket => 's',
        Kind::Whiteout => 'w',
        Kind::LinkBelow { .. } => 'h',
    };
    let bits = node.metadata.mode;
    let mut text = String::from(kind);
    for (shift, special, set, unset) in [(6, 0o4000, 's', 'S'), (3, 0o2000, 's', 'S'), (0, 0o1000, 't', 'T')]
    {
        let three = bits >> shift;
        text.push(if three & 4 == 0 { '-' } else { 'r' });
        text.push(if three & 2 == 0 { '-' } else { 'w' });
        text.push(match (three & 1 != 0, bits & special != 0) {
            (false, false) => '-',
            (true, false) => 'x',
            (true, true) => set,
            (false, true) => unset,
        });
    }
    text
}

/// Behind the name of what a layer deleted.
pub(crate) const WHITEOUT: &str = " (whiteout)";

/// `file`, `directory`, …: the words of `--json`, and of `--type` where one letter is not enough.
pub(crate) const fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Directory(_) => "directory",
        Kind::File { .. } => "file",
        Kind::Symlink { .. } => "symlink",
        Kind::CharDevice(_) => "char",
        Kind::BlockDevice(_) => "block",
        Kind::Fifo => "fifo",
        Kind::Socket => "socket",
        Kind::Whiteout => "whiteout",
        Kind::LinkBelow { .. } => "link",
    }
}

/// Bytes of a name, fit for a terminal and for one line.
pub(crate) fn name(bytes: &[u8]) -> String {
    escape::bytes(bytes, Lines::Escape)
}

/// Where an old version lies, padded so that what follows stands in a column: `layer 4 (hidden by 5)`.
pub(crate) fn place(layer: LayerNumber, hidden: Option<&HiddenBy>, layers: usize) -> String {
    let text = match hidden {
        Some(by) => format!("layer {} (hidden by {})", layer.ordinal(), by.layer.ordinal()),
        None => format!("layer {}", layer.ordinal()),
    };
    let widest = format!("layer {layers} (hidden by {layers})").len();
    format!("{text:widest$}")
}

/// How something was hidden: the words of `--json`.
pub(crate) const fn how(how: How) -> &'static str {
    match how {
        How::Whiteout => "whiteout",
        How::Opaque => "opaque",
        How::Replaced => "replaced",
    }
}

/// Where a link points, or to what an entry of a changeset belongs: ` -> target`.
pub(crate) fn target(node: &Node) -> String {
    match &node.kind {
        Kind::Symlink { target } => format!(" -> {}", name(target)),
        Kind::LinkBelow { target } => format!(" == /{}", name(target)),
        Kind::Directory(directory) if directory.opaque => " (opaque)".to_owned(),
        _ => String::new(),
    }
}

/// Bytes, a device's numbers, or nothing that counts.
pub(crate) fn size(node: &Node) -> String {
    match &node.kind {
        Kind::CharDevice(device) | Kind::BlockDevice(device) => device.to_string(),
        Kind::File { size, .. } => grouped(*size),
        Kind::Symlink { .. } => grouped(node.size()),
        Kind::Directory(_) | Kind::Fifo | Kind::Socket | Kind::Whiteout | Kind::LinkBelow { .. } => {
            "-".to_owned()
        }
    }
}

/// `7,602`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len().saturating_sub(at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `7,602 bytes`.
pub(crate) fn bytes(number: u64) -> String {
    if number == 1 { "1 byte".to_owned() } else { format!("{} bytes", grouped(number)) }
}

/// To the minute, in the user's zone: `2026-11-20 10:12`.
pub(crate) fn minute(time: Time) -> String {
    when::minute(when::from_unix(time.seconds, time.nanoseconds), &when::zone())
}

/// To the second, in the user's zone: `2026-11-20 10:12:00`.
pub(crate) fn second(time: Time) -> String {
    when::second(when::from_unix(time.seconds, time.nanoseconds), &when::zone())
}

/// A moment with all its digits, as Go prints one.
pub(crate) fn exact(time: Time) -> String {
    when::go_text(when::from_unix(time.seconds, time.nanoseconds), &when::zone())
}

/// A line of `ls -l`: the cells before the name, and the name.
pub(crate) fn line(entry: &Entry, owners: &Owners, shown: &str) -> [String; 7] {
    let Metadata { uid, gid, mtime, .. } = entry.node.metadata;
    [
        mode(&entry.node),
        owners.user(uid),
        owners.group(gid),
        size(&entry.node),
        minute(mtime),
        entry.layer.ordinal().to_string(),
        format!("{shown}{}", target(&entry.node)),
    ]
}

/// An entry, for `--json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Json<'a> {
    path: Cow<'a, str>,
    #[serde(rename = "type")]
    kind: &'static str,
    mode: String,
    uid: u32,
    gid: u32,
    size: u64,
    mtime: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    opaque: bool,
    links: u32,
    xattrs: std::collections::BTreeMap<Cow<'a, str>, String>,
    layer: usize,
}

impl<'a> Json<'a> {
    pub(crate) fn new(entry: &'a Entry) -> Self {
        let Metadata { mode, uid, gid, mtime, xattrs } = &entry.node.metadata;
        let text = |bytes: &'a [u8]| String::from_utf8_lossy(bytes);
        let (target, device) = match &entry.node.kind {
            Kind::Symlink { target } | Kind::LinkBelow { target } => (Some(text(target)), None),
            Kind::CharDevice(device) | Kind::BlockDevice(device) => (None, Some(device.to_string())),
            _ => (None, None),
        };
        let mtime = when::from_unix(mtime.seconds, mtime.nanoseconds);
        Self {
            path: Cow::Owned(format!("/{}", text(&entry.path))),
            kind: kind(&entry.node.kind),
            mode: format!("{mode:04o}"),
            uid: *uid,
            gid: *gid,
            size: entry.node.size(),
            mtime: mtime.to_string(),
            target,
            device,
            opaque: matches!(entry.node.kind, Kind::Directory(directory) if directory.opaque),
            links: entry.node.links,
            xattrs: xattrs.iter().map(|xattr| (text(&xattr.name), hex(&xattr.value))).collect(),
            layer: entry.layer.ordinal(),
        }
    }
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// In what two versions of a file differ, in the words of `--json`.
pub(crate) fn differing(differences: Differences) -> Vec<&'static str> {
    let Differences { kind, content, mode, owner, time, xattrs } = differences;
    let all = [
        (kind, "type"),
        (content, "content"),
        (mode, "mode"),
        (owner, "owner"),
        (time, "time"),
        (xattrs, "xattrs"),
    ];
    all.into_iter().filter_map(|(differs, word)| differs.then_some(word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ply_tree::Directory;

    #[test]
    fn modes_as_ls_prints_them() {
        // `chmod MODE FILE; ls -ld FILE` of GNU coreutils.
        let check = |kind: Kind, bits: u16, expect: &str| {
            assert_eq!(mode(&Node::new(kind, Metadata::new(bits))), expect, "{bits:o}");
        };
        let file = || Kind::File { size: 0, extents: Vec::new() };
        check(file(), 0o644, "-rw-r--r--");
        check(file(), 0, "----------");
        check(file(), 0o4755, "-rwsr-xr-x");
        check(file(), 0o2644, "-rw-r-Sr--");
        check(Kind::Directory(Directory::default()), 0o1777, "drwxrwxrwt");
        check(Kind::Directory(Directory::default()), 0o7000, "d--S--S--T");
        check(Kind::Symlink { target: Box::default() }, 0o777, "lrwxrwxrwx");
    }

    #[test]
    fn numbers_are_grouped() {
        let check = |number: u64, expect: &str| assert_eq!(grouped(number), expect);
        check(0, "0");
        check(999, "999");
        check(1000, "1,000");
        check(171_966_464, "171,966,464");
    }
}
