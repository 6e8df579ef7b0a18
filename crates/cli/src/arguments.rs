//! The command line: verbs and flags, spelled as Docker spells them where Docker has them.

mod archives;
mod containers;
mod files;
mod make;
#[cfg(feature = "registry")]
mod registries;
pub(crate) mod switches;

pub(crate) use archives::{ArchiveFormat, LineFormat, Load, Save};
pub(crate) use containers::{Commit, Cp, Create, Delete, InspectContainer, OfContainer, Ps, Rm};
#[cfg(feature = "run")]
pub(crate) use containers::{Network, Run};
pub(crate) use files::{Cat, Diff, Du, Export, Find, Grep, Log, Ls, Mount, Stat, Tree, Umount, Unpack};
pub(crate) use make::{Import, Squash};
#[cfg(feature = "registry")]
pub(crate) use registries::{Copy, Login, Logout, Pull, Push, Search};

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

use crate::complete::{images, subjects};
use crate::help::HELP;

/// Container images without a daemon.
#[derive(Debug, Parser)]
#[command(name = "ply", version, override_help = HELP, subcommand_required = true, arg_required_else_help = true)]
#[command(max_term_width = 110, disable_version_flag = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    /// Print the version
    #[arg(short = 'V', visible_short_alias = 'v', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Where images are kept; PLY_STORE says it too
    // Not clap's `env`: with that set, no arguments would count as some, and `ply` alone would not help.
    #[arg(long, global = true, display_order = 900, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: Option<PathBuf>,
    /// Threads to work with; 0 for one a core
    #[arg(
        long,
        global = true,
        display_order = 901,
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub(crate) threads: usize,
    /// Load and pull no layer that is larger when plain: 20g, 500m. [no limit: memory does not grow with one]
    #[arg(long, global = true, display_order = 901, value_name = "SIZE", value_parser = crate::units::bytes)]
    pub(crate) max_layer_size: Option<u64>,
    /// Whether registries must show a certificate that is trusted; with =false one without TLS will do
    #[cfg(feature = "registry")]
    #[arg(
        long,
        global = true,
        display_order = 902,
        value_name = "BOOL",
        default_value_t = true,
        hide_default_value = true,
        action = clap::ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub(crate) tls_verify: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Load(Load),
    Save(Save),
    #[cfg(feature = "registry")]
    Pull(Pull),
    #[cfg(feature = "registry")]
    Push(Push),
    #[cfg(feature = "registry")]
    Copy(Copy),
    #[cfg(feature = "registry")]
    Login(Login),
    #[cfg(feature = "registry")]
    Logout(Logout),
    #[cfg(feature = "registry")]
    Search(Search),
    Import(Import),
    Squash(Squash),
    Images(Images),
    Inspect(Inspect),
    History(History),
    Layers(Layers),
    Tree(Tree),
    Name(Name),
    Ls(Ls),
    Cat(Cat),
    Stat(Stat),
    Export(Export),
    Unpack(Unpack),
    Mount(Mount),
    Umount(Umount),
    Find(Find),
    Grep(Grep),
    Log(Log),
    Diff(Diff),
    Du(Du),
    Create(Create),
    #[cfg(feature = "run")]
    Run(Run),
    Ps(Ps),
    Rm(Rm),
    Cp(Cp),
    Delete(Delete),
    Commit(Commit),
    Tag(Tag),
    Rmi(Rmi),
    /// The verbs of containers as Docker spells them under `container`
    #[command(subcommand, disable_help_subcommand = true)]
    Container(OfContainer),
    /// The verbs as Docker spells them under `image`
    #[command(subcommand, disable_help_subcommand = true)]
    Image(Image),
    Check(Check),
    Df(Df),
    Prune(Prune),
    /// The verbs of the store as Docker spells them under `system`
    #[command(subcommand, disable_help_subcommand = true)]
    System(System),
    /// Print a script that completes verbs, flags and images: `ply completion bash > FILE`, and source it
    Completion {
        /// Which shell
        #[arg(value_parser = crate::complete::SHELLS)]
        shell: String,
    },
    /// Write a man page for each verb
    Man {
        /// The folder they go to
        #[arg(value_hint = ValueHint::DirPath)]
        dir: PathBuf,
    },
}

