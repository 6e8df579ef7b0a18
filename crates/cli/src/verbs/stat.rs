use std::os::unix::ffi::OsStrExt;

use ply_tree::{Kind, Last};
use plywood::files::{Entry, Files, Owners, Scope};

use super::{Outcome, platform};
use crate::arguments::Stat;
use crate::context::Context;
use crate::listing::{self, Json};
use crate::output;
use crate::report::{Exit, tell};

pub(crate) fn run(context: &Context, arguments: &Stat) -> Outcome {
    let platform = arguments.platform.as_deref().map(platform).transpose()?;
    let files = context.engine()?.files(&arguments.image, platform.as_ref())?;
    let scope = match &arguments.layer {
        Some(layer) => Scope::Until(files.choose(layer)?),
        None => Scope::Union,
    };
    let last = if arguments.dereference { Last::Follow } else { Last::Keep };
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for path in &arguments.paths {
        match files.entry(path.as_bytes(), scope, last) {
            Ok(entry) => found.push(entry),
            Err(error) => missing.push(error),
        }
    }
    if arguments.json {
        output::json(&found.iter().map(Json::new).collect::<Vec<_>>())?;
    } else {
        let owners = files.owners();
        output::print(
            &found.iter().map(|entry| text(&files, &owners, entry)).collect::<Vec<_>>().join("\n"),
        )?;
    }
    missing.iter().for_each(tell);
    Ok(if missing.is_empty() { Exit::Done } else { Exit::Failed })
}

fn text(files: &Files, owners: &Owners, entry: &Entry) -> String {
    let metadata = &entry.node.metadata;
    let mut rows = vec![
        ("Path", format!("/{}{}", listing::name(&entry.path), listing::target(&entry.node))),
        (
            "Type",
            plywood::files::kind(&entry.node.kind).split_once(' ').map_or("", |(_, kind)| kind).to_owned(),
        ),
        ("Size", listing::bytes(entry.node.size())),
        ("Mode", format!("{:04o} {}", metadata.mode, listing::mode(&entry.node))),
        ("Owner", format!("{} {}", metadata.uid, owners.user(metadata.uid))),
        ("Group", format!("{} {}", metadata.gid, owners.group(metadata.gid))),
        ("Changed", listing::exact(metadata.mtime)),
    ];
    if let Kind::CharDevice(device) | Kind::BlockDevice(device) = entry.node.kind {
        rows.push(("Device", device.to_string()));
    }
    if entry.node.links > 1 {
        rows.push(("Links", entry.node.links.to_string()));
    }
    for xattr in &metadata.xattrs {
        rows.push(("Xattr", format!("{} {}", listing::name(&xattr.name), listing::hex(&xattr.value))));
    }
    // A container's own layer has no ID yet.
    let layer = files.layer(entry.layer).map_or("container".to_owned(), |(_, layer)| layer.diff_id.0.short());
    rows.push(("Layer", format!("{} of {}, {layer}", entry.layer.ordinal(), files.len())));
    rows.into_iter().map(|(name, value)| format!("{name:<8} {value}\n")).collect()
}
