//! What a layer did, in a word, and how, in a few more.

use ply_tree::path::printable;
use ply_tree::{Kind, Node};
use plywood::files::{Action, Differences, Event, How, Owners, Removal, Version};

use crate::listing::{self, bytes};
use crate::table;

/// As much of a link's target as a line has room for.
const TARGET: usize = 60;

/// The word and the rest.
pub(super) fn told(event: &Event, path: &[u8], owners: &Owners) -> (&'static str, String) {
    let (before, after) = (event.before.as_ref(), event.after.as_ref());
    match (&event.action, before, after) {
        (Action::Added, _, Some(new)) => ("added", thing(&new.node, owners)),
        (Action::Replaced, Some(old), Some(new)) => {
            ("replaced", format!("{} → {}", noun(&old.node), thing(&new.node, owners)))
        }
        (Action::Changed(differences), Some(old), Some(new)) => {
            changed(*differences, old, new, event.layer, owners)
        }
        (Action::Deleted(removal), Some(old), _) => {
            let (word, mut text) = deleted(removal, path);
            if let Kind::File { size: 1.., .. } = old.node.kind {
                let stay = if old.node.size() == 1 { "stays" } else { "stay" };
                let size = bytes(old.node.size());
                text.push_str(&format!("; {size} {stay} in layer {}", old.origin.layer.saturating_add(1)));
            }
            (word, text)
        }
        // Each action has its versions.
        (Action::Added | Action::Replaced | Action::Changed(_) | Action::Deleted(_), _, _) => {
            ("changed", String::new())
        }
    }
}

/// What something is and who may do what with it: `1,704 bytes, 0600 root:root`.
fn thing(node: &Node, owners: &Owners) -> String {
    let what = match &node.kind {
        Kind::File { size, .. } => bytes(*size),
        _ => noun(node),
    };
    match node.kind {
        // Nobody asks for the mode of a link.
        Kind::Symlink { .. } => what,
        _ => format!("{what}, {:04o} {}", node.metadata.mode, owner(node, owners)),
    }
}

fn noun(node: &Node) -> String {
    match &node.kind {
        Kind::Directory(_) => "directory".to_owned(),
        Kind::File { size, .. } => format!("file of {}", bytes(*size)),
        Kind::Symlink { target } => format!("link to {}", shown(target)),
        Kind::CharDevice(device) => format!("character device {device}"),
        Kind::BlockDevice(device) => format!("block device {device}"),
        Kind::Fifo => "named pipe".to_owned(),
        Kind::Socket => "socket".to_owned(),
        Kind::Whiteout => "whiteout".to_owned(),
        Kind::LinkBelow { target } => format!("hard link to /{}", shown(target)),
    }
}

fn shown(target: &[u8]) -> String {
    table::ellipsis(&listing::name(target), TARGET).into_owned()
}

fn owner(node: &Node, owners: &Owners) -> String {
    let owner = format!("{}:{}", owners.user(node.metadata.uid), owners.group(node.metadata.gid));
    listing::name(owner.as_bytes())
}

fn changed(
    differences: Differences,
    old: &Version,
    new: &Version,
    layer: usize,
    owners: &Owners,
) -> (&'static str, String) {
    let (before, after) = (&old.node, &new.node);
    let mut word = "changed";
    let mut parts = Vec::new();
    if differences.content {
        match (&before.kind, &after.kind) {
            (Kind::Symlink { target: a }, Kind::Symlink { target: b }) => {
                parts.push(format!("link to {} → {}", shown(a), shown(b)));
            }
            (Kind::Directory(_), _) => {
                word = "emptied";
                parts.push("all that it held is hidden".to_owned());
            }
            (Kind::File { size: a, .. }, Kind::File { size: b, .. }) if a != b => {
                parts.push(format!("{} → {}", listing::grouped(*a), bytes(*b)));
            }
            (Kind::File { size, .. }, _) => parts.push(format!("{}, other content", bytes(*size))),
            _ => parts.push(format!("{} → {}", noun(before), noun(after))),
        }
    }
    if differences.mode {
        parts.push(format!("mode {:04o} → {:04o}", before.metadata.mode, after.metadata.mode));
    }
    if differences.owner {
        parts.push(format!("owner {} → {}", owner(before, owners), owner(after, owners)));
    }
    if differences.xattrs {
        parts.push("extended attributes".to_owned());
    }
    // What changes content changes the time as well: that is no news.
    if parts.is_empty() && differences.time {
        word = "touched";
        parts.push(times(before, after));
    }
    // A change of attributes alone takes the room of the whole file once more.
    if let Kind::File { size: size @ 1.., .. } = after.kind
        && !differences.content
        && new.origin.layer == layer
    {
        if parts.is_empty() {
            return ("stored", format!("again as it was, {}", bytes(size)));
        }
        parts.push(format!("{} stored again", bytes(size)));
    }
    if parts.is_empty() {
        parts.push("stored again as it was".to_owned());
    }
    (word, parts.join(", "))
}

fn times(before: &Node, after: &Node) -> String {
    let [a, b] = [before, after].map(|node| listing::second(node.metadata.mtime));
    if a == b { "by less than a second".to_owned() } else { format!("{a} → {b}") }
}

