//! An archive in memory: members by name, and links between them.
// Not every test file needs all of it.
#![allow(dead_code, clippy::unwrap_used, reason = "functions that tests share count as no tests")]

use std::io::Read;

use ply_archive::{ArchiveError, Contents, Member, MemberMap, Members};
use ply_digest::Digest;
use ply_image::{Descriptor, MediaType, Region};

#[derive(Default)]
pub(crate) struct Memory(MemberMap<Vec<u8>>);

impl Memory {
    pub(crate) fn file(mut self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.0.file(name.as_bytes(), bytes.as_ref().to_vec()).unwrap();
        self
    }

    pub(crate) fn symlink(mut self, name: &str, target: &str) -> Self {
        self.0.symlink(name.as_bytes(), target.as_bytes()).unwrap();
        self
    }

    /// A member of a layout, named by its digest.
    pub(crate) fn blob(self, bytes: impl AsRef<[u8]>) -> Self {
        let digest = Digest::of(bytes.as_ref());
        self.file(&blob_name(&digest), bytes)
    }

    pub(crate) fn read(&self) -> Result<Contents, ArchiveError> {
        Contents::read(self)
    }

    /// Why it was refused, causes and all.
    pub(crate) fn refused(&self) -> String {
        let error = self.read().unwrap_err();
        let mut text = error.to_string();
        let mut next = std::error::Error::source(&error);
        while let Some(cause) = next {
            text = format!("{text}: {cause}");
            next = cause.source();
        }
        text
    }
}

impl Members for Memory {
    fn find(&self, name: &str) -> Result<Option<Member>, ArchiveError> {
        let found = self.0.find(name)?;
        Ok(found.map(|(name, bytes)| Member { name: name.to_owned(), size: bytes.len() as u64 }))
    }

    fn names(&self) -> Vec<String> {
        self.0.names().map(str::to_owned).collect()
    }

    fn open(&self, member: &Member) -> Result<Box<dyn Read + Send + '_>, ArchiveError> {
        Ok(Box::new(self.0.find(&member.name)?.unwrap().1.as_slice()))
    }

    fn region(&self, _: &Member) -> Result<Option<Region>, ArchiveError> {
        Ok(None)
    }
}

pub(crate) fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// A layer: a tar of one file. Its text makes it its own.
pub(crate) fn layer(text: &str) -> Vec<u8> {
    let mut writer = ply_tar::Writer::new(Vec::new());
    writer.append(&ply_tar::Entry::file("motd", text.len() as u64), text.as_bytes()).unwrap();
    writer.finish().unwrap()
}

pub(crate) fn config(layers: &[Vec<u8>]) -> String {
    let ids: Vec<String> = layers.iter().map(|layer| format!("\"{}\"", Digest::of(layer))).collect();
    let ids = ids.join(",");
    format!(r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":[{ids}]}}}}"#)
}

pub(crate) fn descriptor(kind: &str, bytes: &[u8]) -> Descriptor {
    Descriptor::new(MediaType::new(kind), Digest::of(bytes), bytes.len() as u64)
}

pub(crate) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

/// A manifest of a config and layers that are stored as they are.
pub(crate) fn manifest(config: &str, layers: &[Vec<u8>]) -> String {
    let layers: Vec<Descriptor> = layers.iter().map(|l| descriptor(MediaType::LAYER, l)).collect();
    let config = json(&descriptor(MediaType::CONFIG, config.as_bytes()));
    format!(r#"{{"schemaVersion":2,"config":{config},"layers":{}}}"#, json(&layers))
}

pub(crate) fn index(listed: &[Descriptor]) -> String {
    format!(r#"{{"schemaVersion":2,"manifests":{}}}"#, json(&listed))
}
