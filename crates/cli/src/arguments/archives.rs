//! The verbs that carry images in and out.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use crate::complete::images;

/// Load images from an archive, a layout or a pipe
///
/// Every byte is checked before a name points to it: all is loaded, or nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ply load -i app.tar\n  ssh server docker save app | ply load")]
pub(crate) struct Load {
    /// The archive, or the folder of a layout, or docker-daemon:NAME; stdin without it
    #[arg(short, long, value_name = "FILE|DIR", value_hint = ValueHint::AnyPath)]
    pub(crate) input: Option<PathBuf>,
    /// No bars
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Platforms to load, joined by commas: linux/arm64; or all. [the host's; all if it is not there]
    #[arg(long, value_name = "LIST")]
    pub(crate) platform: Option<String>,
    /// Name the image so, and not as the archive does
    #[arg(long, value_name = "NAME")]
    pub(crate) tag: Option<String>,
    /// Load only this image of the archive
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Option<String>,
    /// Fail if a name is another image's already
    #[arg(long)]
    pub(crate) no_clobber: bool,
    /// json: a line of JSON for each image
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<LineFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LineFormat {
    Json,
}

/// Save images to an archive, or only what the other side lacks
///
/// Several images share their layers. IMAGE without a tag means all tags of the repository. What is written is
/// hashed on the way: a damaged blob never leaves with exit 0.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply save -o app.tar app:1 app:2\n  ssh server ply layers -q base:1 | ply save --without - app:1 | ssh server ply load"
)]
pub(crate) struct Save {
    /// The file to write, or docker-daemon: for the daemon; stdout without it
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// docker: plain layers, read by every tool; oci: blobs as they are
    #[arg(long, value_enum, default_value_t = ArchiveFormat::Docker)]
    pub(crate) format: ArchiveFormat,
    /// Platforms to save, joined by commas; or all. [docker: the host's; oci: all that are here]
    #[arg(long, value_name = "LIST")]
    pub(crate) platform: Option<String>,
    /// Leave out layers the other side has: those of an image, or listed in a file, or on stdin
    #[arg(long, value_name = "IMAGE|FILE|-", value_hint = ValueHint::FilePath)]
    pub(crate) without: Vec<String>,
    /// Compress the whole archive: gzip or zstd, with a level as in zstd:9
    #[arg(long, value_name = "KIND[:LEVEL]")]
    pub(crate) compress: Option<String>,
    /// How layers are packed, with --format oci: gzip, zstd, with a level as in zstd:9, or none. [as they are]
    #[arg(long, value_name = "KIND[:LEVEL]")]
    pub(crate) compress_layers: Option<String>,
    /// Write nothing; say what would travel
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Images by name, ID or digest
    #[arg(value_name = "IMAGE", required = true, add = images())]
    pub(crate) images: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ArchiveFormat {
    Docker,
    Oci,
}