fn deleted(removal: &Removal, path: &[u8]) -> (&'static str, String) {
    let at = || printable(&removal.at);
    match removal.how {
        How::Whiteout if removal.at == path => ("deleted", "by whiteout".to_owned()),
        How::Whiteout => ("deleted", format!("by whiteout of {}", at())),
        How::Opaque => ("hidden", format!("by opaque directory {}", at())),
        How::Replaced => ("hidden", format!("by what replaced {}", at())),
    }
}

#[cfg(test)]
mod tests {
    use ply_tree::{Device, Directory, Metadata, NodeId, Time};
    use plywood::files::Origin;

    use super::*;

    fn file(size: u64) -> Kind {
        Kind::File { size, extents: Vec::new() }
    }

    fn link(target: &str) -> Kind {
        Kind::Symlink { target: target.as_bytes().into() }
    }

    fn version(layer: usize, kind: Kind, metadata: Metadata) -> Version {
        Version { origin: Origin { layer, id: NodeId(1) }, node: Node::new(kind, metadata) }
    }

    /// What the second layer did.
    fn check(action: Action, before: Option<Version>, after: Option<Version>, expect: &str) {
        let event = Event { layer: 1, action, before, after };
        let (word, rest) = told(&event, b"a/b", &Owners::default());
        assert_eq!(format!("{word} {rest}"), expect);
    }

    #[test]
    fn what_came_or_went() {
        let plain = |layer, kind| Some(version(layer, kind, Metadata::new(0o600)));
        check(Action::Added, None, plain(1, file(1704)), "added 1,704 bytes, 0600 0:0");
        check(Action::Added, None, plain(1, file(1)), "added 1 byte, 0600 0:0");
        check(Action::Added, None, plain(1, link("x\n")), "added link to x\\n");
        let device = Kind::CharDevice(Device { major: 1, minor: 3 });
        check(Action::Added, None, plain(1, device), "added character device 1:3, 0600 0:0");
        let directory = || Kind::Directory(Directory::default());
        check(
            Action::Replaced,
            plain(0, file(5)),
            plain(1, directory()),
            "replaced file of 5 bytes → directory, 0600 0:0",
        );
        let by = |how, at: &str| Action::Deleted(Removal { how, at: at.as_bytes().to_vec() });
        let gone = |how, at: &str, expect: &str| check(by(how, at), plain(0, file(7)), None, expect);
        gone(How::Whiteout, "a/b", "deleted by whiteout; 7 bytes stay in layer 1");
        gone(How::Whiteout, "a", "deleted by whiteout of /a; 7 bytes stay in layer 1");
        gone(How::Opaque, "a", "hidden by opaque directory /a; 7 bytes stay in layer 1");
        gone(How::Replaced, "a", "hidden by what replaced /a; 7 bytes stay in layer 1");
        check(by(How::Whiteout, "a/b"), plain(0, directory()), None, "deleted by whiteout");
        check(by(How::Whiteout, "a/b"), plain(0, file(0)), None, "deleted by whiteout");
        check(by(How::Whiteout, "a/\x1b"), plain(0, file(0)), None, "deleted by whiteout of /a/\\u{1b}");
    }

    #[test]
    fn what_changed() {
        let none = Differences::default();
        let old = || Metadata::new(0o600);
        let row = |differences, kinds: (Kind, Kind), metadata, expect: &str| {
            let (before, after) = (version(0, kinds.0, old()), version(1, kinds.1, metadata));
            check(Action::Changed(differences), Some(before), Some(after), expect);
        };
        let content = Differences { content: true, ..none };
        let time = Differences { time: true, ..none };
        row(content, (file(7511), file(7602)), old(), "changed 7,511 → 7,602 bytes");
        row(content, (file(7), file(7)), old(), "changed 7 bytes, other content");
        row(content, (link("x"), link("y")), old(), "changed link to x → y");
        let directories = || (Kind::Directory(Directory::default()), Kind::Directory(Directory::default()));
        row(content, directories(), old(), "emptied all that it held is hidden");
        row(none, (file(7), file(7)), old(), "stored again as it was, 7 bytes");
        row(none, (file(0), file(0)), old(), "changed stored again as it was");
        let mode = Differences { mode: true, time: true, ..none };
        let open = || Metadata::new(0o644);
        row(mode, (file(7), file(7)), open(), "changed mode 0600 → 0644, 7 bytes stored again");
        row(mode, directories(), open(), "changed mode 0600 → 0644");
        let owner = Differences { owner: true, xattrs: true, ..none };
        let given = Metadata { uid: 33, ..old() };
        row(owner, directories(), given, "changed owner 0:0 → 33:0, extended attributes");
        let at = |seconds, nanoseconds| Metadata { mtime: Time { seconds, nanoseconds }, ..old() };
        row(time, (file(7), file(7)), at(0, 5), "touched by less than a second, 7 bytes stored again");
        let (before, after) = (version(0, file(0), old()), version(1, file(0), at(1, 0)));
        let (word, rest) = changed(time, &before, &after, 1, &Owners::default());
        // The zone is whose machine this is.
        assert!(word == "touched" && rest.contains(":00 → ") && rest.ends_with(":01"), "{word} {rest}");
    }
}
