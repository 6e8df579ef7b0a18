//! How much the documents of one archive may ask for together. Each has a limit of its own; but a small archive can
//! hold many, and compressed ones cost next to nothing.

use crate::ArchiveError;
use crate::error::shown;

/// Bytes of all documents together: configs, manifests, indexes. A name more costs nothing, an image more does.
const MAX_DOCUMENTS: u64 = 64 << 20;
/// Layers of all images together, and blobs that attestations name.
const MAX_LAYERS: usize = 40_000;
/// Steps in the histories of all images together.
const MAX_STEPS: usize = 200_000;
/// Manifests that the indexes below `index.json` list together.
const MAX_LISTED: usize = 100_000;
/// Names of all images together.
const MAX_IMAGE_NAMES: usize = 250_000;

/// What the documents read so far have asked for.
#[derive(Debug, Default)]
pub(super) struct Budget {
    documents: u64,
    layers: usize,
    steps: usize,
    listed: usize,
    names: usize,
}

impl Budget {
    pub(super) fn document(&mut self, by: &str, bytes: u64) -> Result<(), ArchiveError> {
        self.documents = self.documents.saturating_add(bytes);
        let within = self.documents <= MAX_DOCUMENTS;
        check(within, by, format_args!("documents of the archive to more than {MAX_DOCUMENTS} bytes"))
    }

    pub(super) fn layers(&mut self, by: &str, count: usize) -> Result<(), ArchiveError> {
        self.layers = self.layers.saturating_add(count);
        let within = self.layers <= MAX_LAYERS;
        check(within, by, format_args!("layers of all images together to more than {MAX_LAYERS}"))
    }

    pub(super) fn steps(&mut self, by: &str, count: usize) -> Result<(), ArchiveError> {
        self.steps = self.steps.saturating_add(count);
        let within = self.steps <= MAX_STEPS;
        check(within, by, format_args!("steps of all histories together to more than {MAX_STEPS}"))
    }

    pub(super) fn listed(&mut self, by: &str, count: usize) -> Result<(), ArchiveError> {
        self.listed = self.listed.saturating_add(count);
        let within = self.listed <= MAX_LISTED;
        check(within, by, format_args!("manifests that all indexes list to more than {MAX_LISTED}"))
    }

    pub(super) fn name(&mut self, by: &str) -> Result<(), ArchiveError> {
        self.names = self.names.saturating_add(1);
        let within = self.names <= MAX_IMAGE_NAMES;
        check(within, by, format_args!("names of all images together to more than {MAX_IMAGE_NAMES}"))
    }
}

fn check(within: bool, by: &str, what: std::fmt::Arguments<'_>) -> Result<(), ArchiveError> {
    if within {
        return Ok(());
    }
    Err(ArchiveError::Member { member: shown(by), why: format!("brings the {what}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_an_end() {
        let check = |take: &mut dyn FnMut(usize) -> Result<(), ArchiveError>, limit: usize, expect: &str| {
            take(limit).unwrap();
            let error = take(1).unwrap_err().to_string();
            assert!(error.starts_with("c brings the ") && error.contains(expect), "{error}");
        };
        let mut budget = Budget::default();
        let documents = usize::try_from(MAX_DOCUMENTS).unwrap();
        check(&mut |n| budget.document("c", n as u64), documents, "more than 67108864 bytes");
        check(&mut |n| budget.layers("c", n), MAX_LAYERS, "layers of all images");
        check(&mut |n| budget.steps("c", n), MAX_STEPS, "steps of all histories");
        check(&mut |n| budget.listed("c", n), MAX_LISTED, "manifests that all indexes list");
        check(&mut |n| (0..n).try_for_each(|_| budget.name("c")), MAX_IMAGE_NAMES, "names of all images");
    }
}
