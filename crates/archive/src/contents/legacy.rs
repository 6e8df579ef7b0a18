//! What Docker before 1.10 wrote: a folder for each layer with `json` and `layer.tar`, chained by `parent`, and
//! `repositories` with the names. The config is made as Docker's own migration makes it, so that the ID is the
//! one Docker gives.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use ply_image::json::{Keys, Shape};
use ply_image::{CONFIG_LIMIT, DiffId, Document, History, RootFs};
use ply_reference::Reference;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::documents::{Documents, parse, parse_named, read_named};
use super::{Contents, Packed, PackedImage, PackedLayer, docker, names};
use crate::error::shown;
use crate::members::{Member, Members};
use crate::{ArchiveError, go_json};

/// Where the names stand.
const FILE: &str = "repositories";

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
#[serde(expecting = "an object that describes a layer")]
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
#[serde(expecting = "an object with Cmd")]
struct OldCommand {
    #[serde(rename = "Cmd", default)]
    cmd: Option<Vec<String>>,
}

pub(super) fn read(documents: &mut Documents<'_>, contents: &mut Contents) -> Result<(), ArchiveError> {
    let members = documents.members;
    let has_names = members.find(FILE)?.is_some();
    let mut reader = Reader { documents, olds: HashMap::new(), diff_ids: HashMap::new() };
    let mut tops: BTreeMap<String, Vec<Reference>> = BTreeMap::new();
    if has_names {
        let keys = Keys { known: &[], free: &[], shape: Shape::OBJECT };
        let listed: BTreeMap<String, BTreeMap<String, String>> = parse_named(members, FILE, keys)?;
        for (repository, tags) in &listed {
            for (tag, id) in tags {
                reader.documents.budget.name(FILE)?;
                let name = names::repository_and_tag(repository, tag, FILE)?;
                tops.entry(checked_id(id, FILE)?).or_default().push(name);
            }
        }
    } else {
        // `docker save ID` wrote no names: the images are those that are nobody's parent.
        tops.extend(reader.childless()?.into_iter().map(|id| (id, Vec::new())));
        if tops.is_empty() {
            return Err(ArchiveError::NoImage);
        }
        // What was cut off right before the names looks the same, less its end.
        if !members.is_ended() {
            let why = "is missing, and so is the end of the archive: it may be cut off".to_owned();
            return Err(ArchiveError::Member { member: FILE.to_owned(), why });
        }
    }
    let by = if has_names { FILE } else { "the archive" };
    for (id, names) in tops {
        let mut packed = reader.image(contents, &id, by)?;
        packed.names = names;
        contents.images.push(packed);
    }
    Ok(())
}

/// Reads old images, each document and each layer once.
struct Reader<'r, 'a> {
    documents: &'r mut Documents<'a>,
    olds: HashMap<String, Arc<Old>>,
    diff_ids: HashMap<String, DiffId>,
}

impl Reader<'_, '_> {
    fn childless(&mut self) -> Result<Vec<String>, ArchiveError> {
        let ids: Vec<String> = self
            .documents
            .members
            .names()
            .iter()
            .filter_map(|name| name.strip_suffix("/json").map(str::to_owned))
            .filter(|id| is_id(id))
            .collect();
        let mut parents = HashSet::new();
        for id in &ids {
            parents.extend(self.old(id, "the archive")?.parent.clone());
        }
        Ok(ids.into_iter().filter(|id| !parents.contains(id)).collect())
    }

