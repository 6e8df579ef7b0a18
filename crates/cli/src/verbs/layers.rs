use std::collections::HashMap;

use plywood::{DiffId, View, ViewLayer};
use serde::Serialize;

use super::{Outcome, platform};
use crate::arguments::Layers;
use crate::context::Context;
use crate::escape::{self, Lines};
use crate::report::{Exit, Failure, tell};
use crate::table::Table;
use crate::{output, units};

/// A layer, for `--json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    image: String,
    layer: usize,
    diff_id: DiffId,
    chain_id: plywood::ChainId,
    digest: Option<ply_digest::Digest>,
    size: Option<u64>,
    media_type: Option<&'a str>,
    images: usize,
}

pub(crate) fn run(context: &Context, arguments: &Layers) -> Outcome {
    let engine = context.engine()?;
    let platform = arguments.platform.as_deref().map(platform).transpose()?;
    let (mut views, mut missing) = (Vec::new(), Vec::new());
    for wanted in &arguments.images {
        match engine.view(wanted, platform.as_ref()) {
            Ok(view) => views.push(view),
            Err(error) => missing.push(error),
        }
    }
    if arguments.quiet {
        let ids: String =
            views.iter().flat_map(|v| &v.layers).map(|layer| format!("{}\n", layer.diff_id)).collect();
        output::print(&ids)?;
    } else if arguments.json {
        json(&views, &engine.layer_users()?)?;
    } else if !views.is_empty() {
        print(&views, &engine.layer_users()?, arguments)?;
    }
    missing.iter().for_each(tell);
    Ok(if missing.is_empty() { Exit::Done } else { Exit::Failed })
}

fn json(views: &[View], users: &HashMap<DiffId, usize>) -> Result<(), Failure> {
    let lines: Vec<Line<'_>> = views
        .iter()
        .flat_map(|view| view.layers.iter().zip(1..).map(|(layer, number)| line(view, layer, number, users)))
        .collect();
    output::json(&lines)
}

fn line<'a>(view: &View, layer: &'a ViewLayer, number: usize, users: &HashMap<DiffId, usize>) -> Line<'a> {
    Line {
        image: view.config.digest.to_string(),
        layer: number,
        diff_id: layer.diff_id,
        chain_id: layer.chain_id,
        digest: layer.blob.as_ref().map(|blob| blob.digest),
        size: layer.blob.as_ref().map(|blob| blob.size),
        media_type: layer.blob.as_ref().map(|blob| blob.media_type.as_str()),
        images: users.get(&layer.diff_id).copied().unwrap_or(0),
    }
}

/// From the top down, as history is told.
fn print(views: &[View], users: &HashMap<DiffId, usize>, arguments: &Layers) -> Result<(), Failure> {
    let mut table = Table::new(["LAYER", "DIFF ID", "CHAIN ID", "DIGEST", "SIZE", "IMAGES", "MEDIA TYPE"]);
    let show = |digest: ply_digest::Digest| {
        if arguments.no_trunc { digest.to_string() } else { digest.short() }
    };
    let none = || "-".to_owned();
    for view in views {
        for (layer, number) in view.layers.iter().zip(1..).collect::<Vec<(_, usize)>>().into_iter().rev() {
            let blob = layer.blob.as_ref();
            let size = blob.map(|b| if arguments.bytes { b.size.to_string() } else { units::size(b.size) });
            let media_type = blob.map(|b| escape::text(b.media_type.as_str(), Lines::Escape).into_owned());
            table.row([
                &*number.to_string(),
                &show(layer.diff_id.0),
                &show(layer.chain_id.0),
                &blob.map_or_else(none, |b| show(b.digest)),
                &size.unwrap_or_else(none),
                &users.get(&layer.diff_id).copied().unwrap_or(0).to_string(),
                &media_type.unwrap_or_else(none),
            ]);
        }
    }
    output::print(&table.render())
}
