use ply_reference::Reference;
use plywood::disk::{DiskUse, ImageUse, Part};
use serde_json::{Value, json};

use super::Outcome;
use crate::arguments::Df;
use crate::context::Context;
use crate::report::Exit;
use crate::table::Table;
use crate::{output, units, when};

pub(crate) fn run(context: &Context, arguments: &Df) -> Outcome {
    let found = context.engine()?.disk_use()?;
    if arguments.json {
        output::json(&said(&found))?;
        return Ok(Exit::Done);
    }
    let size = |bytes: u64| if arguments.bytes { bytes.to_string() } else { units::size(bytes) };
    let mut table = Table::new(["TYPE", "COUNT", "SIZE", "RECLAIMABLE"]);
    for (name, part) in parts(&found) {
        // Layers are part of the images.
        let is_within = name.starts_with(' ');
        let reclaimable = if is_within { String::new() } else { size(part.reclaimable) };
        table.row([name, &part.count.to_string(), &size(part.bytes), &reclaimable]);
    }
    let mut text = table.render();
    if arguments.verbose {
        text.push('\n');
        text.push_str(&each(&found.each, &size));
    }
    output::print(&text)?;
    Ok(Exit::Done)
}

fn parts(found: &DiskUse) -> [(&'static str, &Part); 7] {
    [
        ("Images", &found.images),
        ("  shared layers", &found.shared_layers),
        ("  own layers", &found.own_layers),
        ("Containers", &found.containers),
        ("Indexes", &found.indexes),
        ("Plain tars", &found.plain_tars),
        ("Left-overs", &found.left_overs),
    ]
}

fn each(images: &[ImageUse], size: &dyn Fn(u64) -> String) -> String {
    let now = plywood::Timestamp::now();
    let now = when::from_unix(now.seconds, now.nanoseconds);
    let mut table =
        Table::new(["IMAGE", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS"]);
    for image in images {
        let names: Vec<String> = image.names.iter().map(Reference::familiar).collect();
        let name = if names.is_empty() { "<none>".to_owned() } else { names.join(", ") };
        let created = image.created.map(|time| when::from_unix(time.seconds, time.nanoseconds));
        let created = created.map_or_else(|| "N/A".to_owned(), |time| when::ago(time, now));
        let (shared, own) = (size(image.shared), size(image.own));
        let whole = size(image.shared.saturating_add(image.own));
        table.row([
            &*name,
            &image.id.short(),
            &created,
            &whole,
            &shared,
            &own,
            &image.containers.to_string(),
        ]);
    }
    table.render()
}

fn said(found: &DiskUse) -> Value {
    let part =
        |part: &Part| json!({"count": part.count, "size": part.bytes, "reclaimable": part.reclaimable});
    let image = |image: &ImageUse| {
        json!({
            "id": image.id,
            "names": image.names.iter().map(Reference::familiar).collect::<Vec<_>>(),
            "size": image.shared.saturating_add(image.own),
            "shared": image.shared,
            "own": image.own,
            "containers": image.containers,
        })
    };
    json!({
        "images": part(&found.images),
        "sharedLayers": part(&found.shared_layers),
        "ownLayers": part(&found.own_layers),
        "containers": part(&found.containers),
        "indexes": part(&found.indexes),
        "plainTars": part(&found.plain_tars),
        "leftOvers": part(&found.left_overs),
        "each": found.each.iter().map(image).collect::<Vec<_>>(),
    })
}
