//! The verbs that look into files of images.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::complete::{mounted, subjects};

/// List the files of an image
///
/// As `ls` prints them; with -l the last column but one says which layer put each there. Nothing is unpacked.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ply ls -l app:1 /etc\n  ply ls -R --layer 3 docker-archive:app.tar")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of ls")]
pub(crate) struct Ls {
    /// Mode, owner, group, size, time, layer, name
    #[arg(short, long)]
    pub(crate) long: bool,
    /// Names that begin with a dot too
    #[arg(short, long)]
    pub(crate) all: bool,
    /// All that lies below too
    #[arg(short = 'R', long)]
    pub(crate) recursive: bool,
    /// One changeset alone, whiteouts marked: a number from 1, or the beginning of a DiffID or ChainID
    #[arg(long, value_name = "LAYER")]
    pub(crate) layer: Option<String>,
    /// JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Which platform of an image with several
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// The image or container; IMAGE~2 is the image two layers down
    #[arg(value_name = "IMAGE", add = subjects())]
    pub(crate) image: String,
    /// Where to look; the root without it
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<OsString>,
}

/// Print files of an image, any version of them
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ply cat app:1 /etc/os-release\n  ply cat --layer 4 app:1 /tmp/key.pem")]
pub(crate) struct Cat {
    /// As the file was once this layer was there: a number from 1, or the beginning of a DiffID or ChainID
    #[arg(long, value_name = "LAYER")]
    pub(crate) layer: Option<String>,
    /// Which platform of an image with several
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// The image or container; IMAGE~2 is the image two layers down
    #[arg(value_name = "IMAGE", add = subjects())]
    pub(crate) image: String,
    /// The files; links are followed inside the image
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<OsString>,
}

/// Show all attributes of files of an image
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ply stat app:1 /bin/sh\n  ply stat --json --layer 2 app:1 /etc/passwd")]
pub(crate) struct Stat {
    /// What a link points at, not the link
    #[arg(short = 'L', long)]
    pub(crate) dereference: bool,
    /// As the file was once this layer was there
    #[arg(long, value_name = "LAYER")]
    pub(crate) layer: Option<String>,
    /// JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Which platform of an image with several
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// The image or container; IMAGE~2 is the image two layers down
    #[arg(value_name = "IMAGE", add = subjects())]
    pub(crate) image: String,
    /// The files
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<OsString>,
}

/// Write the files of an image as one flat tar
///
/// The root filesystem that the layers come to, or parts of it, under their own names.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply export -o root.tar app:1\n  ply export docker-archive:app.tar /etc | tar -t"
)]
pub(crate) struct Export {
    /// The file to write; stdout without it
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// Which platform of an image with several
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// The image or container; IMAGE~2 is the image two layers down
    #[arg(value_name = "IMAGE", add = subjects())]
    pub(crate) image: String,
    /// Only what lies at and below these
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<OsString>,
}

/// Show what each layer did to a file
///
/// Newest first: who added it, changed, replaced or deleted it, or hid it with a directory above it. Content is
/// compared, so that a file that was only stored again is told as such. A directory's history is its own.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply log app:1 /etc/passwd\n  ply log -p docker-archive:app.tar /etc/nginx/nginx.conf"
)]
pub(crate) struct Log {
    /// With each change a unified diff of text
    #[arg(short, long)]
    pub(crate) patch: bool,
    /// JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Which platform of an image with several
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// The image or container; IMAGE~2 is the image two layers down
    #[arg(value_name = "IMAGE", add = subjects())]
    pub(crate) image: String,
    /// The file or directory, deleted ones too
    #[arg(value_name = "PATH")]
    pub(crate) path: OsString,
}

/// Show what each layer adds and hides, and the largest hidden files
///
/// In bytes of file content; a file with several names counts once. Bytes are hidden when no name shows them any more:
/// they were replaced or deleted, and are stored and sent all the same. Efficiency is counted as dive counts it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ply du app:1\n  ply du --fail-under 95 docker-archive:app.tar")]
pub(crate) struct Du {
    /// So many of the largest hidden files
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) top: usize,
    /// Exit with 1 if the efficiency is lower
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) fail_under: Option<f64>,
    /// Exact sizes
    #[arg(long)]
    pub(crate) bytes: bool,
    /// JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Which platform of an image with several
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// The image or container; IMAGE~2 is the image two layers down
    #[arg(value_name = "IMAGE", add = subjects())]
    pub(crate) image: String,
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim().parse().ok();
    number
        .filter(|number| (0.0..=100.0).contains(number))
        .ok_or_else(|| "a percentage is a number from 0 to 100".to_owned())
}

