//! The documents of an archive, each read once, however often it is named.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ply_digest::Digest;
use ply_image::{
    BlobError, CONFIG_LIMIT, Config, Descriptor, Document, DocumentError, Index, Manifest, Readable, Target,
    json::Keys,
};
use serde::Deserialize;

use super::budget::Budget;
use crate::ArchiveError;
use crate::error::shown;
use crate::members::{Member, Members, blob_name};

/// The documents of an archive.
pub(super) struct Documents<'a> {
    pub(super) members: &'a dyn Members,
    pub(super) budget: Budget,
    /// By member, which two formats can call by two names.
    configs: HashMap<String, Arc<Document<Config>>>,
    /// Configs that an image has.
    used: HashSet<Digest>,
    manifests: HashMap<Digest, Arc<Document<Manifest>>>,
    indexes: HashMap<Digest, Arc<Document<Index>>>,
    /// Blobs without a label that turned out to be no indexes.
    no_index: HashSet<Digest>,
    /// Whether a member is a plain layer, by member.
    plain: HashMap<String, bool>,
}

impl<'a> Documents<'a> {
    pub(super) fn new(members: &'a dyn Members) -> Self {
        Self {
            members,
            budget: Budget::default(),
            configs: HashMap::new(),
            used: HashSet::new(),
            manifests: HashMap::new(),
            indexes: HashMap::new(),
            no_index: HashSet::new(),
            plain: HashMap::new(),
        }
    }

    /// Reads a config, whatever `manifest.json` calls it.
    pub(super) fn config_named(
        &mut self,
        name: &str,
    ) -> Result<(Arc<Document<Config>>, Member), ArchiveError> {
        let missing = || ArchiveError::Missing { wanted: shown(name), by: "manifest.json".to_owned() };
        let member = self.find(name, "manifest.json")?.ok_or_else(missing)?;
        Ok((self.config_of(&member, None)?, member))
    }

    /// Finds the member that a document gives a name to.
    pub(super) fn find(&self, name: &str, by: &str) -> Result<Option<Member>, ArchiveError> {
        let wrong = |why| ArchiveError::Member { member: by.to_owned(), why };
        if name.trim_matches(['.', '/']).is_empty() {
            return Err(wrong(format!("names \"{}\", which is no file", shown(name))));
        }
        self.members.find(name).map_err(|error| match error {
            ArchiveError::Member { member, why } => wrong(format!("names {member}, which {why}")),
            error => error,
        })
    }

    /// Reads a config of the layout; `None` where it is not here.
    pub(super) fn config(&mut self, digest: &Digest) -> Result<Option<Arc<Document<Config>>>, ArchiveError> {
        let Some(member) = self.blob(digest)? else { return Ok(None) };
        self.config_of(&member, Some(digest)).map(Some)
    }

    fn config_of(
        &mut self,
        member: &Member,
        digest: Option<&Digest>,
    ) -> Result<Arc<Document<Config>>, ArchiveError> {
        if let Some(known) = self.configs.get(&member.name) {
            return check_digest(member, digest, known.digest, Config::WHAT).map(|()| Arc::clone(known));
        }
        let config = self.read::<Config>(member, digest)?;
        self.budget.steps(&member.name, config.value.history.len())?;
        self.configs.insert(member.name.clone(), Arc::clone(&config));
        Ok(config)
    }

    /// Takes an image into account. Whoever stores images reads the config of each, so one that several images share
    /// counts as often.
    pub(super) fn image(&mut self, by: &str, config: &Document<Config>) -> Result<(), ArchiveError> {
        self.budget.layers(by, config.value.rootfs.diff_ids.len())?;
        if self.used.insert(config.digest) {
            return Ok(());
        }
        self.budget.steps(by, config.value.history.len())?;
        self.budget.document(by, config.raw.len() as u64)
    }

    /// Reads a manifest of the layout; `None` where it is not here.
    pub(super) fn manifest(
        &mut self,
        digest: &Digest,
    ) -> Result<Option<Arc<Document<Manifest>>>, ArchiveError> {
        if let Some(known) = self.manifests.get(digest) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(member) = self.blob(digest)? else { return Ok(None) };
        let manifest = self.read::<Manifest>(&member, Some(digest))?;
        self.manifests.insert(*digest, Arc::clone(&manifest));
        Ok(Some(manifest))
    }

    /// Everything below an entry of `index.json`.
    pub(super) fn target(&mut self, entry: &Descriptor) -> Result<Target, ArchiveError> {
        let target = Target::read_with(entry, &mut |digest| self.index(digest));
        target.map_err(|source| match source {
            DocumentError::Blob(BlobError::Absent(digest)) => {
                ArchiveError::Missing { wanted: blob_name(&digest), by: "index.json".to_owned() }
            }
            source => ArchiveError::Document { member: blob_name(&entry.digest), source },
        })
    }

