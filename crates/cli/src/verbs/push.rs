use ply_reference::Reference;
use plywood::registry::Sent;
use plywood::registry::push::{Options, Pushed};

use super::{Outcome, encoding, platforms};
use crate::arguments::Push;
use crate::context::Context;
use crate::output;
use crate::report::{Exit, Failure};

pub(crate) fn run(context: &Context, arguments: &Push) -> Outcome {
    let options = Options {
        compress: arguments.compress.as_deref().map(|text| encoding("--compress", text)).transpose()?,
        platforms: platforms(arguments.platform.as_deref())?,
        preserve_digests: false,
    };
    let engine = if arguments.quiet { context.quiet_engine()? } else { context.engine()? };
    let reference = Reference::parse(&arguments.name).map_err(plywood::Error::from)?;
    if !arguments.quiet {
        output::line(&format!("The push refers to repository [{}]", reference.name().canonical()))?;
    }
    if arguments.all_tags {
        if reference.tag().is_some() {
            return Err(Failure::Misuse("tag can't be used with --all-tags/-a".to_owned()));
        }
        let mut failed = None;
        engine.push_all(reference.name(), &options, |pushed| {
            if let Err(error) = print(&pushed, arguments.quiet) {
                failed.get_or_insert(error);
            }
            Ok(())
        })?;
        return failed.map_or(Ok(Exit::Done), Err);
    }
    if !arguments.quiet && reference.tag().is_none() && reference.digest().is_none() {
        output::line("Using default tag: latest")?;
    }
    print(&engine.push(&reference, &options)?, arguments.quiet)?;
    Ok(Exit::Done)
}

/// What Docker prints when all is done.
fn print(pushed: &Pushed, quiet: bool) -> Result<(), Failure> {
    let name = &pushed.name;
    if quiet {
        return output::line(&name.canonical());
    }
    for (diff_id, sent) in &pushed.layers {
        let how = match sent {
            Sent::Pushed => "Pushed".to_owned(),
            Sent::There => "Layer already exists".to_owned(),
            Sent::Mounted(from) => format!("Mounted from {}", from.path()),
        };
        output::line(&format!("{}: {how}", diff_id.0.short()))?;
    }
    let what = name.tag().map_or_else(|| pushed.digest.to_string(), ToString::to_string);
    output::line(&format!("{what}: digest: {} size: {}", pushed.digest, pushed.size))
}
