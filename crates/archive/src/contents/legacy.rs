//! What Docker before 1.10 wrote: a folder for each layer with `json` and `layer.tar`, chained by `parent`, and
//! `repositories` with the names. The config is made as Docker's own migration makes it, so that the ID is the
//! one Docker gives.

use std::collections::{BTreeMap, HashMap, HashSet};

use ply_image::json::{Keys, Shape};
use ply_image::{CONFIG_LIMIT, DiffId, Document, History, RootFs};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Contents, Packed, PackedLayer, docker, parse_name, parse_named, read_named};
use crate::error::shown;
use crate::members::Members;
use crate::{ArchiveError, go_json};

/// Deepest chain of parents that is followed; Docker itself stopped at 127 layers.
const MAX_PARENTS: usize = 1024;
/// Keys of the old format that say where an image stood, not what it is.
const DROPPED: &[&str] = &["id", "parent", "Size", "parent_id", "layer_id", "throwaway"];

const KEYS: Keys<'static> = Keys {
    known: &["parent"],
    free: &["config", "container_config"],
    shape: Shape::Object(&[("container_config", Shape::OBJECT)]),
};

/// The old `json`, as far as it is needed.
#[derive(Debug, Default, Deserialize)]
struct Old {
    #[serde(default)]
    parent: Option<String>,
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    author: Option<String>,
    #[serde(default)]
    comment: Option<String>,
    #[serde(default)]
    container_config: Option<OldCommand>,
}

#[derive(Debug, Default, Deserialize)]
struct OldCommand {
    #[serde(rename = "Cmd", default)]
    cmd: Option<Vec<String>>,
}

pub(super) fn read(members: &dyn Members, contents: &mut Contents) -> Result<(), ArchiveError> {
    let mut tops: BTreeMap<String, Vec<ply_reference::Reference>> = BTreeMap::new();
    if members.find("repositories")?.is_some() {
        let names: BTreeMap<String, BTreeMap<String, String>> =
            parse_named(members, "repositories", Keys { known: &[], free: &[], shape: Shape::OBJECT })?;
        for (repository, tags) in &names {
            for (tag, id) in tags {
                let name = parse_name(&format!("{repository}:{tag}"), "repositories")?;
                tops.entry(checked_id(id, "repositories")?).or_default().push(name);
            }
        }
    } else {
        // `docker save ID` wrote no names: the images are those that are nobody's parent.
        tops.extend(childless(members)?.into_iter().map(|id| (id, Vec::new())));
    }
    if tops.is_empty() {
        return Err(ArchiveError::NoImage);
    }
    let mut known = HashMap::new();
    for (id, names) in tops {
        let packed = read_image(members, contents, &id, names, &mut known)?;
        contents.images.push(packed);
    }
    Ok(())
}

fn childless(members: &dyn Members) -> Result<Vec<String>, ArchiveError> {
    let ids: Vec<String> = members
        .names()
        .iter()
        .filter_map(|name| name.strip_suffix("/json").map(str::to_owned))
        .filter(|id| is_id(id))
        .collect();
    let mut parents = HashSet::new();
    for id in &ids {
        parents.extend(read_old(members, id)?.1.parent);
    }
    Ok(ids.into_iter().filter(|id| !parents.contains(id)).collect())
}

