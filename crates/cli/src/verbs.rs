//! The verbs, a file each.

mod cat;
mod check;
mod commit;
#[cfg(feature = "registry")]
mod copy;
mod cp;
mod create;
mod delete;
mod df;
mod diff;
mod du;
mod export;
mod find;
mod grep;
mod history;
mod images;
mod import;
mod inspect;
mod layers;
mod load;
mod log;
#[cfg(feature = "registry")]
mod login;
mod ls;
mod mount;
mod name;
mod prune;
mod ps;
#[cfg(feature = "registry")]
mod pull;
#[cfg(feature = "registry")]
mod push;
mod rm;
mod rmi;
#[cfg(feature = "run")]
mod run;
mod save;
mod scripts;
#[cfg(feature = "registry")]
mod search;
mod squash;
mod stat;
mod tag;
mod tree;
mod umount;
mod unpack;

use ply_layer::Encoding;
use plywood::{Error, Platforms, Timestamp};

use crate::arguments::{Image, OfContainer, System, Verb};
use crate::context::Context;
use crate::report::{Exit, Failure};

/// How a verb ends.
pub(crate) type Outcome = Result<Exit, Failure>;

pub(crate) fn run(context: &Context, verb: Verb) -> Outcome {
    match verb {
        Verb::Load(a) | Verb::Image(Image::Load(a)) => load::run(context, &a),
        Verb::Save(a) | Verb::Image(Image::Save(a)) => save::run(context, &a),
        Verb::Import(a) | Verb::Image(Image::Import(a)) => import::run(context, &a),
        Verb::Images(a) | Verb::Image(Image::Ls(a)) => images::run(context, &a),
        Verb::Inspect(a) => inspect::run(context, &a),
        Verb::Image(Image::Inspect(a)) => inspect::images(context, &a),
        Verb::Container(OfContainer::Inspect(a)) => inspect::containers(context, &a),
        Verb::Create(a) | Verb::Container(OfContainer::Create(a)) => create::run(context, &a),
        #[cfg(feature = "run")]
        Verb::Run(a) | Verb::Container(OfContainer::Run(a)) => run::run(context, &a),
        Verb::Ps(a) | Verb::Container(OfContainer::Ls(a)) => ps::run(context, &a),
        Verb::Rm(a) | Verb::Container(OfContainer::Rm(a)) => rm::run(context, &a),
        Verb::Cp(a) | Verb::Container(OfContainer::Cp(a)) => cp::run(context, &a),
        Verb::Delete(a) => delete::run(context, &a),
        Verb::Commit(a) | Verb::Container(OfContainer::Commit(a)) => commit::run(context, &a),
        Verb::History(a) | Verb::Image(Image::History(a)) => history::run(context, &a),
        Verb::Layers(a) => layers::run(context, &a),
        Verb::Ls(a) => ls::run(context, &a),
        Verb::Cat(a) => cat::run(context, &a),
        Verb::Stat(a) => stat::run(context, &a),
        Verb::Export(a) | Verb::Container(OfContainer::Export(a)) => export::run(context, &a),
        Verb::Unpack(a) => unpack::run(context, &a),
        Verb::Mount(a) => mount::run(context, &a),
        Verb::Umount(a) => umount::run(context, &a),
        Verb::Log(a) => log::run(context, &a),
        Verb::Du(a) => du::run(context, &a),
        Verb::Diff(a) | Verb::Container(OfContainer::Diff(a)) => diff::run(context, &a),
        Verb::Tree(a) => tree::run(context, &a),
        Verb::Find(a) => find::run(context, &a),
        Verb::Grep(a) => grep::run(context, &a),
        Verb::Name(a) => name::run(&a),
        #[cfg(feature = "registry")]
        Verb::Pull(a) | Verb::Image(Image::Pull(a)) => pull::run(context, &a),
        #[cfg(feature = "registry")]
        Verb::Push(a) | Verb::Image(Image::Push(a)) => push::run(context, &a),
        #[cfg(feature = "registry")]
        Verb::Copy(a) => copy::run(context, &a),
        #[cfg(feature = "registry")]
        Verb::Login(a) => login::run(context, &a),
        #[cfg(feature = "registry")]
        Verb::Logout(a) => login::logout(context, &a),
        #[cfg(feature = "registry")]
        Verb::Search(a) => search::run(context, &a),
        Verb::Squash(a) => squash::run(context, &a),
        Verb::Tag(a) | Verb::Image(Image::Tag(a)) => tag::run(context, &a),
        Verb::Rmi(a) | Verb::Image(Image::Rm(a)) => rmi::run(context, &a),
        Verb::Prune(a) | Verb::Image(Image::Prune(a)) | Verb::System(System::Prune(a)) => {
            prune::run(context, &a)
        }
        Verb::Df(a) | Verb::System(System::Df(a)) => df::run(context, &a),
        Verb::Check(a) => check::run(context, &a),
        Verb::Completion { shell } => scripts::completion(&shell),
        Verb::Man { dir } => scripts::man(&dir),
    }
}

