//! The verbs of containers.

use std::ffi::OsString;

use clap::{Args, Subcommand};

use super::{Diff, Export};
use crate::complete::{containers, images, parts};

#[derive(Debug, Subcommand)]
pub(crate) enum OfContainer {
    Create(Create),
    #[cfg(feature = "run")]
    Run(Run),
    #[command(alias = "list", alias = "ps")]
    Ls(Ps),
    Inspect(InspectContainer),
    #[command(alias = "remove")]
    Rm(Rm),
    Cp(Cp),
    Diff(Diff),
    Commit(Commit),
    Export(Export),
}

/// Make a container: an empty writable layer over an image
///
/// Nothing runs in it. It is looked at as an image is, changed with cp and delete, and becomes an image with commit. What is
/// printed is its ID.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply create --name try app:1\n  id=$(ply create app:1) && ply cp $id:/app ./app && ply rm $id"
)]
pub(crate) struct Create {
    /// What it is called [two words drawn at random]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Which platform of an image with several
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// The image, by name, ID or digest
    #[arg(value_name = "IMAGE", add = images())]
    pub(crate) image: String,
    /// What an image made of it runs, in place of the image's command
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<String>,
}

/// Run a command in a new container of an image, as root
///
/// The container is mounted, and crun or runc executes the command: in namespaces of its own, but for the network, which is the
/// host's. Its exit code is the command's; 125 where nothing could be run, 126 and 127 where the command is no program or not
/// there. What was written stays in the container, unless it is removed with --rm.
#[cfg(feature = "run")]
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply run --rm -it app:1 sh\n  ply run --rm -v $PWD:/src:ro -w /src app:1 make test\n  ply run --name try app:1 apt-get install -y jq && ply commit try app:2"
)]
pub(crate) struct Run {
    /// What the container is called [two words drawn at random]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Remove the container when the command has ended
    #[arg(long)]
    pub(crate) rm: bool,
    /// Let the command read stdin
    #[arg(short, long)]
    pub(crate) interactive: bool,
    /// Give the command a terminal
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// Set a variable; without a value, to that it has here
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// Where the command starts
    #[arg(short, long, value_name = "DIR")]
    pub(crate) workdir: Option<String>,
    /// Who runs it, by name or number
    #[arg(short, long, value_name = "USER[:GROUP]")]
    pub(crate) user: Option<String>,
    /// In place of the image's; empty for none
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) entrypoint: Option<String>,
    /// Show a file or directory of the host
    #[arg(short, long, value_name = "HOST:DIR[:ro]")]
    pub(crate) volume: Vec<String>,
    /// The host's network, or none
    #[arg(long, value_enum, default_value_t = Network::Host)]
    pub(crate) network: Network,
    /// The program that executes it [crun or runc]
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) runtime: Option<String>,
    /// Which platform of an image with several
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<String>,
    /// The image, by name, ID or digest
    #[arg(value_name = "IMAGE", add = images())]
    pub(crate) image: String,
    /// What to run, in place of the image's command
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<String>,
}

#[cfg(feature = "run")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Network {
    Host,
    None,
}

/// List containers
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ply ps -a\n  ply rm $(ply ps -aq --filter ancestor=app:1)")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of Docker's")]
pub(crate) struct Ps {
    /// Those too in which nothing runs: here, all of them
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Only IDs
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// IDs and commands whole
    #[arg(long)]
    pub(crate) no_trunc: bool,
    /// Only the newest
    #[arg(short, long)]
    pub(crate) latest: bool,
    /// Only so many of the newest
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) last: Option<usize>,
    /// With sizes: what was written, and that with the image
    #[arg(short, long)]
    pub(crate) size: bool,
    /// name=TEXT, id=PREFIX, ancestor=IMAGE, status=created
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub(crate) filter: Vec<String>,
    /// table, table TEMPLATE, json, or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
}

/// Show all that is known of a container
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ply container inspect try\n  ply container inspect -f '{{.Image}}' try")]
pub(crate) struct InspectContainer {
    /// A Go template, or json
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// Containers, by name or ID
    #[arg(value_name = "CONTAINER", required = true, add = containers())]
    pub(crate) containers: Vec<String>,
}

/// Remove containers and what was written in them
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ply rm try\n  ply rm $(ply ps -aq)")]
pub(crate) struct Rm {
    /// What is not there is no error; by ID one with a damaged record goes too
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Accepted for Docker's sake: there are no volumes here
    #[arg(short, long)]
    pub(crate) volumes: bool,
    /// Containers, by name or ID
    #[arg(value_name = "CONTAINER", required = true, add = containers())]
    pub(crate) containers: Vec<String>,
}

/// Copy files into a container, or out of a container or an image
///
/// As Docker's: into a directory that is there, else to the very path; SRC/. means what a directory holds. A container is
/// copied to or from, an image from, loaded or not; - is a tar on stdin or stdout.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply cp motd try:/etc/motd\n  ply cp app:1:/usr/share/doc ./doc\n  tar -c conf | ply cp - try:/etc"
)]
pub(crate) struct Cp {
    /// Keep owners; else what comes out is yours
    #[arg(short, long)]
    pub(crate) archive: bool,
    /// Copy what SRC leads to, where that is a link
    #[arg(short = 'L', long)]
    pub(crate) follow_link: bool,
    /// Accepted for Docker's sake: nothing is printed
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// PATH, CONTAINER:PATH, IMAGE:PATH or -
    #[arg(value_name = "SRC", add = parts())]
    pub(crate) source: OsString,
    /// PATH, CONTAINER:PATH or -
    #[arg(value_name = "DEST", add = parts())]
    pub(crate) destination: OsString,
}

/// Delete files of a container; what lies below stays, hidden
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ply delete try:/etc/motd\n  ply delete try:/var/cache try:/tmp/build")]
pub(crate) struct Delete {
    /// Files or directories, with all they hold
    #[arg(value_name = "CONTAINER:PATH", required = true, add = parts())]
    pub(crate) paths: Vec<OsString>,
}

/// Make an image of a container
///
/// What was written in it becomes a layer on top of its image's. The same files give the same layer; SOURCE_DATE_EPOCH, where
/// it is set, is when the image was made. What is printed is the image's ID.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ply commit -m 'a greeting' try app:2\n  ply commit -c 'CMD [\"app\",\"-v\"]' -c 'ENV MODE=fast' try app:2"
)]
pub(crate) struct Commit {
    /// Who made it
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) author: Option<String>,
    /// What to say of it in its history
    #[arg(short, long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) message: String,
    /// How it is run, as a Dockerfile says it: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, SHELL, STOPSIGNAL,
    /// USER, VOLUME or WORKDIR
    #[arg(short, long, value_name = "INSTRUCTION")]
    pub(crate) change: Vec<String>,
    /// Accepted for Docker's sake: nothing runs that could be paused
    #[arg(short, long)]
    pub(crate) pause: bool,
    /// The container, by name or ID
    #[arg(value_name = "CONTAINER", add = containers())]
    pub(crate) container: String,
    /// The image's name
    #[arg(value_name = "NAME[:TAG]")]
    pub(crate) name: Option<String>,
}