/// Write the root filesystem of an image into a folder
///
/// Owners, modes, times, links, devices, attributes. The folder is there whole or not at all; as an ordinary user, owners
/// are recorded as umoci records them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ply unpack app:1 rootfs\n  ply unpack docker-archive:app.tar /srv/app")]
pub(crate) struct Unpack {
    /// Go on where devices cannot be made for want of privilege
    #[arg(long)]
    pub(crate) skip_devices: bool,
    /// Which platform of an image with several
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// The image or container; IMAGE~2 is the image two layers down
    #[arg(value_name = "IMAGE", add = subjects())]
    pub(crate) image: String,
    /// Where to; absent or empty
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
}

/// Mount the root filesystem of an image, read-only, or of a container; alone, list what is mounted
///
/// Nothing is unpacked: an index of the files is mounted, over the layers as they lie. Of an image that is not loaded the
/// archive itself is what is mounted: its layers must be plain, or kept with --cache; it must not change meanwhile, and its
/// content is compared with its digests only with --verify. What is written into a container comes to lie in its own layer.
///
/// As root by the kernel; else, or where the kernel cannot, through FUSE, by a process that ends with the mount.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply mount app:1 /mnt\n  ply mount docker-archive:app.tar /mnt && ls /mnt/etc\n  ply mount try /mnt && chroot /mnt apt-get update && ply umount /mnt && ply commit try app:2"
)]
pub(crate) struct Mount {
    /// Let set-user-ID bits and file capabilities work
    #[arg(long, requires = "image")]
    pub(crate) suid: bool,
    /// Let device files work
    #[arg(long, requires = "image")]
    pub(crate) dev: bool,
    /// Hash the layers first, and compare them with their digests
    #[arg(long, requires = "image")]
    pub(crate) verify: bool,
    /// Of an image that is not loaded: make plain tars of compressed layers, and keep them in the store
    #[arg(long, requires = "image")]
    pub(crate) cache: bool,
    /// Through FUSE, whatever the kernel can
    #[arg(long, requires = "image", conflicts_with = "in_loops")]
    pub(crate) fuse: bool,
    /// From loop devices, wherever the files lie
    #[arg(long = "loop", id = "in_loops", requires = "image")]
    pub(crate) in_loops: bool,
    /// Through FUSE, and serve it until it is unmounted
    #[arg(long, requires = "image", conflicts_with = "in_loops")]
    pub(crate) foreground: bool,
    /// Serve it, and say on stdout when it is there
    #[arg(long, hide = true, requires = "image")]
    pub(crate) serve: bool,
    /// Which platform of an image with several
    #[arg(long, value_name = "OS/ARCH", requires = "image")]
    pub(crate) platform: Option<String>,
    /// JSON, of the list
    #[arg(long, conflicts_with = "image")]
    pub(crate) json: bool,
    /// The image, or a container; IMAGE~2 is the image two layers down
    #[arg(value_name = "IMAGE|CONTAINER", requires = "dir", add = subjects())]
    pub(crate) image: Option<String>,
    /// Where to: a directory; what is in it is hidden meanwhile
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

/// Unmount images and containers
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ply umount /mnt\n  ply umount /srv/one /srv/two")]
pub(crate) struct Umount {
    /// Where images are mounted
    #[arg(value_name = "DIR", required = true, value_hint = ValueHint::DirPath, add = mounted())]
    pub(crate) dirs: Vec<PathBuf>,
}

/// Show what was changed in a container, what differs between two images, or what layers of one did
///
/// A container alone is compared with its image. A line each, as `docker diff` prints them: A added, C changed, D deleted. Files are compared by their bytes. Then what
/// differs in the config.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply diff --stat app:1 docker-archive:app-2.tar\n  ply diff -p app:1 --layers 3..5\n  ply diff try"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of git's or diff's")]
pub(crate) struct Diff {
    /// What layers N+1 to M of the image did: N..M, where 0 is scratch, and M the topmost layer without it
    #[arg(long, value_name = "N..M")]
    pub(crate) layers: Option<String>,
    /// In short: directories as a whole, lines and bytes
    #[arg(long, conflicts_with_all = ["json", "patch"])]
    pub(crate) stat: bool,
    /// With each file a unified diff of its text
    #[arg(short, long)]
    pub(crate) patch: bool,
    /// Do not look at times
    #[arg(long)]
    pub(crate) ignore_times: bool,
    /// Exit with 1 if anything differs
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Which platform of images with several
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// The image or container; IMAGE~2 is the image two layers down
    #[arg(value_name = "IMAGE", add = subjects())]
    pub(crate) image: String,
    /// The image it is compared with
    #[arg(value_name = "OTHER", add = subjects())]
    pub(crate) other: Option<String>,
}

/// Show which image is built on which, and what each adds
///
/// Layers that several images share and that are no image stand there by their ChainID, in brackets. Sizes are bytes as
/// stored, layers, manifest and config; each is told once, so that they add up.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ply tree\n  ply tree app:1 app:2\n  ply tree docker-archive:app.tar")]
pub(crate) struct Tree {
    /// JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Only these images and what they are built on; of an archive without a name, all it holds
    #[arg(value_name = "IMAGE", add = subjects())]
    pub(crate) images: Vec<String>,
}

/// Find files of an image, those too that later layers hid
///
/// As find(1), whose tests these are: all of them must pass, and links are not followed. Exit 0 if anything was found, 1 if
/// nothing was, 2 if something went wrong.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply find app:1 /etc --name '*.conf' --size +1k\n  ply find app:1 --deleted --type f   # still in the image, though nobody sees it"
)]
pub(crate) struct Find {
    /// Its last name matches: *, ?, [a-z]; a leading dot is no exception
    #[arg(long, value_name = "GLOB", allow_hyphen_values = true)]
    pub(crate) name: Option<String>,
    /// Its whole path matches, from the root; * matches slashes too
    #[arg(long = "path", value_name = "GLOB", allow_hyphen_values = true)]
    pub(crate) whole: Option<String>,
    /// f (file), d (directory), l (link), b, c (devices), p (pipe), s (socket); or several, joined by commas
    #[arg(long = "type", value_name = "LETTER")]
    pub(crate) kind: Option<String>,
    /// Blocks of 512 bytes, or with c bytes, or k, M, G; rounded up. + for more, - for less. Directories have none
    #[arg(long, value_name = "[+-]N[ckMG]", allow_hyphen_values = true)]
    pub(crate) size: Option<String>,
    /// Exactly this mode; with - all these bits, with / any of them. Octal, or as u=rw,go=r
    #[arg(long, value_name = "[-/]MODE", allow_hyphen_values = true)]
    pub(crate) perm: Option<String>,
    /// What this layer says, hidden or not, whiteouts marked: a number from 1, or the beginning of a DiffID or ChainID
    #[arg(long, value_name = "LAYER")]
    pub(crate) layer: Option<String>,
    /// What later layers hid, and left nothing in its place; with the layer that has it and the one that hid it
    #[arg(long)]
    pub(crate) deleted: bool,
    /// What later layers hid by a version of their own; with --deleted all that is hidden
    #[arg(long)]
    pub(crate) shadowed: bool,
    /// JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Paths alone, each with a zero byte behind it, for `xargs -0`
    #[arg(short = '0', long, conflicts_with = "json")]
    pub(crate) null: bool,
    /// Which platform of an image with several
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// The image or container; IMAGE~2 is the image two layers down
    #[arg(value_name = "IMAGE", add = subjects())]
    pub(crate) image: String,
    /// Where to look, itself included; the root without it
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<OsString>,
}

