use ply_reference::Reference;
use plywood::registry::pull::Pulled;

use super::{Outcome, platforms, say_default_tag, untagged};
use crate::arguments::Pull;
use crate::context::Context;
use crate::output;
use crate::report::{Exit, Failure};

pub(crate) fn run(context: &Context, arguments: &Pull) -> Outcome {
    let platforms = platforms(arguments.platform.as_deref())?;
    let engine = if arguments.quiet { context.quiet_engine()? } else { context.engine()? };
    if let Some(name) = arguments.name.strip_prefix("docker-daemon:") {
        let options = plywood::load::Options { platforms, ..plywood::load::Options::default() };
        super::load::print(&engine.load_from_daemon(name, &options)?, None)?;
        return Ok(Exit::Done);
    }
    let text = arguments.name.strip_prefix("docker://").unwrap_or(&arguments.name);
    let reference = Reference::parse(text).map_err(plywood::Error::from)?;
    let quiet = arguments.quiet;
    if arguments.all_tags {
        engine.pull_all(untagged(&reference)?, &platforms, |pulled| print(&pulled, quiet))?;
    } else {
        say_default_tag(&reference, quiet)?;
        print(&engine.pull(&reference, &platforms)?, quiet)?;
    }
    Ok(Exit::Done)
}

/// What Docker prints when all is done.
fn print(pulled: &Pulled, quiet: bool) -> Result<(), Failure> {
    let name = &pulled.name;
    if !quiet {
        let what = match (name.tag(), name.digest()) {
            (Some(tag), _) => tag.to_string(),
            (None, digest) => digest.map(ToString::to_string).unwrap_or_default(),
        };
        output::line(&format!("{what}: Pulling from {}", pulled_from(name)))?;
        output::line(&format!("Digest: {}", pulled.digest))?;
        let status = if pulled.was_here { "Image is up to date" } else { "Downloaded newer image" };
        output::line(&format!("Status: {status} for {}", name.familiar()))?;
    }
    output::line(&name.canonical())
}

/// The repository's path on its registry.
fn pulled_from(name: &Reference) -> &str {
    name.name().path()
}
