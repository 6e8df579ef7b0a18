//! Layers about which real engines disagree, what each makes of them, and what we do. docs/engines.md tells the same.

use crate::{Made, Tarball, made};

/// Layers, from the bottom up, that engines take differently.
#[derive(Debug)]
pub struct Disagreement {
    /// What it is about; as in docs/engines.md.
    pub about: &'static str,
    /// Each layer's entries, as [`Tarball::told`] takes them.
    pub layers: &'static [&'static [&'static str]],
    /// What we show, as [`crate::Filesystem::told`] tells it.
    pub ours: Verdict,
    /// Docker Engine 20.10, with overlay2.
    pub docker: Verdict,
    /// containerd 1.6, with overlayfs.
    pub containerd: Verdict,
    /// podman 4.3, with overlay; but for the root, which it always makes 0555.
    pub podman: Verdict,
    /// umoci 0.4.
    pub umoci: Verdict,
    /// Why we do as we do.
    pub why: &'static str,
}

/// What an engine makes of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It refuses it.
    Refused,
    /// It shows this.
    Shows(&'static str),
}

use Verdict::{Refused, Shows};

impl Disagreement {
    /// Its row in docs/engines.md.
    pub fn row(&self) -> String {
        let told = |verdict| match verdict {
            Refused => "refused".to_owned(),
            Shows(shown) => format!("`{shown}`"),
        };
        let engines = [self.docker, self.containerd, self.podman, self.umoci].map(told).join(" | ");
        let layers: Vec<String> = self
            .layers
            .iter()
            .map(|layer| {
                format!("`{}`", layer.iter().map(|entry| written(entry)).collect::<Vec<_>>().join(" "))
            })
            .collect();
        let layers = layers.join(", ");
        format!("| {} | {layers} | {engines} | **{}** | {} |", self.about, told(self.ours), self.why)
    }

