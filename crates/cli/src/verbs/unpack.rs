use plywood::unpack::Options;

use super::{Outcome, platform};
use crate::arguments::Unpack;
use crate::context::Context;
use crate::report::{Exit, note};
use crate::units;

pub(crate) fn run(context: &Context, arguments: &Unpack) -> Outcome {
    let platform = arguments.platform.as_deref().map(platform).transpose()?;
    let engine = context.engine()?;
    let files = engine.files_made_plain(&arguments.image, platform.as_ref())?;
    let options = Options { skip_devices: arguments.skip_devices };
    let unpacked = engine.unpack(&files, &arguments.dir, options)?;
    context.hide_bars();
    for layer in files.layers() {
        layer.warnings.iter().for_each(|warning| note(warning));
    }
    unpacked.warnings.iter().for_each(|warning| note(&warning.to_string()));
    if unpacked.skipped_devices > 0 {
        let devices = usize::try_from(unpacked.skipped_devices).unwrap_or(usize::MAX);
        note(&format!("{} left out: making one takes privilege", units::count(devices, "device")));
    }
    Ok(Exit::Done)
}