impl Verb {
    /// Whether Ctrl-C stops it, and not what it runs.
    pub(crate) const fn listens(&self) -> bool {
        match self {
            #[cfg(feature = "run")]
            Self::Run(_) | Self::Container(OfContainer::Run(_)) => false,
            _ => true,
        }
    }

    /// What is said when somebody stops it: what became of the work.
    pub(crate) const fn when_stopped(&self) -> &'static str {
        match self {
            Self::Cp(_) | Self::Container(OfContainer::Cp(_)) => "stopped; what was copied by then stays",
            Self::Delete(_) | Self::Rm(_) | Self::Rmi(_) | Self::Check(_) | Self::Umount(_) => {
                "stopped; what was done by then stays"
            }
            Self::Load(_)
            | Self::Save(_)
            | Self::Import(_)
            | Self::Squash(_)
            | Self::Export(_)
            | Self::Unpack(_)
            | Self::Create(_)
            | Self::Commit(_)
            | Self::Tag(_)
            | Self::Mount(_)
            | Self::Prune(_)
            | Self::System(System::Prune(_))
            | Self::Container(_)
            | Self::Image(_) => "stopped; what was begun was undone",
            #[cfg(feature = "run")]
            Self::Run(_) => "stopped",
            #[cfg(feature = "registry")]
            Self::Pull(_) => "stopped; nothing was named, and what came whole is kept for the next try",
            #[cfg(feature = "registry")]
            Self::Copy(_) => "stopped; what was begun was undone, or has no name yet",
            #[cfg(feature = "registry")]
            Self::Push(_) => "stopped; the tag was not moved, and what came whole stays with the registry",
            #[cfg(feature = "registry")]
            Self::Login(_) | Self::Logout(_) | Self::Search(_) => "stopped",
            Self::Images(_)
            | Self::Inspect(_)
            | Self::History(_)
            | Self::Layers(_)
            | Self::Tree(_)
            | Self::Name(_)
            | Self::Ls(_)
            | Self::Cat(_)
            | Self::Stat(_)
            | Self::Find(_)
            | Self::Grep(_)
            | Self::Log(_)
            | Self::Diff(_)
            | Self::Du(_)
            | Self::Ps(_)
            | Self::Df(_)
            | Self::System(System::Df(_))
            | Self::Completion { .. }
            | Self::Man { .. } => "stopped",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Image {
    #[command(alias = "list")]
    Ls(Images),
    Load(Load),
    Save(Save),
    #[cfg(feature = "registry")]
    Pull(Pull),
    #[cfg(feature = "registry")]
    Push(Push),
    Import(Import),
    Inspect(Inspect),
    History(History),
    Tag(Tag),
    #[command(alias = "remove")]
    Rm(Rmi),
    Prune(Prune),
}

#[derive(Debug, Subcommand)]
pub(crate) enum System {
    Df(Df),
    Prune(Prune),
}

/// List images
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ply images --filter dangling=true\n  ply images ./app.tar")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of Docker's")]
pub(crate) struct Images {
    /// Accepted for Docker's sake: there are no hidden images here
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Only IDs
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// IDs with all their digits
    #[arg(long)]
    pub(crate) no_trunc: bool,
    /// Show digests
    #[arg(long)]
    pub(crate) digests: bool,
    /// Sort by created, name or size
    #[arg(long, value_enum, value_name = "KEY")]
    pub(crate) sort: Option<Sort>,
    /// dangling=BOOL, label=KEY[=VALUE], before=IMAGE, since=IMAGE, reference=PATTERN, until=TIME
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub(crate) filter: Vec<String>,
    /// table, table TEMPLATE, json, or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// Only this repository or name; or an archive that is not loaded
    #[arg(value_name = "NAME[:TAG]", add = images())]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    Created,
    Name,
    Size,
}