    /// The image.
    pub fn image(&self) -> Made {
        let layer =
            |entries: &&[&str]| entries.iter().fold(Tarball::new(), |tar, entry| tar.told(entry)).finish();
        made(self.layers.iter().map(layer).collect())
    }
}

/// An entry as it is told of in docs/engines.md, where the value of an attribute is not shown.
fn written(entry: &str) -> String {
    let (kind, rest) = entry.split_once(' ').unwrap();
    let arrow = if kind == "1" { "~" } else { "->" };
    let label = if matches!(kind, "S" | "V" | "D") { format!("{kind}:") } else { String::new() };
    let (rest, attribute) = rest.split_once(" +").unwrap_or((rest, ""));
    let attribute =
        attribute.split('=').next().filter(|name| !name.is_empty()).map(|name| format!("+{name}"));
    let rest = rest.replace(" > ", arrow).replace(" @", "@").replace(" :", ":").replace(' ', "=");
    format!("{label}{rest}{}", attribute.unwrap_or_default())
}

/// A file that may bind ports below 1024: `struct vfs_cap_data` of linux/capability.h, revision 2.
const CAPABLE: &str = "0 a 1 +security.capability=\u{1}\0\0\u{2}\0\u{4}\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// All of them.
pub const DISAGREEMENTS: &[Disagreement] = &[
    Disagreement {
        about: "the same name twice in one layer",
        layers: &[&["0 a 1", "0 a 2"]],
        ours: Shows("a=2"),
        docker: Refused,
        containerd: Shows("a=2"),
        podman: Refused,
        umoci: Shows("a=2"),
        why: "as a tar is read: a later member replaces an earlier one",
    },
    Disagreement {
        about: "a file below a symbolic link of a lower layer",
        layers: &[&["5 usr/", "5 usr/bin/", "2 bin > usr/bin"], &["0 bin/new 2"]],
        ours: Shows("bin/ bin/new=2 usr/ usr/bin/"),
        docker: Shows("bin/ bin/new=2 usr/ usr/bin/"),
        containerd: Shows("bin/ bin/new=2 usr/ usr/bin/"),
        podman: Shows("bin/ bin/new=2 usr/ usr/bin/"),
        umoci: Shows("bin->usr/bin usr/ usr/bin/ usr/bin/new=2"),
        why: "nothing is ever written through a link",
    },
    Disagreement {
        about: "a directory without an entry in an upper layer",
        layers: &[&["5 d/ @700 :7:8", "0 d/a 1"], &["0 d/b 2"]],
        ours: Shows("d/@700:7:8 d/a=1 d/b=2"),
        docker: Shows("d/ d/a=1 d/b=2"),
        containerd: Shows("d/@700:7:8 d/a=1 d/b=2"),
        podman: Shows("d/ d/a=1 d/b=2"),
        umoci: Shows("d/@700:7:8 d/a=1 d/b=2"),
        why: "no layer says that it changed",
    },
    Disagreement {
        about: "a hard link to a file of a lower layer",
        layers: &[&["0 a 1"], &["1 b > a"]],
        ours: Shows("a=1 b~a"),
        docker: Refused,
        containerd: Refused,
        podman: Refused,
        umoci: Shows("a=1 b~a"),
        why: "what is meant is clear",
    },
    Disagreement {
        about: "mode and owner in a hard link's header",
        layers: &[&["0 a 1", "1 b > a @600 :7:8"]],
        ours: Shows("a=1@600:7:8 b~a"),
        docker: Shows("a=1@600:7:8 b~a"),
        containerd: Shows("a=1@600:7:8 b~a"),
        podman: Shows("a=1@600:7:8 b~a"),
        umoci: Shows("a=1 b~a"),
        why: "they are one file's: the header that comes last holds",
    },
    Disagreement {
        about: "a hard link to a file with a capability",
        layers: &[&[CAPABLE, "1 b > a"]],
        ours: Shows("a=1+security.capability b~a"),
        docker: Shows("a=1 b~a"),
        containerd: Shows("a=1 b~a"),
        podman: Shows("a=1+security.capability b~a"),
        umoci: Shows("a=1+security.capability b~a"),
        why: "nothing in the layer takes it away",
    },
    Disagreement {
        about: "a hard link to what comes later in its layer",
        layers: &[&["1 b > a", "0 a 1"]],
        ours: Shows("a=1 b~a"),
        docker: Refused,
        containerd: Refused,
        podman: Refused,
        umoci: Refused,
        why: "a layer is read whole before it means anything",
    },
    Disagreement {
        about: "an opaque marker in the root",
        layers: &[&["0 a 1"], &["0 .wh..wh..opq", "0 b 2"]],
        ours: Shows("b=2"),
        docker: Shows("a=1 b=2"),
        containerd: Shows("a=1 b=2"),
        podman: Shows("a=1 b=2"),
        umoci: Shows("b=2"),
        why: "the root is a directory like any other",
    },
    Disagreement {
        about: "an entry for the root",
        layers: &[&["5 ./ @711", "0 a 1"]],
        ours: Shows("/@711 a=1"),
        docker: Shows("a=1"),
        containerd: Shows("a=1"),
        podman: Shows("a=1"),
        umoci: Shows("/@711 a=1"),
        why: "the same",
    },
    Disagreement {
        about: "names that climb",
        layers: &[&["5 d/", "0 d/../a 1", "0 ../../b 2", "0 /c 3"]],
        ours: Shows("a=1 b=2 c=3 d/"),
        docker: Shows("a=1 b=2 c=3 d/"),
        containerd: Shows("a=1 b=2 c=3 d/"),
        podman: Shows("a=1 b=2 c=3 d/"),
        umoci: Shows("a=1 b=2 c=3 d/"),
        why: "all agree: the root is its own parent",
    },
    Disagreement {
        about: "a hard link out of the root to what is not there",
        layers: &[&["0 a 1", "1 b > ../../x"]],
        ours: Refused,
        docker: Refused,
        containerd: Refused,
        podman: Refused,
        umoci: Refused,
        why: "all agree",
    },
    Disagreement {
        about: "a hard link out of the root that leads to a file of it, once clamped",
        layers: &[&["0 a 1", "1 b > ../../a"]],
        ours: Refused,
        docker: Shows("a=1 b~a"),
        containerd: Shows("a=1 b~a"),
        podman: Shows("a=1 b~a"),
        umoci: Shows("a=1 b~a"),
        why: "no tool writes one that is meant well",
    },
    Disagreement {
        about: "attributes of the kernel's overlay",
        layers: &[&["5 d/", "0 d/a 1"], &["5 d/ +trusted.overlay.opaque=y", "0 d/b 2"]],
        ours: Shows("d/ d/a=1 d/b=2"),
        docker: Shows("d/ d/b=2"),
        containerd: Shows("d/ d/a=1 d/b=2"),
        podman: Shows("d/ d/b=2"),
        umoci: Shows("d/ d/a=1 d/b=2"),
        why: "an image has no say in how the host stacks its layers; told in a warning",
    },
    Disagreement {
        about: "a whiteout below what is a file",
        layers: &[&["5 rep/", "0 rep/o 1"], &["0 rep 2", "0 rep/.wh.o"]],
        ours: Shows("rep=2"),
        docker: Refused,
        containerd: Refused,
        podman: Shows("rep=2"),
        umoci: Shows("rep=2"),
        why: "umoci writes such layers where a directory became a file, and there is nothing to hide",
    },
    Disagreement {
        about: "a whiteout in a directory that no lower layer has",
        layers: &[&["0 a 1"], &["0 d/.wh.b"]],
        ours: Shows("a=1 d/"),
        docker: Shows("a=1 d/ d/b?"),
        containerd: Shows("a=1 d/ d/b?"),
        podman: Shows("a=1 d/ d/b?"),
        umoci: Shows("a=1"),
        why: "the directory is implied; the name is not there, and so it is not listed",
    },
    Disagreement {
        about: "a sparse file as GNU tar writes it",
        layers: &[&["S a 1"]],
        ours: Shows("a=1"),
        docker: Refused,
        containerd: Refused,
        podman: Refused,
        umoci: Refused,
        why: "it is a file; the map of its pieces is checked",
    },
    Disagreement {
        about: "a volume label",
        layers: &[&["V label", "0 a 1"]],
        ours: Shows("a=1"),
        docker: Refused,
        containerd: Refused,
        podman: Refused,
        umoci: Refused,
        why: "it says nothing of a file; told in a warning",
    },
    Disagreement {
        about: "a dump directory",
        layers: &[&["D d/", "0 a 1"]],
        ours: Shows("a=1"),
        docker: Refused,
        containerd: Refused,
        podman: Refused,
        umoci: Refused,
        why: "the same",
    },
];
