use plywood::Place;
use plywood::list::{Filter, Row};

use super::{Outcome, given, is_table};
use crate::arguments::{Images, Sort};
use crate::context::Context;
use crate::report::{Exit, Failure};
use crate::template::{Data, IMAGES, IMAGES_WITH_DIGESTS, Listing};
use crate::{output, units, when};

pub(crate) fn run(context: &Context, arguments: &Images) -> Outcome {
    let engine = context.engine()?;
    let place = arguments.name.as_deref().and_then(Place::parse);
    if arguments.quiet && is_table(arguments.format.as_deref()) && arguments.sort.is_none() && place.is_none()
    {
        let ids = engine.list_ids(&filter(arguments)?)?;
        let show = |id: &ply_digest::Digest| if arguments.no_trunc { id.to_string() } else { id.short() };
        output::print(&ids.iter().map(|id| show(id) + "\n").collect::<String>())?;
        return Ok(Exit::Done);
    }
    let mut rows = match place {
        Some(place) => engine.list_archive(&place, &parse_filter(&arguments.filter)?)?,
        None => {
            let filter = filter(arguments)?;
            let rows = engine.list(&filter)?;
            if arguments.quiet || rows.iter().all(|row| row.size.is_some()) {
                rows
            } else {
                engine.count_missing()?;
                engine.list(&filter)?
            }
        }
    };
    match arguments.sort {
        None => {}
        // The newest first.
        Some(Sort::Created) => rows.sort_by_key(|row| std::cmp::Reverse(row.created)),
        Some(Sort::Name) => {
            rows.sort_by_cached_key(|r| r.name.as_ref().map(ply_reference::Reference::familiar))
        }
        Some(Sort::Size) => rows.sort_by_key(|r| std::cmp::Reverse(r.size)),
    }
    print(&rows, arguments)?;
    Ok(Exit::Done)
}

fn filter(arguments: &Images) -> Result<Filter, Failure> {
    let mut filter = parse_filter(&arguments.filter)?;
    if let Some(name) = &arguments.name {
        // Two patterns are alternatives, in Docker too.
        filter.references.push(pattern(name)?);
    }
    Ok(filter)
}

fn pattern(text: &str) -> Result<ply_reference::Pattern, Failure> {
    ply_reference::Pattern::parse(text).map_err(|e| Failure::Misuse(e.to_string()))
}

/// Reads `--filter KEY=VALUE`, as `docker images` and `docker image prune` take it.
pub(super) fn parse_filter(given: &[String]) -> Result<Filter, Failure> {
    let mut filter = Filter::default();
    for given in given.iter().filter(|given| !given.trim().is_empty()) {
        let Some((key, value)) =
            given.split_once('=').map(|(key, value)| (key.trim().to_lowercase(), value.trim()))
        else {
            return Err(Failure::Misuse(format!("invalid filter {given:?}: write KEY=VALUE")));
        };
        let label = || {
            let (key, value) = value.split_once('=').map_or((value, None), |(k, v)| (k, Some(v.to_owned())));
            (key.to_owned(), value)
        };
        match key.as_str() {
            "dangling" => {
                filter.dangling = Some(match value {
                    "true" | "1" => true,
                    "false" | "0" => false,
                    _ => {
                        return Err(Failure::Misuse(format!(
                            "invalid filter 'dangling={value}': true or false"
                        )));
                    }
                });
            }
            "label" => filter.labels.push(label()),
            "label!" => filter.not_labels.push(label()),
            "before" => filter.before.push(value.to_owned()),
            "since" => filter.since.push(value.to_owned()),
            "reference" => filter.references.push(pattern(value)?),
            "until" => {
                let until = when::moment(value).ok_or_else(|| {
                    Failure::Misuse(format!("{value:?} is neither a time nor an age such as 24h"))
                })?;
                filter.until = Some(filter.until.map_or(until, |other| other.min(until)));
            }
            _ => return Err(Failure::Misuse(format!("invalid filter '{key}'"))),
        }
    }
    Ok(filter)
}

fn print(rows: &[Row], arguments: &Images) -> Result<(), Failure> {
    let id = |row: &Row| if arguments.no_trunc { row.id.to_string() } else { row.id.short() };
    if arguments.quiet && is_table(arguments.format.as_deref()) {
        let ids: String = rows.iter().map(|row| id(row) + "\n").collect();
        return output::print(&ids);
    }
    let columns = if arguments.digests { &IMAGES_WITH_DIGESTS } else { &IMAGES };
    let listing = Listing::parse(given(arguments.format.as_deref()).unwrap_or("table"), columns)?;
    let now = plywood::Timestamp::now();
    let text = listing.render(rows.iter().map(|row| data(row, id(row), now)))?;
    output::print(&text)
}

fn data(row: &Row, id: String, now: plywood::Timestamp) -> Data<'static> {
    let none = || "<none>".to_owned();
    let repository = row.name.as_ref().map_or_else(none, |n| n.name().familiar());
    let tag = row.name.as_ref().and_then(|n| n.tag()).map_or_else(none, |t| t.as_str().to_owned());
    // Docker's list of images knows no fractions of a second.
    let created = row.created.map(|t| when::from_unix(t.seconds, 0));
    let now = when::from_unix(now.seconds, now.nanoseconds);
    let size = row.size.map_or_else(|| "N/A".to_owned(), units::size);
    let not_known = || "N/A".to_owned();
    Data::row([
        ("ID", id),
        ("Repository", repository),
        ("Tag", tag),
        ("Digest", row.digest.map_or_else(none, |d| d.to_string())),
        ("CreatedSince", created.map_or_else(String::new, |t| when::image_age(t, now))),
        ("CreatedAt", created.map_or_else(String::new, |t| when::go_text(t, &when::zone()))),
        ("Size", size),
        // One digit more, in Docker too.
        ("VirtualSize", row.size.map_or_else(not_known, |bytes| units::size_with_precision(bytes, 4))),
        ("Containers", not_known()),
        ("SharedSize", not_known()),
        ("UniqueSize", not_known()),
    ])
}
