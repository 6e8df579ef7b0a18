//! The verbs that speak to registries and to a Docker daemon.

use clap::Args;

use crate::complete::images;

/// Pull an image from a registry
///
/// Layers come over several connections and are checked as they come; those that are here already are not asked for. All of
/// it comes, or nothing is named; what came whole is kept for the next try. docker-daemon:NAME takes it from a Docker daemon.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply pull registry.example/team/app:1\n  ply pull --platform linux/arm64 registry.example/app:1\n  ply pull docker-daemon:app:1"
)]
pub(crate) struct Pull {
    /// All tags of the repository
    #[arg(short, long)]
    pub(crate) all_tags: bool,
    /// Print only the name
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Platforms to pull, joined by commas: linux/arm64; or all. [the host's]
    #[arg(long, value_name = "LIST")]
    pub(crate) platform: Option<String>,
    /// The image
    #[arg(value_name = "NAME[:TAG|@DIGEST]")]
    pub(crate) name: String,
}

/// Log in to a registry
///
/// What it takes is kept where Docker keeps it: by the helper that config.json names, or in that file.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply login -u me registry.example\n  pass show registry | ply login -u me --password-stdin registry.example"
)]
pub(crate) struct Login {
    /// The user
    #[arg(short, long, value_name = "USER")]
    pub(crate) username: Option<String>,
    /// The password: seen by whoever lists processes, so better from stdin
    #[arg(short, long, value_name = "PASSWORD", conflicts_with = "password_stdin")]
    pub(crate) password: Option<String>,
    /// Read the password from stdin
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// The registry's host; without it the one that names without a host belong to
    #[arg(value_name = "HOST")]
    pub(crate) host: Option<String>,
}

/// Forget the credentials for a registry
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ply logout registry.example")]
pub(crate) struct Logout {
    /// The registry's host; without it the one that names without a host belong to
    #[arg(value_name = "HOST")]
    pub(crate) host: Option<String>,
}

/// List the tags of a repository in a registry
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply search --tags registry.example/team/app\n  ply search --tags --limit 10 app"
)]
pub(crate) struct Search {
    /// List tags: what registries can be asked for
    #[arg(long, visible_alias = "list-tags", required = true)]
    pub(crate) tags: bool,
    /// Only the first of them
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// A line of JSON for each tag
    #[arg(long)]
    pub(crate) json: bool,
    /// The repository
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// Push an image to a registry
///
/// Only what the registry lacks travels; blobs it has in another repository are mounted. Plain layers are compressed: the same
/// bytes whenever and wherever it is done.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply push registry.example/team/app:1\n  ply push --compress zstd registry.example/team/app:1"
)]
pub(crate) struct Push {
    /// All tags of the repository
    #[arg(short, long)]
    pub(crate) all_tags: bool,
    /// Print only the name
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// How layers travel: gzip, zstd, with a level as in zstd:9, or none. [as they are; plain ones with gzip]
    #[arg(long, value_name = "KIND[:LEVEL]")]
    pub(crate) compress: Option<String>,
    /// Platforms to push, joined by commas; or all. [all that are here]
    #[arg(long, value_name = "LIST")]
    pub(crate) platform: Option<String>,
    /// The image
    #[arg(value_name = "NAME[:TAG]", add = images())]
    pub(crate) name: String,
}

/// Copy an image between registries, archives, layouts, a Docker daemon and the store
///
/// Both ends are spelled as skopeo spells them: docker://NAME, docker-archive:FILE:NAME, oci-archive:FILE:NAME,
/// oci:DIR:NAME (of these three the name may be left out), docker-daemon:NAME, and store:NAME or a name alone.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply copy docker://registry.example/app:1 oci:layout:1\n  ply copy --all docker://a.example/app:1 docker://b.example/app:1"
)]
pub(crate) struct Copy {
    /// All platforms
    #[arg(short, long, conflicts_with = "platform")]
    pub(crate) all: bool,
    /// Fail rather than give the copy another digest
    #[arg(long)]
    pub(crate) preserve_digests: bool,
    /// How layers are packed: gzip, zstd, with a level as in zstd:9, or none. [as they are; to a registry: not plain]
    #[arg(long, value_name = "KIND[:LEVEL]")]
    pub(crate) compress_layers: Option<String>,
    /// Platforms to copy, joined by commas
    #[arg(long, value_name = "LIST")]
    pub(crate) platform: Option<String>,
    /// No bars
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// What to copy
    #[arg(value_name = "SOURCE", add = images())]
    pub(crate) source: String,
    /// Where to
    #[arg(value_name = "DESTINATION")]
    pub(crate) destination: String,
}