fn read_image(
    members: &dyn Members,
    contents: &mut Contents,
    top: &str,
    names: Vec<ply_reference::Reference>,
    known: &mut HashMap<String, (DiffId, u64)>,
) -> Result<Packed, ArchiveError> {
    let chain = chain_of(members, top)?;
    let mut rootfs = RootFs { kind: "layers".to_owned(), diff_ids: Vec::new() };
    let (mut history, mut layers) = (Vec::new(), Vec::new());
    for (id, old) in &chain {
        let path = format!("{id}/layer.tar");
        let by = format!("{id}/json");
        let member =
            members.find(&path)?.ok_or_else(|| ArchiveError::Missing { wanted: path.clone(), by })?;
        let diff_id = match known.get(&member.name) {
            Some((diff_id, _)) => *diff_id,
            None => {
                let found = members.read_diff_id(&member)?;
                known.insert(member.name.clone(), found);
                found.0
            }
        };
        rootfs.diff_ids.push(diff_id);
        history.push(step(old));
        layers.push(PackedLayer { diff_id, blob: None, digest: None, wanted: path, member: Some(member) });
    }
    let raw = make_config(members, top, &rootfs, &history)?;
    let config = Document::parse(raw)
        .map_err(|source| ArchiveError::Document { member: format!("{top}/json"), source })?;
    contents.made.insert(config.digest, config.raw.clone());
    let mut packed = Packed {
        names,
        ref_name: None,
        root: None,
        documents: Vec::new(),
        images: vec![docker::image_of(config, layers)],
        further: Vec::new(),
        absent: Vec::new(),
    };
    docker::make_manifest(members, contents, &mut packed)?;
    Ok(packed)
}

/// The layers of an image, from the bottom up.
fn chain_of(members: &dyn Members, top: &str) -> Result<Vec<(String, Old)>, ArchiveError> {
    let mut chain = Vec::new();
    let mut seen = HashSet::new();
    let mut next = Some(top.to_owned());
    while let Some(id) = next {
        if chain.len() >= MAX_PARENTS || !seen.insert(id.clone()) {
            let why = "has parents that never end".to_owned();
            return Err(ArchiveError::Member { member: format!("{top}/json"), why });
        }
        let (_, old) = read_old(members, &id)?;
        next = match old.parent.as_deref() {
            None | Some("") => None,
            Some(parent) => Some(checked_id(parent, &format!("{id}/json"))?),
        };
        chain.push((id, old));
    }
    chain.reverse();
    Ok(chain)
}

fn read_old(members: &dyn Members, id: &str) -> Result<(String, Old), ArchiveError> {
    let name = format!("{id}/json");
    let old = parse_named(members, &name, KEYS)?;
    Ok((name, old))
}

fn step(old: &Old) -> History {
    let command = old.container_config.as_ref().and_then(|c| c.cmd.as_deref()).unwrap_or_default();
    History {
        created: Some(old.created.clone().unwrap_or_else(|| "0001-01-01T00:00:00Z".to_owned())),
        author: old.author.clone().unwrap_or_default(),
        created_by: command.join(" "),
        comment: old.comment.clone().unwrap_or_default(),
        empty_layer: false,
    }
}

/// The new config: the old one with sorted keys, less what said where it stood, and with layers and history.
fn make_config(
    members: &dyn Members,
    id: &str,
    rootfs: &RootFs,
    history: &[History],
) -> Result<Vec<u8>, ArchiveError> {
    let name = format!("{id}/json");
    let wrong = |e: serde_json::Error| ArchiveError::Member { member: name.clone(), why: e.to_string() };
    let raw = read_named(members, &name, CONFIG_LIMIT)?;
    let mut keys: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(&raw).map_err(wrong)?;
    keys.retain(|key, _| !DROPPED.contains(&key.as_str()));
    keys.insert("rootfs".to_owned(), serde_json::value::to_raw_value(rootfs).map_err(wrong)?);
    keys.insert("history".to_owned(), serde_json::value::to_raw_value(history).map_err(wrong)?);
    let text = serde_json::to_string(&keys).map_err(wrong)?;
    Ok(go_json::compact(&text).into_bytes())
}

fn is_id(text: &str) -> bool {
    ply_digest::Digest::from_hex(text).is_ok()
}

/// An ID becomes part of a path: it must be what IDs are.
fn checked_id(text: &str, by: &str) -> Result<String, ArchiveError> {
    if is_id(text) {
        return Ok(text.to_owned());
    }
    Err(ArchiveError::Member {
        member: by.to_owned(),
        why: format!("names {}, which is no ID of 64 hex digits", shown(text)),
    })
}
