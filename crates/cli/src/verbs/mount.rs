mod serve;

use plywood::mount::{Listed, Mounted, Options, Since, Way, by_fuse};
use serde_json::{Value, json};

use super::{Outcome, platform};
use crate::arguments::Mount;
use crate::context::Context;
use crate::escape::{self, Lines};
use crate::output;
use crate::report::{Exit, note};
use crate::table::Table;
use crate::units;

pub(crate) fn run(context: &Context, arguments: &Mount) -> Outcome {
    let (Some(image), Some(dir)) = (&arguments.image, &arguments.dir) else {
        return list(context, arguments.json);
    };
    let is_served = arguments.foreground || arguments.serve;
    if arguments.fuse && !is_served {
        return serve::elsewhere(context, arguments);
    }
    let platform = arguments.platform.as_deref().map(platform).transpose()?;
    let engine = context.engine()?;
    let way = match (is_served, arguments.in_loops) {
        (true, _) => Some(Way::Fuse),
        (false, true) => Some(Way::Loop),
        (false, false) => None,
    };
    let options = Options {
        suid: arguments.suid,
        dev: arguments.dev,
        way,
        verify: arguments.verify,
        cache: arguments.cache,
    };
    let mounted = match engine.mount(image, platform.as_ref(), dir, options) {
        Err(error) if way.is_none() && by_fuse(&error) && cfg!(feature = "fuse") => {
            return serve::elsewhere(context, arguments);
        }
        mounted => mounted?,
    };
    context.hide_bars();
    let Mounted { verified, warnings, served } = mounted;
    if let Some(layers) = verified {
        let (layers, hash) = (units::count(layers, "layer"), if layers == 1 { "hashes" } else { "hash" });
        note(&format!("verified: {layers} {hash} to what the config says"));
    }
    warnings.iter().for_each(|warning| note(warning));
    match served {
        Some(served) => serve::here(context, served, dir, arguments.serve),
        None => Ok(Exit::Done),
    }
}

fn list(context: &Context, as_json: bool) -> Outcome {
    let mounts = context.engine()?.mounts()?;
    if as_json {
        output::json(&mounts.iter().map(said).collect::<Vec<_>>())?;
    } else {
        let mut table = Table::new(["IMAGE", "DIR", "FROM"]);
        for Listed { mount, .. } in &mounts {
            let here = if mount.container.is_some() { "container" } else { "store" };
            let from = mount.from.as_ref().map_or(here.into(), |from| from.to_string_lossy());
            let cells = [mount.image.as_str(), &mount.directory.to_string_lossy(), &from];
            let cells = cells.map(|cell| escape::text(cell, Lines::Escape).into_owned());
            table.row(cells.iter().map(String::as_str));
        }
        output::print(&table.render())?;
    }
    for Listed { mount, since } in &mounts {
        let from = mount.from.iter().map(|from| from.display().to_string()).collect::<String>();
        let at = mount.directory.display();
        match since {
            Since::Same => {}
            Since::Replaced => {
                note(&format!("{from} is gone or another since; {at} shows the one that was mounted"))
            }
            Since::Changed => {
                note(&format!("{from} was written to since: {at} may show a mixture of old and new"))
            }
            Since::Unserved => note(&format!(
                "{at} shows nothing, since the process that served it is gone: `ply umount {at}`"
            )),
        }
    }
    Ok(Exit::Done)
}

fn said(Listed { mount, since }: &Listed) -> Value {
    json!({
        "image": mount.image,
        "id": mount.image_id,
        "dir": mount.directory,
        "container": mount.container.map(|id| id.to_string()),
        "way": match mount.way {
            Way::Kernel => "kernel",
            Way::Loop => "loop",
            Way::Fuse => "fuse",
        },
        "from": mount.from,
        "since": match since {
            Since::Same => "same",
            Since::Replaced => "replaced",
            Since::Changed => "changed",
            Since::Unserved => "unserved",
        },
    })
}
