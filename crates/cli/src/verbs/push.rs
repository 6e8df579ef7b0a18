use ply_reference::Reference;
use plywood::registry::Sent;
use plywood::registry::push::{Options, Pushed};

use super::{Outcome, encoding, platforms, say_default_tag, untagged};
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
    let quiet = arguments.quiet;
    let engine = if quiet { context.quiet_engine()? } else { context.engine()? };
    let reference = Reference::parse(&arguments.name).map_err(plywood::Error::from)?;
    if !quiet {
        output::line(&format!("The push refers to repository [{}]", reference.name().canonical()))?;
    }
    if arguments.all_tags {
        engine.push_all(untagged(&reference)?, &options, |pushed| print(&pushed, quiet))?;
    } else {
        say_default_tag(&reference, quiet)?;
        print(&engine.push(&reference, &options)?, quiet)?;
    }
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