    fn index(&mut self, digest: &Digest) -> Result<Arc<Document<Index>>, DocumentError> {
        let rule = |why| DocumentError::Rule { what: Index::WHAT, digest: *digest, why };
        if self.no_index.contains(digest) {
            return Err(rule("is none".to_owned()));
        }
        let unreadable = |e| BlobError::Io { digest: *digest, at: None, source: std::io::Error::other(e) };
        let index = match self.indexes.get(digest) {
            Some(known) => Arc::clone(known),
            None => {
                let member = self.blob(digest).map_err(unreadable)?.ok_or(BlobError::Absent(*digest))?;
                let index = self.read::<Index>(&member, Some(digest)).map_err(|error| match error {
                    ArchiveError::Document { source, .. } => source,
                    error => unreadable(error).into(),
                });
                if matches!(index, Err(DocumentError::Shape { .. } | DocumentError::Rule { .. })) {
                    self.no_index.insert(*digest);
                }
                self.indexes.entry(*digest).or_insert(index?).clone()
            }
        };
        // Each time anew: what an index lists is followed from wherever it is reached.
        self.budget
            .listed(&blob_name(digest), index.value.manifests.len())
            .map_err(|e| rule(format!("is one too many: {e}")))?;
        Ok(index)
    }

    fn read<T: Readable>(
        &mut self,
        member: &Member,
        digest: Option<&Digest>,
    ) -> Result<Arc<Document<T>>, ArchiveError> {
        let wrong = |source| ArchiveError::Document { member: shown(&member.name), source };
        if member.size > T::LIMIT {
            return Err(wrong(DocumentError::TooLarge { what: T::WHAT, size: member.size, limit: T::LIMIT }));
        }
        self.budget.document(&member.name, member.size)?;
        let raw = self.members.read(member, T::LIMIT)?;
        check_digest(member, digest, Digest::of(&raw), T::WHAT)?;
        Document::parse(raw).map(Arc::new).map_err(wrong)
    }

    /// The member that holds a blob of the layout.
    pub(super) fn blob(&self, digest: &Digest) -> Result<Option<Member>, ArchiveError> {
        self.members.find(&blob_name(digest))
    }

    /// Whether a member is not compressed, by its first bytes.
    pub(super) fn is_plain(&mut self, member: &Member) -> Result<bool, ArchiveError> {
        use std::io::Read;
        if let Some(known) = self.plain.get(&member.name) {
            return Ok(*known);
        }
        let mut prefix = Vec::new();
        self.members
            .open(member)?
            .take(ply_layer::Compression::PREFIX as u64)
            .read_to_end(&mut prefix)
            .map_err(|source| ArchiveError::Io { doing: "read", path: shown(&member.name), source })?;
        let plain = ply_layer::Compression::detect(&prefix) == ply_layer::Compression::None;
        self.plain.insert(member.name.clone(), plain);
        Ok(plain)
    }
}

fn check_digest(
    member: &Member,
    expected: Option<&Digest>,
    found: Digest,
    what: &'static str,
) -> Result<(), ArchiveError> {
    match expected {
        Some(&expected) if expected != found => Err(ArchiveError::Document {
            member: shown(&member.name),
            source: DocumentError::Digest { what, expected, found },
        }),
        _ => Ok(()),
    }
}

/// Reads a document of an archive that is not a blob.
pub(super) fn read_named(members: &dyn Members, name: &str, by: &str) -> Result<Vec<u8>, ArchiveError> {
    let missing = || ArchiveError::Missing { wanted: shown(name), by: by.to_owned() };
    let member = members.find(name)?.ok_or_else(missing)?;
    members.read(&member, CONFIG_LIMIT)
}

/// Reads JSON of an archive that is not a blob, strictly.
pub(super) fn parse_named<T: for<'de> Deserialize<'de>>(
    members: &dyn Members,
    name: &str,
    keys: Keys<'_>,
) -> Result<T, ArchiveError> {
    parse(name, &read_named(members, name, "the archive")?, keys)
}

/// As [`parse_named`], of bytes that were read already.
pub(super) fn parse<T: for<'de> Deserialize<'de>>(
    name: &str,
    raw: &[u8],
    keys: Keys<'_>,
) -> Result<T, ArchiveError> {
    ply_image::json::check(raw, keys).map_err(|e| no_such_document(name, &e))?;
    serde_json::from_slice(raw).map_err(|e| no_such_document(name, &e))
}

/// What is not JSON, or JSON of another shape.
pub(super) fn no_such_document(name: &str, error: &serde_json::Error) -> ArchiveError {
    let why = format!("is not what it should be: {}", shown(&error.to_string()));
    ArchiveError::Member { member: shown(name), why }
}