    fn image(&mut self, contents: &mut Contents, top: &str, by: &str) -> Result<Packed, ArchiveError> {
        let chain = self.chain_of(top, by)?;
        let name = json_of(top);
        self.documents.budget.layers(&name, chain.len())?;
        self.documents.budget.steps(&name, chain.len())?;
        let mut rootfs = RootFs { kind: "layers".to_owned(), diff_ids: Vec::new() };
        let mut layers = Vec::new();
        for (id, _) in &chain {
            let wanted = format!("{id}/layer.tar");
            let missing = || ArchiveError::Missing { wanted: wanted.clone(), by: json_of(id) };
            let member = self.documents.members.find(&wanted)?.ok_or_else(missing)?;
            let diff_id = self.diff_id(&member)?;
            rootfs.diff_ids.push(diff_id);
            layers.push(PackedLayer { diff_id, blob: None, digest: None, wanted, member: Some(member) });
        }
        let raw = make_config(self.documents.members, &name, &rootfs, &chain)?;
        self.documents.budget.document(&name, raw.len() as u64)?;
        let config =
            Document::parse(raw).map_err(|source| ArchiveError::Document { member: name, source })?;
        contents.made.insert(config.digest, config.raw.clone());
        let mut packed = Packed::new(None);
        let config = Arc::new(config);
        packed.images.push(PackedImage { manifest: None, listed: None, config, layers });
        docker::make_manifest(self.documents, contents, &mut packed)?;
        Ok(packed)
    }

    /// The layers of an image, from the bottom up.
    fn chain_of(&mut self, top: &str, by: &str) -> Result<Vec<(String, Arc<Old>)>, ArchiveError> {
        let mut chain = Vec::new();
        let mut seen = HashSet::new();
        let mut next = Some((top.to_owned(), by.to_owned()));
        while let Some((id, by)) = next {
            if chain.len() >= MAX_PARENTS || !seen.insert(id.clone()) {
                let why = "has parents that never end".to_owned();
                return Err(ArchiveError::Member { member: json_of(top), why });
            }
            let old = self.old(&id, &by)?;
            next = match old.parent.as_deref() {
                None | Some("") => None,
                Some(parent) => Some((checked_id(parent, &json_of(&id))?, json_of(&id))),
            };
            chain.push((id, old));
        }
        chain.reverse();
        Ok(chain)
    }

    fn old(&mut self, id: &str, by: &str) -> Result<Arc<Old>, ArchiveError> {
        if let Some(known) = self.olds.get(id) {
            return Ok(Arc::clone(known));
        }
        let name = json_of(id);
        let raw = read_named(self.documents.members, &name, by)?;
        self.documents.budget.document(&name, raw.len() as u64)?;
        let old: Arc<Old> = Arc::new(parse(&name, &raw, KEYS)?);
        self.olds.insert(id.to_owned(), Arc::clone(&old));
        Ok(old)
    }

    fn diff_id(&mut self, member: &Member) -> Result<DiffId, ArchiveError> {
        if let Some(known) = self.diff_ids.get(&member.name) {
            return Ok(*known);
        }
        let (diff_id, _) = self.documents.members.read_diff_id(member)?;
        self.diff_ids.insert(member.name.clone(), diff_id);
        Ok(diff_id)
    }
}

fn json_of(id: &str) -> String {
    format!("{id}/json")
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
    name: &str,
    rootfs: &RootFs,
    chain: &[(String, Arc<Old>)],
) -> Result<Vec<u8>, ArchiveError> {
    let wrong = |why: String| ArchiveError::Member { member: name.to_owned(), why };
    let history: Vec<History> = chain.iter().map(|(_, old)| step(old)).collect();
    // Told before it is made: each of many steps may be as long as a document.
    let len = |step: &History| {
        step.created_by.len().saturating_add(step.comment.len()).saturating_add(step.author.len())
    };
    if history.iter().map(len).sum::<usize>() as u64 > CONFIG_LIMIT {
        return Err(wrong(format!("has a history of more than {CONFIG_LIMIT} bytes")));
    }
    let wrong = |e: serde_json::Error| wrong(shown(&e.to_string()));
    let raw = read_named(members, name, "the archive")?;
    let mut keys: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(&raw).map_err(wrong)?;
    keys.retain(|key, _| !DROPPED.contains(&key.as_str()));
    keys.insert("rootfs".to_owned(), serde_json::value::to_raw_value(rootfs).map_err(wrong)?);
    keys.insert("history".to_owned(), serde_json::value::to_raw_value(&history).map_err(wrong)?);
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