/// Search the files of an image, those too that later layers hid
///
/// Patterns are ripgrep's regular expressions. Links are not followed, and of binary files only the name is told. Exit 0 if
/// a line matched, 1 if none did, 2 if something went wrong.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply grep -n 'Listen +80' app:1 /etc\n  ply grep --all-layers -- '-----BEGIN' app:1   # keys that a later layer removed"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of grep's")]
pub(crate) struct Grep {
    /// Capital or not is the same
    #[arg(short, long)]
    pub(crate) ignore_case: bool,
    /// Only which files match
    #[arg(short = 'l', long)]
    pub(crate) files_with_matches: bool,
    /// Only how many lines match in each file
    #[arg(short, long, conflicts_with = "files_with_matches")]
    pub(crate) count: bool,
    /// With each line its number
    #[arg(short = 'n', long)]
    pub(crate) line_number: bool,
    /// PATTERN is text, not a regular expression
    #[arg(short = 'F', long)]
    pub(crate) fixed_strings: bool,
    /// Only whole words
    #[arg(short, long)]
    pub(crate) word_regexp: bool,
    /// Lines that do not match
    #[arg(short = 'v', long)]
    pub(crate) invert_match: bool,
    /// Take binary files for text
    #[arg(short = 'a', long)]
    pub(crate) text: bool,
    /// Search what later layers changed, hid or deleted too, and say where each line lies
    #[arg(long)]
    pub(crate) all_layers: bool,
    /// JSON
    #[arg(long, conflicts_with_all = ["files_with_matches", "count"])]
    pub(crate) json: bool,
    /// Which platform of an image with several
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// What to search for; behind -- if it begins with a dash
    #[arg(value_name = "PATTERN")]
    pub(crate) pattern: String,
    /// The image or container; IMAGE~2 is the image two layers down
    #[arg(value_name = "IMAGE", add = subjects())]
    pub(crate) image: String,
    /// Where to look; the root without it
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<OsString>,
}
