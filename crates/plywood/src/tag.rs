//! `tag`: another name for an image.

use ply_digest::Digest;
use ply_reference::Reference;
use ply_store::Catalog;

use crate::point::point;
use crate::select::find;
use crate::{Engine, Error};

impl Engine<'_> {
    /// Gives an image a name. A name that named another image moves; the ID of that image is given back.
    ///
    /// # Errors
    /// There is no such image, or the store cannot be written.
    pub fn tag(&self, wanted: &str, name: &Reference) -> Result<Option<Digest>, Error> {
        self.store.edit(|names, catalog| {
            let facts = find(catalog, wanted)?.facts;
            let id = facts.image.as_ref().map_or(facts.target, |image| image.id);
            let target = Catalog::descriptor(&facts);
            let id_of = |target: &Digest| Some(catalog.target(target)?.image?.id);
            Ok(point(names, id_of, name, &target, id, false)?.map(|(_, old)| old))
        })
    }
}
