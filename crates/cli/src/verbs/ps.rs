use std::io::IsTerminal;

use plywood::View;
use plywood::containers::Looked;

use super::{Outcome, given, is_table};
use crate::arguments::Ps;
use crate::context::Context;
use crate::report::{Exit, Failure, note};
use crate::template::{CONTAINERS, CONTAINERS_WITH_SIZES, Data, Listing};
use crate::{output, table, units, when};

/// Where Docker cuts a command.
const COMMAND_WIDTH: usize = 20;

pub(crate) fn run(context: &Context, arguments: &Ps) -> Outcome {
    let engine = context.engine()?;
    let filter = Filter::parse(&arguments.filter)?;
    let all = engine.containers()?;
    // As in Docker, -n and -l list what does not run, too.
    let shows_all = arguments.all || arguments.latest || arguments.last.is_some() || filter.created;
    if !shows_all && !all.is_empty() && !arguments.quiet && std::io::stdout().is_terminal() {
        let are = if all.len() == 1 { "is" } else { "are" };
        note(&format!("nothing runs; there {are} {}: -a", units::count(all.len(), "created container")));
    }
    let most = if arguments.latest { 1 } else { arguments.last.unwrap_or(usize::MAX) };
    let listed = all.into_iter().filter(|_| shows_all).take(most);
    let looked = listed.map(|container| engine.look(container)).collect::<Result<Vec<_>, _>>()?;
    let asked = if looked.is_empty() { &[][..] } else { &filter.ancestors };
    let ancestors = asked.iter().map(|image| engine.view(image, None)).collect::<Result<Vec<_>, _>>()?;
    let rows: Vec<Looked> = looked.into_iter().filter(|looked| filter.admits(looked, &ancestors)).collect();
    let id = |looked: &Looked| match arguments.no_trunc {
        true => looked.container.id.to_string(),
        false => looked.container.id.short(),
    };
    if arguments.quiet && is_table(arguments.format.as_deref()) {
        output::print(&rows.iter().map(|looked| id(looked) + "\n").collect::<String>())?;
        return Ok(Exit::Done);
    }
    let columns = if arguments.size { &CONTAINERS_WITH_SIZES } else { &CONTAINERS };
    let format = given(arguments.format.as_deref()).unwrap_or("table");
    let listing = Listing::parse(format, columns)?;
    let needs_size = arguments.size || format.contains(".Size");
    let data = rows.iter().map(|looked| {
        let size = if needs_size { sizes(&engine, looked)? } else { "0B".to_owned() };
        Ok::<_, Failure>(data(looked, id(looked), size, arguments.no_trunc))
    });
    output::print(&listing.render(data.collect::<Result<Vec<_>, _>>()?)?)?;
    Ok(Exit::Done)
}

fn sizes(engine: &plywood::Engine<'_>, looked: &Looked) -> Result<String, Failure> {
    let sizes = engine.sizes(&looked.container)?;
    let whole = sizes.image.map(|image| {
        format!(" (virtual {})", units::size_with_precision(image.saturating_add(sizes.written), 3))
    });
    Ok(units::size_with_precision(sizes.written, 3) + &whole.unwrap_or_default())
}

fn data(looked: &Looked, id: String, size: String, whole: bool) -> Data<'static> {
    let container = &looked.container;
    let created =
        plywood::Timestamp::parse(&container.created).map(|t| when::from_unix(t.seconds, t.nanoseconds));
    let now = plywood::Timestamp::now();
    let now = when::from_unix(now.seconds, now.nanoseconds);
    let command = looked.command.join(" ");
    let command = if whole { command } else { table::ellipsis(&command, COMMAND_WIDTH).into_owned() };
    let labels: Vec<String> = looked.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    Data::row([
        ("ID", id),
        ("Image", container.image.clone()),
        ("Command", format!("\"{command}\"")),
        ("RunningFor", created.map_or_else(String::new, |t| when::ago(t, now))),
        ("CreatedAt", created.map_or_else(String::new, |t| when::go_text(t, &when::zone()))),
        ("State", "created".to_owned()),
        ("Status", "Created".to_owned()),
        ("Ports", String::new()),
        ("Names", container.name.clone()),
        ("Labels", labels.join(",")),
        ("LocalVolumes", "0".to_owned()),
        ("Mounts", String::new()),
        ("Networks", String::new()),
        ("Size", size),
    ])
}

/// Which containers to list. Of several values for one key, one must hold.
#[derive(Default)]
struct Filter {
    names: Vec<String>,
    ids: Vec<String>,
    ancestors: Vec<String>,
    /// Of `status`, whether those in which nothing runs are among what is asked for.
    created: bool,
    /// Another `status` is asked for.
    others: bool,
}

impl Filter {
    fn parse(given: &[String]) -> Result<Self, Failure> {
        let mut filter = Self::default();
        for given in given.iter().filter(|given| !given.trim().is_empty()) {
            let Some((key, value)) =
                given.split_once('=').map(|(key, value)| (key.trim(), value.trim().to_owned()))
            else {
                return Err(Failure::Misuse(format!("invalid filter {given:?}: write KEY=VALUE")));
            };
            match (key, value.as_str()) {
                ("name", _) => filter.names.push(value),
                ("id", _) => filter.ids.push(value),
                ("ancestor", _) => filter.ancestors.push(value),
                ("status", "created") => filter.created = true,
                ("status", "restarting" | "running" | "removing" | "paused" | "exited" | "dead") => {
                    filter.others = true;
                }
                ("status", _) => return Err(Failure::Misuse(format!("invalid filter 'status={value}'"))),
                _ => return Err(Failure::Misuse(format!("invalid filter '{key}'"))),
            }
        }
        Ok(filter)
    }

    /// `ancestors` are the images that the filter names.
    fn admits(&self, looked: &Looked, ancestors: &[View]) -> bool {
        let container = &looked.container;
        let id = container.id.to_string();
        let some =
            |given: &[String], holds: &dyn Fn(&String) -> bool| given.is_empty() || given.iter().any(holds);
        (self.created || !self.others)
            && some(&self.names, &|name| container.name.contains(name.trim_start_matches('/')))
            && some(&self.ids, &|prefix| id.starts_with(prefix.as_str()))
            && (ancestors.is_empty() || ancestors.iter().any(|image| looked.is_built_on(image)))
    }
}
