use std::io::IsTerminal;

use plywood::save::{Options, Saving};

use super::{Outcome, encoding, platforms};
use crate::arguments::{ArchiveFormat, Save};
use crate::context::Context;
use crate::report::{Exit, Failure};
use crate::stdin::Patient;
use crate::table::Table;
use crate::{output, units};

pub(crate) fn run(context: &Context, arguments: &Save) -> Outcome {
    if arguments.output.is_none() && !arguments.dry_run && std::io::stdout().is_terminal() {
        return Err(Failure::Misuse(
            "a terminal is no place for an archive: use -o FILE, or a pipe".to_owned(),
        ));
    }
    let engine = context.engine()?;
    let read_list = |given: &str| match given {
        "-" => std::io::read_to_string(Patient::stdin(context)),
        path => std::fs::read_to_string(path),
    };
    let options = Options {
        format: match arguments.format {
            ArchiveFormat::Docker => plywood::Format::Docker,
            ArchiveFormat::Oci => plywood::Format::Oci,
        },
        platforms: platforms(arguments.platform.as_deref())?,
        without: engine.without(&arguments.without, read_list)?,
        compress: arguments.compress.as_deref().map(|text| encoding("--compress", text)).transpose()?,
        compress_layers: arguments
            .compress_layers
            .as_deref()
            .map(|text| encoding("--compress-layers", text))
            .transpose()?,
        ..Options::default()
    };
    let saving = engine.save(&arguments.images, &options)?;
    if arguments.dry_run {
        return dry_run(&saving, arguments.format);
    }
    #[cfg(feature = "registry")]
    if arguments.output.as_deref().is_some_and(|path| path == std::path::Path::new("docker-daemon:")) {
        for line in engine.save_to_daemon(&saving)? {
            output::line(&crate::escape::text(line.trim_end(), crate::escape::Lines::Escape))?;
        }
        return Ok(Exit::Done);
    }
    match &arguments.output {
        Some(path) => engine.write_file(&saving, path)?,
        None => engine.write_stream(&saving, &mut output::Stdout)?,
    }
    Ok(Exit::Done)
}

/// What would travel, and what would not.
fn dry_run(saving: &Saving, format: ArchiveFormat) -> Outcome {
    let size = |layer: &plywood::PlannedLayer| match format {
        ArchiveFormat::Docker => layer.plain,
        ArchiveFormat::Oci => layer.blob.size,
    };
    let mut table = Table::new(["DIFF ID", "SIZE", "TRAVELS"]);
    for (layers, travels) in [(&saving.travels, "yes"), (&saving.stays, "no")] {
        for layer in layers {
            table.row([&*layer.diff_id.0.short(), &units::size(size(layer)), travels]);
        }
    }
    output::print(&table.render())?;
    let stays: u64 = saving.stays.iter().map(size).fold(0, u64::saturating_add);
    output::line(&format!(
        "{} of {} layers would travel: an archive of {}, without {}",
        saving.travels.len(),
        saving.travels.len().saturating_add(saving.stays.len()),
        units::size(saving.total()),
        units::size(stays),
    ))?;
    Ok(Exit::Done)
}
