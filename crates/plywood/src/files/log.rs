//! `log`: what each layer did to a path.

use ply_overlay::{Event, OverlayError, Version, history, same_place};
use ply_tree::{Last, TreeError, find, path};

use super::same_bytes::{Blocks, same_bytes};
use super::{Files, LayerNumber};
use crate::Error;

/// The history of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Whose history it is, clean.
    pub path: Vec<u8>,
    /// Whether that is another path than was asked for: no layer has that one, but links in it lead here.
    pub by_links: bool,
    /// What each layer did that did anything, newest first; at least one.
    pub events: Vec<Event>,
}

impl Files {
    /// What each layer did to a path, newest first; `None` if no layer ever had it. Files of one size are read and compared.
    ///
    /// A history goes by names: `bin/sh` is what layers have at `bin/sh`. Where none has anything there because `bin` is a
    /// link, as it is now or was in the newest layer that tells, the history is that of the path it leads to.
    ///
    /// # Errors
    /// A layer is damaged.
    pub fn log(&self, wanted: &[u8]) -> Result<Option<Log>, Error> {
        let asked = path::clean(wanted);
        let events = self.history(&asked)?;
        if !events.is_empty() {
            return Ok(Some(Log { path: asked, by_links: false, events }));
        }
        let Some(path) = self.led_to(wanted)? else { return Ok(None) };
        let events = self.history(&path)?;
        Ok((!events.is_empty()).then_some(Log { path, by_links: true, events }))
    }

    fn history(&self, path: &[u8]) -> Result<Vec<Event>, Error> {
        history(&self.trees(None), path, |a, b| self.same_content(a, b).map_err(Stop::Reading)).map_err(
            |stop| match stop {
                Stop::Overlay(error) => self.failed()(error),
                Stop::Reading(error) => error,
            },
        )
    }

    /// Where links in a path lead: in the union of all layers, else in that of all but the topmost, and so on down.
    fn led_to(&self, wanted: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        for top in (0..self.len()).rev() {
            match find(&self.stack(Some(LayerNumber(top)))?, wanted, Last::Keep) {
                Ok(Some(found)) => return Ok(Some(found.path)),
                Ok(None) | Err(TreeError::NotADirectory { .. } | TreeError::TooManyLinks { .. }) => {}
                Err(error) => return Err(self.failed()(error)),
            }
        }
        Ok(None)
    }

    /// Whether two versions of a file have the same bytes: by where they lie, else by reading both.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn same_content(&self, a: &Version, b: &Version) -> Result<bool, Error> {
        if same_place(a, b).map_err(self.failed())? {
            return Ok(true);
        }
        match (self.content_of(a), self.content_of(b)) {
            (Some(mut a), Some(mut b)) => {
                same_bytes(&mut a, &mut b, &mut Blocks::default()).map_err(self.failed())
            }
            _ => Ok(false),
        }
    }
}

/// Why a history ends early.
enum Stop {
    Overlay(OverlayError),
    Reading(Error),
}

impl From<OverlayError> for Stop {
    fn from(error: OverlayError) -> Self {
        Self::Overlay(error)
    }
}
