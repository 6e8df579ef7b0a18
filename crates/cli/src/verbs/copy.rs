use plywood::Platforms;
use plywood::registry::copy::Options;

use super::{Outcome, encoding, platforms};
use crate::arguments::Copy;
use crate::context::Context;
use crate::report::Exit;

pub(crate) fn run(context: &Context, arguments: &Copy) -> Outcome {
    let options = Options {
        platforms: if arguments.all { Platforms::All } else { platforms(arguments.platform.as_deref())? },
        compress_layers: arguments
            .compress_layers
            .as_deref()
            .map(|text| encoding("--compress-layers", text))
            .transpose()?,
        preserve_digests: arguments.preserve_digests,
    };
    let engine = if arguments.quiet { context.quiet_engine()? } else { context.engine()? };
    engine.copy(&arguments.source, &arguments.destination, &options)?;
    Ok(Exit::Done)
}
