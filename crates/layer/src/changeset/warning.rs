use std::collections::BTreeMap;
use std::fmt;

use ply_tree::path::printable;

/// What is odd about a layer or a tree, and no reason to refuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Oddity {
    /// An attribute that steers an overlay mount (`trusted.overlay.*`, `user.overlay.*`, `user.fuseoverlayfs.*`) was dropped:
    /// with it a layer could rearrange others.
    OverlayXattr,
    /// An entry that aufs kept for itself (`.wh..wh.plnk` and the like) was left out.
    AufsLeftover,
    /// A GNU volume label or directory dump was passed over.
    NoFile,
    /// A socket was left out: a tar cannot say it.
    Socket,
}

/// How often something odd was met, and where first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What.
    pub oddity: Oddity,
    /// How often.
    pub count: u64,
    /// The first few places, fit for a terminal.
    pub examples: Vec<String>,
}

/// Examples kept of each.
const EXAMPLES: usize = 3;

/// What was noted so far.
#[derive(Debug, Default)]
pub(super) struct Notes(BTreeMap<Oddity, (u64, Vec<String>)>);

impl Notes {
    /// One more, at a place.
    pub(super) fn add(&mut self, oddity: Oddity, place: &[u8]) {
        let (count, examples) = self.0.entry(oddity).or_default();
        *count = (*count).saturating_add(1);
        if examples.len() < EXAMPLES {
            examples.push(printable(place));
        }
    }

    /// So many more, at no place one could name.
    pub(super) fn add_nameless(&mut self, oddity: Oddity, more: u64) {
        if more > 0 {
            let (count, _) = self.0.entry(oddity).or_default();
            *count = count.saturating_add(more);
        }
    }

    pub(super) fn into_warnings(self) -> Vec<Warning> {
        let warning = |(oddity, (count, examples))| Warning { oddity, count, examples };
        self.0.into_iter().map(warning).collect()
    }
}

/// As it is told: `left out 2 sockets: /run/a, /run/b`.
impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, one, many) = match self.oddity {
            Oddity::OverlayXattr => {
                ("dropped", "attribute for overlay mounts", "attributes for overlay mounts")
            }
            Oddity::AufsLeftover => ("left out", "entry of aufs's own", "entries of aufs's own"),
            Oddity::NoFile => {
                ("passed over", "volume label or directory dump", "volume labels or directory dumps")
            }
            Oddity::Socket => ("left out", "socket", "sockets"),
        };
        write!(f, "{verb} {} {}", self.count, if self.count == 1 { one } else { many })?;
        for (index, example) in self.examples.iter().enumerate() {
            write!(f, "{}{example}", if index == 0 { ": " } else { ", " })?;
        }
        let shown = self.examples.len() as u64;
        if shown > 0 && shown < self.count {
            write!(f, ", and {} more", self.count.saturating_sub(shown))
        } else {
            Ok(())
        }
    }
}
