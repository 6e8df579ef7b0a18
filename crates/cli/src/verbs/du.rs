use plywood::files::{Efficiency, Files, HiddenFile, How, LayerNumber, Usage};
use plywood::{DiffId, history};
use serde::Serialize;

use super::{Outcome, log, platform};
use crate::arguments::Du;
use crate::context::Context;
use crate::report::{Exit, Failure, note};
use crate::table::Table;
use crate::{command, listing, output, units};

pub(crate) fn run(context: &Context, arguments: &Du) -> Outcome {
    let platform = arguments.platform.as_deref().map(platform).transpose()?;
    let files = context.engine()?.files(&arguments.image, platform.as_ref())?;
    let usage = files.usage()?;
    let largest = if arguments.top == 0 { Vec::new() } else { files.largest_hidden(arguments.top)? };
    if arguments.json {
        json(&files, &usage, &largest)?;
    } else {
        print(&files, &usage, &largest, arguments.bytes)?;
    }
    match arguments.fail_under {
        Some(percent) if usage.efficiency.score() * 100.0 < percent => {
            note(&format!("efficiency {} % is under {percent} %", shown(usage.efficiency)));
            Ok(Exit::Failed)
        }
        _ => Ok(Exit::Done),
    }
}

/// In percent, rounded down: 100.0 only where nothing is wasted.
fn shown(efficiency: Efficiency) -> String {
    let Efficiency { minimum, cumulative } = efficiency;
    let thousandths = (u128::from(minimum) * 1000).checked_div(u128::from(cumulative)).unwrap_or(1000);
    format!("{}.{}", thousandths / 10, thousandths % 10)
}

fn print(files: &Files, usage: &Usage, largest: &[HiddenFile], exact: bool) -> Result<(), Failure> {
    let size = |bytes: u64| if exact { bytes.to_string() } else { units::size(bytes) };
    let made = history::of_layers(&files.view);
    let mut table = Table::new(["LAYER", "ADDS", "HIDES", "CREATED BY"]);
    // From the top down, as history is told.
    for (at, layer) in usage.layers.iter().enumerate().rev() {
        let by = match (made.get(at), files.layer(LayerNumber(at))) {
            (Some(step), _) => command::shown(&step.created_by, &step.comment),
            (None, Some(_)) => String::new(),
            // A container's own.
            (None, None) => format!("container {}", files.name()),
        };
        let number = at.saturating_add(1).to_string();
        table.row([&*number, &size(layer.adds), &size(layer.hides), &by]);
    }
    let unit = if exact { " bytes" } else { "" };
    let mut text = format!(
        "{}{}{unit} stored, {} visible, {} hidden: efficiency {} %\n",
        table.render(),
        size(usage.total()),
        size(usage.visible()),
        size(usage.hidden()),
        shown(usage.efficiency),
    );
    if !largest.is_empty() {
        let mut table = Table::default();
        for file in largest {
            let path = format!("/{}", listing::name(&file.path));
            table.row([&*format!("  {}", size(file.size)), &path, &fate(file)]);
        }
        text.push_str(&format!("Largest hidden:\n{}", table.render()));
    }
    output::print(&text)
}

fn fate(file: &HiddenFile) -> String {
    let (added, hidden) = (file.added.ordinal(), file.hidden.ordinal());
    let how = match (file.replaced, file.removal.how) {
        (true, _) => "replaced",
        (false, How::Whiteout) => "deleted",
        (false, How::Opaque | How::Replaced) => "hidden",
    };
    format!("added in {added}, {how} in {hidden}")
}

/// For `--json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole {
    image: String,
    stored: u64,
    visible: u64,
    hidden: u64,
    efficiency: f64,
    layers: Vec<Layer>,
    largest_hidden: Vec<File>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    layer: usize,
    diff_id: Option<DiffId>,
    created_by: String,
    adds: u64,
    hidden: u64,
    hides: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File {
    path: String,
    size: u64,
    added_in: usize,
    hidden_in: usize,
    how: &'static str,
    at: String,
}

fn json(files: &Files, usage: &Usage, largest: &[HiddenFile]) -> Result<(), Failure> {
    let path = |path: &[u8]| format!("/{}", String::from_utf8_lossy(path));
    let made = history::of_layers(&files.view);
    let layers = usage.layers.iter().enumerate().map(|(at, layer)| Layer {
        layer: at.saturating_add(1),
        diff_id: files.layer(LayerNumber(at)).map(|(_, layer)| layer.diff_id),
        created_by: made.get(at).map(|step| step.created_by.clone()).unwrap_or_default(),
        adds: layer.adds,
        hidden: layer.hidden,
        hides: layer.hides,
    });
    let largest = largest.iter().map(|file| File {
        path: path(&file.path),
        size: file.size,
        added_in: file.added.ordinal(),
        hidden_in: file.hidden.ordinal(),
        how: log::how(file.removal.how),
        at: path(&file.removal.at),
    });
    output::json(&Whole {
        image: files.view.config.digest.to_string(),
        stored: usage.total(),
        visible: usage.visible(),
        hidden: usage.hidden(),
        efficiency: usage.efficiency.score(),
        layers: layers.collect(),
        largest_hidden: largest.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn efficiency_is_rounded_down() {
        let check = |minimum, cumulative, expect: &str| {
            assert_eq!(shown(Efficiency { minimum, cumulative }), expect, "{minimum} / {cumulative}");
        };
        check(0, 0, "100.0");
        check(0, 1, "0.0");
        check(792, 1000, "79.2");
        check(29, 100, "29.0");
        check(u64::MAX - 1, u64::MAX, "99.9");
        check(u64::MAX, u64::MAX, "100.0");
    }
}
