use std::fmt::Write;

use ply_digest::Digest;
use plywood::family::{Family, Member, Relative};
use plywood::{ChainId, DiffId};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::Outcome;
use crate::arguments::Tree;
use crate::context::Context;
use crate::report::Exit;
use crate::{output, units};

/// Names beyond this push sizes aside on their own line only.
const WIDEST: usize = 72;

pub(crate) fn run(context: &Context, arguments: &Tree) -> Outcome {
    let family = context.engine()?.family(&arguments.images)?;
    if arguments.json {
        output::json(&Json::new(&family))?;
    } else {
        output::print(&text(&family))?;
    }
    Ok(Exit::Done)
}

fn text(family: &Family) -> String {
    let drawn: Vec<(String, &Relative)> =
        branches(family).into_iter().map(|branch| branch + " ").zip(&family.relatives).collect();
    let rows: Vec<(String, String, String)> = drawn
        .into_iter()
        .map(|(branch, relative)| {
            let layers = match (relative.layers.len(), relative.parent) {
                (0, _) => "same layers".to_owned(),
                (n, None) => units::count(n, "layer"),
                (n, Some(_)) => format!("+{}", units::count(n, "layer")),
            };
            (branch + &label(relative), layers, units::size(relative.own))
        })
        .collect();
    let width = |texts: &mut dyn Iterator<Item = &String>| texts.map(|text| text.width()).max().unwrap_or(0);
    let widest = width(&mut rows.iter().map(|(name, _, _)| name).filter(|name| name.width() <= WIDEST));
    let of_layers = width(&mut rows.iter().map(|(_, layers, _)| layers));
    let of_size = width(&mut rows.iter().map(|(_, _, size)| size));
    let mut text = String::from("scratch\n");
    for (name, layers, size) in &rows {
        let gap = " ".repeat(widest.saturating_sub(name.width()));
        // Writing to a String cannot fail.
        _ = writeln!(text, "{name}{gap}   {layers:>of_layers$}   {size:>of_size$}");
    }
    let (images, layers) = (units::count(family.images, "image"), units::count(family.layers, "layer"));
    let (on_disk, alone) = (units::size(family.on_disk), units::size(family.without_sharing));
    _ = writeln!(text, "{images}, {layers}, {on_disk} on disk; without sharing {alone}");
    text
}

/// What is drawn before each name: `│  └─`.
fn branches(family: &Family) -> Vec<String> {
    let relatives = &family.relatives;
    let mut is_last = vec![true; relatives.len()];
    // Of each parent's children the last one seen.
    let mut last: std::collections::HashMap<Option<usize>, usize> = std::collections::HashMap::new();
    for (at, relative) in relatives.iter().enumerate() {
        if let Some(before) = last.insert(relative.parent, at).and_then(|before| is_last.get_mut(before)) {
            *before = false;
        }
    }
    let mut below: Vec<String> = Vec::with_capacity(relatives.len());
    let mut branches = Vec::with_capacity(relatives.len());
    for (relative, is_last) in relatives.iter().zip(is_last) {
        let trunk = relative.parent.and_then(|parent| below.get(parent)).cloned().unwrap_or_default();
        branches.push(format!("{trunk}{}", if is_last { "└─" } else { "├─" }));
        below.push(format!("{trunk}{}", if is_last { "   " } else { "│  " }));
    }
    branches
}

fn label(relative: &Relative) -> String {
    let Some(Member { id, names, platform }) = &relative.image else {
        return relative.chain_id.map_or_else(String::new, |chain| format!("({})", chain.0.short()));
    };
    let mut text = match &names[..] {
        [] => format!("<none> {}", id.short()),
        names => names.iter().map(ply_reference::Reference::familiar).collect::<Vec<_>>().join(", "),
    };
    if let Some(platform) = platform {
        _ = write!(text, " ({})", crate::escape::text(&platform.to_string(), crate::escape::Lines::Escape));
    }
    text
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Json {
    images: usize,
    layers: usize,
    on_disk: u64,
    without_sharing: u64,
    tree: Vec<Node>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    parent: Option<usize>,
    id: Option<Digest>,
    names: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    chain_id: Option<ChainId>,
    diff_ids: Vec<DiffId>,
    content: Option<u64>,
    own: u64,
    shared: u64,
}

impl Json {
    fn new(family: &Family) -> Self {
        let node = |relative: &Relative| Node {
            parent: relative.parent,
            id: relative.image.as_ref().map(|image| image.id),
            names: relative
                .image
                .iter()
                .flat_map(|image| &image.names)
                .map(ply_reference::Reference::familiar)
                .collect(),
            platform: relative.image.as_ref().and_then(|i| i.platform.as_ref()).map(ToString::to_string),
            chain_id: relative.chain_id,
            diff_ids: relative.layers.clone(),
            content: relative.content,
            own: relative.own,
            shared: relative.shared,
        };
        Self {
            images: family.images,
            layers: family.layers,
            on_disk: family.on_disk,
            without_sharing: family.without_sharing,
            tree: family.relatives.iter().map(node).collect(),
        }
    }
}
