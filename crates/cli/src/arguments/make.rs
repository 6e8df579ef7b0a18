//! The verbs that make images.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::complete::images;

/// Make an image of the tar of a root filesystem
///
/// One layer, the tar byte for byte; a compressed tar (gzip, zstd, xz, bzip2) is told by its first bytes. SOURCE_DATE_EPOCH,
/// where it is set, is when the image was made: then the same tar gives the same ID.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply import root.tar.zst app:1 -c 'CMD [\"app\"]' -c 'ENV MODE=fast'\n  tar -C root -c . | ply import - app:1"
)]
pub(crate) struct Import {
    /// How it is run, as a Dockerfile says it: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, SHELL, STOPSIGNAL,
    /// USER, VOLUME or WORKDIR
    #[arg(short, long, value_name = "INSTRUCTION")]
    pub(crate) change: Vec<String>,
    /// What to say of it in its history [Imported from -]
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) message: Option<String>,
    /// What it is for [this machine]
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// The tar; - for stdin
    #[arg(value_name = "FILE|-", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The image's name
    #[arg(value_name = "NAME[:TAG]")]
    pub(crate) name: Option<String>,
}

/// Make one layer of an image's upper layers, or of all
///
/// Files and config stay what they are; what later layers hid is gone. The steps of the history stay, without layers. The
/// same layers give the same bytes; SOURCE_DATE_EPOCH, where it is set, is when it was done.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply squash app:1 -t app:1-flat\n  ply squash --from 3 app:1 -t app:1-small -m 'without the build'"
)]
pub(crate) struct Squash {
    /// Leave the layers up to this one as they are: a number from 1, or the beginning of a DiffID or ChainID
    #[arg(long, value_name = "LAYER")]
    pub(crate) from: Option<String>,
    /// A name for the new image; may be given again
    #[arg(short, long, value_name = "NAME[:TAG]", required = true)]
    pub(crate) tag: Vec<String>,
    /// What to say of it in its history
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) message: Option<String>,
    /// Which platform of an image with several
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// The image, by name, ID or digest
    #[arg(value_name = "IMAGE", add = images())]
    pub(crate) image: String,
}
