use std::cmp::Reverse;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use serde::Serialize;
use serde_json::ser::PrettyFormatter;
use serde_json::{Map, Serializer, Value};

use super::places::{Place, Program};
use super::scope::Scope;
use super::{Credential, entry, replace};
use crate::RegistryError;
use crate::error::shown;

const ENTRIES: &str = "auths";
const HELPERS: &str = "credHelpers";
const HELPER_OF_ALL: &str = "credsStore";

/// Docker's `config.json` or podman's `auth.json`, as it stands on disk.
pub(super) struct ConfigFile {
    path: PathBuf,
    program: Program,
    members: Map<String, Value>,
}

impl ConfigFile {
    /// Reads a file. One that is missing or empty has nothing in it.
    pub(super) fn read(place: &Place) -> Result<Self, RegistryError> {
        let Place { path, program } = place;
        let mut file = Self { path: path.clone(), program: *program, members: Map::new() };
        let bytes = match fs::read(path) {
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(file),
            read => read.map_err(RegistryError::io(format!("read {}", path.display())))?,
        };
        if bytes.trim_ascii().is_empty() {
            return Ok(file);
        }
        // What serde says may repeat a value, its place does not.
        let value = serde_json::from_slice(&bytes)
            .map_err(|e| file.damaged(&format!("no JSON at line {}, column {}", e.line(), e.column())))?;
        match value {
            Value::Object(members) => file.members = members,
            _ => return Err(file.damaged("no object")),
        }
        Ok(file)
    }

    /// The name of the helper that has the credentials of a registry, where the file names one.
    pub(super) fn helper(&self, wanted: &Scope) -> Result<Option<&str>, RegistryError> {
        let helpers = self.object(HELPERS)?.into_iter().flatten();
        let mut helpers: Vec<_> =
            helpers.filter(|(key, _)| Scope::of_key(key).is_registry_of(wanted)).collect();
        helpers.sort_by_key(|(key, _)| (*key != wanted.docker_key(), *key != wanted.host()));
        let (named_by, name) = match (helpers.first(), self.program) {
            (Some((_, name)), _) => (HELPERS, Some(*name)),
            (None, Program::Docker) => (HELPER_OF_ALL, self.members.get(HELPER_OF_ALL)),
            (None, Program::Podman) => return Ok(None),
        };
        match name {
            None | Some(Value::Null) => Ok(None),
            // Docker's way to say that this registry has none.
            Some(Value::String(name)) => Ok(Some(name.as_str()).filter(|name| !name.is_empty())),
            Some(_) => Err(self.damaged(&format!("a name in `{named_by}` that is not text"))),
        }
    }

    /// The credential that stands in the file itself: the one for the smallest part of the registry.
    pub(super) fn credential(&self, wanted: &Scope) -> Result<Option<Credential>, RegistryError> {
        let entries = self.object(ENTRIES)?.into_iter().flatten();
        let mut entries: Vec<_> = entries.map(|(key, entry)| (Scope::of_key(key), key, entry)).collect();
        entries.retain(|(scope, ..)| scope.covers(wanted));
        entries.sort_by_key(|(scope, key, _)| {
            (Reverse(scope.path().len()), *key != wanted.docker_key(), *key != wanted.host())
        });
        for (_, key, entry) in entries {
            let read = entry::read(entry);
            let found = read.map_err(|why| self.damaged(&format!("an entry {} that {why}", shown(key))))?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Whether there is an entry for a registry as a whole.
    pub(super) fn holds(&self, registry: &Scope) -> Result<bool, RegistryError> {
        let entries = self.object(ENTRIES)?;
        Ok(entries
            .is_some_and(|entries| entries.keys().any(|key| Scope::of_key(key).is_registry_of(registry))))
    }

    /// Writes an entry, in the place of one that may be there.
    pub(super) fn set(&mut self, key: &str, entry: Value) -> Result<(), RegistryError> {
        self.object(ENTRIES)?;
        let entries = self.members.entry(ENTRIES).or_insert(Value::Null);
        if entries.is_null() {
            *entries = Value::Object(Map::new());
        }
        if let Value::Object(entries) = entries {
            entries.insert(key.to_owned(), entry);
        }
        Ok(())
    }

    /// Takes the entries for a registry as a whole away; tells whether anything stood in them.
    pub(super) fn remove(&mut self, registry: &Scope) -> Result<bool, RegistryError> {
        self.object(ENTRIES)?;
        let Some(Value::Object(entries)) = self.members.get_mut(ENTRIES) else { return Ok(false) };
        let mut held = false;
        entries.retain(|key, entry| {
            let goes = Scope::of_key(key).is_registry_of(registry);
            held |= goes && entry.as_object().is_none_or(|members| !members.is_empty());
            !goes
        });
        Ok(held)
    }

    /// Changes a file: reads it anew, so that what others wrote meanwhile stays, and writes what changed.
    pub(super) fn change<T>(
        place: &Place,
        edit: impl FnOnce(&mut Self) -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        let failed = || RegistryError::io(format!("write {}", place.path.display()));
        let target = replace::target(&place.path).map_err(failed())?;
        let folder = replace::hold(&target).map_err(failed())?;
        let mut file = Self::read(place)?;
        let before = file.members.clone();
        let answer = edit(&mut file)?;
        if file.members != before {
            let content = file.content().map_err(failed())?;
            replace::replace(&target, &folder, &content).map_err(failed())?;
        }
        Ok(answer)
    }

    /// As Docker lays it out.
    fn content(&self) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        let mut serializer = Serializer::with_formatter(&mut content, PrettyFormatter::with_indent(b"\t"));
        self.members.serialize(&mut serializer)?;
        Ok(content)
    }

    fn object(&self, name: &str) -> Result<Option<&Map<String, Value>>, RegistryError> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(members)) => Ok(Some(members)),
            Some(_) => Err(self.damaged(&format!("`{name}` that is no object"))),
        }
    }

    fn damaged(&self, what: &str) -> RegistryError {
        RegistryError::Settings(format!("{} is damaged: it has {what}", self.path.display()))
    }
}
