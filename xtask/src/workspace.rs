//! The workspace as `cargo metadata` tells it.

use crate::{Outcome, shell};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The rules speak of this platform, so that they give one answer everywhere.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// `cargo metadata --format-version 1`, as far as we read it.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_members: BTreeSet<String>,
    pub(crate) workspace_root: PathBuf,
    pub(crate) target_directory: PathBuf,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    /// Where it comes from; none for a crate of the workspace.
    pub(crate) source: Option<String>,
    pub(crate) manifest_path: PathBuf,
    pub(crate) targets: Vec<Target>,
    metadata: Option<Metadata>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) kind: Vec<String>,
    pub(crate) src_path: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    ply: Option<Ply>,
}

/// `[package.metadata.ply]`: what a crate says of its own place.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Ply {
    pub(crate) floor: u32,
    /// In words, for people: what `forbid` cannot check is checked by reading.
    #[expect(dead_code, reason = "must be there, is read by people")]
    must_not_know: String,
    #[serde(default)]
    pub(crate) forbid: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Arrow>,
}

#[derive(Debug, Deserialize)]
struct Arrow {
    pkg: String,
    dep_kinds: Vec<DepKind>,
}

#[derive(Debug, Deserialize)]
struct DepKind {
    /// None: a normal dependency.
    kind: Option<String>,
}

impl Workspace {
    pub(crate) fn read() -> Outcome<Self> {
        let mut command = shell::cargo([
            "metadata",
            "--format-version",
            "1",
            "--all-features",
            "--filter-platform",
            PLATFORM,
        ]);
        let text = shell::capture(&mut command)?;
        serde_json::from_str(&text).map_err(|why| format!("reading cargo metadata: {why}"))
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// What each package needs to run: name to names, dev- and build-dependencies left out.
    pub(crate) fn normal_arrows(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let names: BTreeMap<&str, &str> =
            self.packages.iter().map(|package| (package.id.as_str(), package.name.as_str())).collect();
        let name = |id: &str| names.get(id).copied();
        let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for node in &self.resolve.nodes {
            let normal =
                node.deps.iter().filter(|arrow| arrow.dep_kinds.iter().any(|kind| kind.kind.is_none()));
            let targets = normal.filter_map(|arrow| name(&arrow.pkg));
            // Two versions of one crate share a name here: their arrows are united.
            arrows.entry(name(&node.id).unwrap_or_default()).or_default().extend(targets);
        }
        arrows
    }
}

impl Package {
    pub(crate) fn folder(&self) -> PathBuf {
        self.manifest_path.parent().map_or_else(PathBuf::new, PathBuf::from)
    }

    pub(crate) fn ply(&self) -> Option<&Ply> {
        self.metadata.as_ref()?.ply.as_ref()
    }

    pub(crate) fn has_target(&self, kind: &str) -> bool {
        self.targets.iter().any(|target| target.kind.iter().any(|own| own == kind))
    }
}
