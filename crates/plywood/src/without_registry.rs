//! A build without registries: nothing lies in one.

use std::convert::Infallible;
use std::marker::PhantomData;

use ply_digest::Digest;
use ply_image::{Platform, Region};
use ply_store::Catalog;

use crate::view::View;
use crate::{Engine, Error};

/// An image in a registry, of which there is none.
pub(crate) struct Remote<'a>(Infallible, PhantomData<&'a ()>);

impl Remote<'_> {
    pub(crate) fn view(&self, _: &Catalog, _: Option<&Platform>) -> Result<View, Error> {
        match self.0 {}
    }

    pub(crate) fn document(&self, _: &Digest) -> Result<Vec<u8>, Error> {
        match self.0 {}
    }
}

impl Engine<'_> {
    #[expect(clippy::unused_self, reason = "as in a build with registries")]
    pub(crate) fn fetched_regions(
        &self,
        remote: &Remote<'_>,
        _: Option<&Platform>,
        _: &View,
    ) -> Result<Vec<Region>, Error> {
        match remote.0 {}
    }
}
