//! How a name comes to an image.

use ply_digest::Digest;
use ply_image::Descriptor;
use ply_reference::Reference;
use ply_store::Names;

use crate::Error;

/// Points a name at an image. One that named another image says so, and that image stays, without the name.
pub(crate) fn point(
    names: &mut Names,
    id_of: impl Fn(&Digest) -> Option<Digest>,
    name: &Reference,
    root: &Descriptor,
    id: Digest,
    no_clobber: bool,
) -> Result<Option<(Reference, Digest)>, Error> {
    let canonical = name.canonical();
    let old = names.get(&canonical).cloned();
    let old_id = old.as_ref().and_then(|d| id_of(&d.digest));
    // Another platform of the same index is the same image.
    let moves = old.as_ref().is_some_and(|old| old.digest != root.digest) && old_id != Some(id);
    if moves && no_clobber {
        return Err(Error::Conflict(format!("{} names another image already", name.familiar())));
    }
    names.set(&canonical, root);
    match (old, old_id) {
        (Some(old), old_id) if moves => {
            names.keep(&old);
            Ok(old_id.map(|id| (name.clone(), id)))
        }
        _ => Ok(None),
    }
}