/// A format that somebody gave; an empty one is none, since scripts write `--format "$FORMAT"`.
fn given(format: Option<&str>) -> Option<&str> {
    format.filter(|format| !format.is_empty())
}

/// Whether a listing is the usual table, of which `-q` leaves the IDs.
fn is_table(format: Option<&str>) -> bool {
    given(format).is_none_or(|format| format == "table")
}

/// Reads `--platform` of a verb that takes several.
fn platforms(list: Option<&str>) -> Result<Platforms, Failure> {
    match list {
        None => Ok(Platforms::Host),
        Some("all") => Ok(Platforms::All),
        Some(list) => list.split(',').map(platform).collect::<Result<_, _>>().map(Platforms::These),
    }
}

/// The repository of which all tags are meant.
#[cfg(feature = "registry")]
fn untagged(reference: &ply_reference::Reference) -> Result<&ply_reference::Name, Failure> {
    if reference.tag().is_some() || reference.digest().is_some() {
        return Err(Failure::Misuse("tag can't be used with --all-tags/-a".to_owned()));
    }
    Ok(reference.name())
}

/// Docker says so where a tag was left out.
#[cfg(feature = "registry")]
fn say_default_tag(reference: &ply_reference::Reference, quiet: bool) -> Result<(), Failure> {
    if quiet || reference.tag().is_some() || reference.digest().is_some() {
        return Ok(());
    }
    crate::output::line("Using default tag: latest")
}

/// Reads how something is compressed: `gzip`, `zstd`, with a level as in `zstd:9`; or `none`.
fn encoding(option: &str, text: &str) -> Result<Encoding, Failure> {
    let wrong = || Failure::Misuse(format!("{option} {text}: write gzip[:0..9], zstd[:1..22] or none"));
    let (kind, level) = text.split_once(':').map_or((text, None), |(kind, level)| (kind, Some(level)));
    let level = level.map(str::parse::<u8>).transpose().map_err(|_| wrong())?;
    match (kind, level) {
        ("none", None) => Ok(Encoding::None),
        ("gzip", None) => Ok(Encoding::GZIP),
        ("zstd", None) => Ok(Encoding::ZSTD),
        ("gzip", Some(level @ 0..=9)) => Ok(Encoding::Gzip { level: level.into() }),
        ("zstd", Some(level @ 1..=22)) => Ok(Encoding::Zstd { level: level.into() }),
        _ => Err(wrong()),
    }
}

/// Reads a platform.
fn platform(text: &str) -> Result<plywood::Platform, Failure> {
    text.trim().parse().map_err(|e: plywood::PlatformError| Failure::Misuse(e.to_string()))
}

/// A name that is to be given, with a tag.
fn new_name(text: &str) -> Result<ply_reference::Reference, Failure> {
    let name = ply_reference::Reference::parse(text).map_err(Error::from)?;
    if name.name().familiar() == "sha256" {
        let why = "refusing to create an ambiguous tag using digest algorithm as name";
        return Err(Failure::Message(why.to_owned()));
    }
    if name.digest().is_some() {
        return Err(Failure::Message(format!("{text}: a name that is given cannot hold a digest")));
    }
    Ok(name.with_default_tag())
}

/// When an image that is made now was made: now, or when `SOURCE_DATE_EPOCH` says, so that it can be made again
/// ([reproducible-builds.org](https://reproducible-builds.org/specs/source-date-epoch/)).
fn made_at() -> Result<Timestamp, Failure> {
    let Some(epoch) = std::env::var_os("SOURCE_DATE_EPOCH").filter(|epoch| !epoch.is_empty()) else {
        return Ok(Timestamp::now());
    };
    let text = epoch.to_string_lossy();
    // What has no place in a calendar of four digits would be another time in the config.
    let seconds = text.parse().ok().filter(|seconds| (0..=253_402_300_799).contains(seconds));
    let wrong = || Failure::Misuse(format!("SOURCE_DATE_EPOCH is {text}: write seconds since 1970"));
    Ok(Timestamp { seconds: seconds.ok_or_else(wrong)?, nanoseconds: 0 })
}
