use plywood::history::{Step, steps};
use plywood::{Timestamp, View};

use super::{Outcome, given, is_table, platform};
use crate::arguments::History;
use crate::context::Context;
use crate::report::Exit;
use crate::template::{Columns, Data, HISTORY, HISTORY_PLAIN, Listing};
use crate::{output, table, units, when};

/// Where Docker cuts a command.
const COMMAND_WIDTH: usize = 45;

/// With `--layers`: the number of the layer, and all it is known by.
const WITH_LAYERS: Columns = Columns {
    table: "table {{.Layer}}\t{{.DiffID}}\t{{.ChainID}}\t{{.Digest}}\t{{.MediaType}}\t{{.CreatedSince}}\t{{.Size}}\t{{.CreatedBy}}",
    headings: &[
        ("ID", "IMAGE"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedBy", "CREATED BY"),
        ("Size", "SIZE"),
        ("Comment", "COMMENT"),
        ("Layer", "LAYER"),
        ("DiffID", "DIFF ID"),
        ("ChainID", "CHAIN ID"),
        ("Digest", "DIGEST"),
        ("MediaType", "MEDIA TYPE"),
    ],
};

pub(crate) fn run(context: &Context, arguments: &History) -> Outcome {
    let engine = context.engine()?;
    let platform = arguments.platform.as_deref().map(platform).transpose()?;
    let view = engine.measured_view(&arguments.image, platform.as_ref())?;
    let steps = steps(&view);
    if arguments.quiet && is_table(arguments.format.as_deref()) {
        let ids: String = (0..steps.len()).map(|at| id(&view, at, arguments) + "\n").collect();
        output::print(&ids)?;
        return Ok(Exit::Done);
    }
    let columns = match (arguments.layers, arguments.human) {
        (true, _) => &WITH_LAYERS,
        (false, true) => &HISTORY,
        (false, false) => &HISTORY_PLAIN,
    };
    let listing = Listing::parse(given(arguments.format.as_deref()).unwrap_or("table"), columns)?;
    let rows = steps.iter().enumerate().map(|(at, step)| row(&view, at, step, arguments));
    output::print(&listing.render(rows)?)?;
    Ok(Exit::Done)
}

/// Only the uppermost step is an image that anybody knows by an ID.
fn id(view: &View, at: usize, arguments: &History) -> String {
    match (at, arguments.no_trunc) {
        (0, true) => view.config.digest.to_string(),
        (0, false) => view.config.digest.short(),
        _ => "<missing>".to_owned(),
    }
}

fn row(view: &View, at: usize, step: &Step, arguments: &History) -> Data<'static> {
    let created = step.history.created.as_deref().and_then(when::parse);
    let now = Timestamp::now();
    let now = when::from_unix(now.seconds, now.nanoseconds);
    let at_text = created.map_or_else(String::new, |t| when::rfc3339(t, &when::zone()));
    let since = created.map_or_else(|| "N/A".to_owned(), |t| when::history_age(t, now));
    let size = match (step.size, arguments.human) {
        (None, _) => "N/A".to_owned(),
        (Some(size), true) => units::size(size),
        (Some(size), false) => size.to_string(),
    };
    let command = step.history.created_by.replace('\t', " ");
    let command =
        if arguments.no_trunc { command } else { table::ellipsis(&command, COMMAND_WIDTH).into_owned() };
    let mut fields = vec![
        ("ID", id(view, at, arguments)),
        ("CreatedAt", at_text.clone()),
        ("CreatedSince", if arguments.human { since } else { at_text }),
        ("CreatedBy", command),
        ("Size", size),
        ("Comment", step.history.comment.clone()),
    ];
    if arguments.layers {
        fields.extend(layer_fields(step, arguments.no_trunc));
    }
    Data::row(fields)
}

fn layer_fields(step: &Step, no_trunc: bool) -> [(&'static str, String); 5] {
    let none = || "-".to_owned();
    let show = |digest: ply_digest::Digest| if no_trunc { digest.to_string() } else { digest.short() };
    let layer = step.layer.as_ref().map(|(_, layer)| layer);
    let blob = layer.and_then(|layer| layer.blob.as_ref());
    let media_type = blob.map(|blob| blob.media_type.as_str().to_owned());
    [
        ("Layer", step.layer.as_ref().map_or_else(none, |(number, _)| number.to_string())),
        ("DiffID", layer.map_or_else(none, |layer| show(layer.diff_id.0))),
        ("ChainID", layer.map_or_else(none, |layer| show(layer.chain_id.0))),
        ("Digest", blob.map_or_else(none, |blob| show(blob.digest))),
        ("MediaType", media_type.unwrap_or_else(none)),
    ]
}
