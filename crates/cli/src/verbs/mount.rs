use plywood::mount::{Listed, Options, Since};
use serde_json::{Value, json};

use super::{Outcome, platform};
use crate::arguments::Mount;
use crate::context::Context;
use crate::escape::{self, Lines};
use crate::output;
use crate::report::{Exit, note};
use crate::table::Table;

pub(crate) fn run(context: &Context, arguments: &Mount) -> Outcome {
    let (Some(image), Some(dir)) = (&arguments.image, &arguments.dir) else {
        return list(context, arguments.json);
    };
    let platform = arguments.platform.as_deref().map(platform).transpose()?;
    let engine = context.engine()?;
    let options = Options { suid: arguments.suid, dev: arguments.dev };
    let warnings = engine.mount(image, platform.as_ref(), dir, options)?;
    context.hide_bars();
    warnings.iter().for_each(|warning| note(warning));
    Ok(Exit::Done)
}

fn list(context: &Context, as_json: bool) -> Outcome {
    let mounts = context.engine()?.mounts()?;
    if as_json {
        output::json(&mounts.iter().map(said).collect::<Vec<_>>())?;
    } else {
        let mut table = Table::new(["IMAGE", "DIR", "FROM"]);
        for Listed { mount, .. } in &mounts {
            let from = mount.from.as_ref().map_or("store".into(), |from| from.to_string_lossy());
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
        }
    }
    Ok(Exit::Done)
}

fn said(Listed { mount, since }: &Listed) -> Value {
    json!({
        "image": mount.image,
        "id": mount.image_id,
        "dir": mount.directory,
        "from": mount.from,
        "since": match since {
            Since::Same => "same",
            Since::Replaced => "replaced",
            Since::Changed => "changed",
        },
    })
}