/// Show all that is known of an image or a container
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply inspect -f '{{.Id}} {{len .RootFS.Layers}}' app:1\n  ply inspect ./app.tar\n  ply inspect --raw docker://registry.example/app:1"
)]
pub(crate) struct Inspect {
    /// A Go template, or json
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// Print the manifest or index as it is, byte for byte
    #[arg(long, conflicts_with = "format")]
    pub(crate) raw: bool,
    /// Which platform of an image with several
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// Only an image, or only a container; without it, a container before an image
    #[arg(long = "type", value_name = "KIND")]
    pub(crate) kind: Option<Inspected>,
    /// Images by name, ID, digest or place; containers by name or ID
    #[arg(value_name = "IMAGE|CONTAINER", required = true, add = subjects())]
    pub(crate) images: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Inspected {
    Image,
    Container,
}

/// Show the steps that made an image
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply history app:1\n  ply history --layers --no-trunc docker-archive:app.tar"
)]
pub(crate) struct History {
    /// Nothing shortened
    #[arg(long)]
    pub(crate) no_trunc: bool,
    /// Only IDs
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Sizes and dates for people
    #[arg(short = 'H', long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) human: bool,
    /// With each step the layer it made: DiffID, ChainID, digest, media type
    #[arg(long)]
    pub(crate) layers: bool,
    /// Which platform of an image with several
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// table, table TEMPLATE, json, or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// The image
    #[arg(value_name = "IMAGE", add = images())]
    pub(crate) image: String,
}

/// Show the layers of an image and who shares them
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply layers app:1\n  ply layers -q app:1 | ssh server ply save --without - app:2 | ply load"
)]
pub(crate) struct Layers {
    /// Only DiffIDs, whole
    #[arg(short, long, conflicts_with = "json")]
    pub(crate) quiet: bool,
    /// Digests with all their digits
    #[arg(long)]
    pub(crate) no_trunc: bool,
    /// Exact sizes
    #[arg(long)]
    pub(crate) bytes: bool,
    /// JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Which platform of an image with several
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// Images by name, ID, digest or place
    #[arg(value_name = "IMAGE", required = true, add = images())]
    pub(crate) images: Vec<String>,
}

/// Take a name apart
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ply name nginx\n  ply name --json localhost:5000/a/b:1")]
pub(crate) struct Name {
    /// JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Names, tagged or not
    #[arg(value_name = "REF", required = true)]
    pub(crate) names: Vec<String>,
}

/// Give an image another name
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply tag app:1 app:stable\n  ply tag 82e97ab03902 registry.example/team/app:1"
)]
pub(crate) struct Tag {
    /// The image
    #[arg(value_name = "IMAGE", add = images())]
    pub(crate) image: String,
    /// Its new name
    #[arg(value_name = "NAME[:TAG]")]
    pub(crate) name: String,
}

/// Remove names, and images with their last name
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ply rmi app:1\n  ply rmi -f 82e97ab03902")]
pub(crate) struct Rmi {
    /// Remove an image by ID with all its names; what is not there is no error
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Accepted for Docker's sake: there are no untagged parents here
    #[arg(long)]
    pub(crate) no_prune: bool,
    /// Images by name, ID or digest
    #[arg(value_name = "IMAGE", required = true, add = images())]
    pub(crate) images: Vec<String>,
}

/// Remove images nobody needs, and left-overs; or what can be made again
///
/// Those without a name; with --all every image; with --keep all but the newest tags of each repository. What broken-off work
/// left behind goes as well. With --cache only indexes and plain tars go, which are made again when they are needed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ply prune -f\n  ply prune --keep 3 --dry-run\n  ply prune --cache")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Prune {
    /// Images with names too
    #[arg(short, long)]
    pub(crate) all: bool,
    /// until=TIME or AGE, label=KEY[=VALUE], label!=KEY[=VALUE]
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) filter: Vec<String>,
    /// Keep so many of the newest tags of each repository, and remove the others
    #[arg(long, value_name = "N", conflicts_with = "all")]
    pub(crate) keep: Option<usize>,
    /// No images, but all indexes and plain tars: they are made again when they are needed
    #[arg(long, conflicts_with_all = ["all", "keep", "filter"])]
    pub(crate) cache: bool,
    /// Remove nothing; say what would go
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) force: bool,
}

/// Show what lies in the store, and how much of it can be had back
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ply df\n  ply df -v")]
pub(crate) struct Df {
    /// Each image
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Bytes, not rounded
    #[arg(long)]
    pub(crate) bytes: bool,
    /// JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Hash everything again, and repair it from an archive
///
/// Damaged blobs are moved aside, so that loading the image again heals it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ply check\n  ply check app:1 --repair app.tar")]
pub(crate) struct Check {
    /// Take good copies of what is damaged or missing from this archive or layout
    #[arg(long, value_name = "ARCHIVE", value_hint = ValueHint::AnyPath)]
    pub(crate) repair: Option<PathBuf>,
    /// JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Only this image
    #[arg(value_name = "IMAGE", add = images())]
    pub(crate) image: Option<String>,
}
