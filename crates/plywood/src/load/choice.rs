//! Which images of an archive are loaded.

use ply_archive::{Archive, Packed, PackedImage};
use ply_image::Platform;

use super::Options;
use crate::Error;
use crate::select::{Platforms, platform_of};

/// An image of an archive, and those of its platforms that are wanted.
pub(super) struct Choice<'a> {
    pub(super) packed: &'a Packed,
    pub(super) images: Vec<&'a PackedImage>,
}

pub(super) fn choose<'a>(
    archive: &'a Archive,
    options: &Options,
    absent: &mut Vec<String>,
) -> Result<Vec<Choice<'a>>, Error> {
    let images: Vec<&Packed> = match &options.only {
        Some(name) => {
            let found: Vec<&Packed> =
                archive.contents.images.iter().filter(|p| crate::select::is_wanted(p, name)).collect();
            if found.is_empty() {
                return Err(crate::select::not_in(archive, name));
            }
            found
        }
        None => archive.contents.images.iter().collect(),
    };
    if options.tag.is_some() && images.len() > 1 {
        let why = format!("--tag names one image, but there are {}: choose one with --only", images.len());
        return Err(Error::Misuse(why));
    }
    images
        .into_iter()
        .map(|packed| Ok(Choice { packed, images: choose_platforms(packed, &options.platforms, absent)? }))
        .collect()
}

/// The host's platform; where it is not there, all that are: nothing is lost by loading what cannot run here.
fn choose_platforms<'a>(
    packed: &'a Packed,
    platforms: &Platforms,
    absent: &mut Vec<String>,
) -> Result<Vec<&'a PackedImage>, Error> {
    let of = |wanted: &Platform| -> Vec<&'a PackedImage> {
        packed.images.iter().filter(|i| platform_of(i).satisfies(wanted)).collect()
    };
    let all = || packed.images.iter().collect();
    match platforms {
        Platforms::All => Ok(all()),
        Platforms::Host => {
            let host = of(&Platform::host());
            Ok(if host.is_empty() { all() } else { host })
        }
        Platforms::These(wanted) => {
            let mut chosen = Vec::new();
            for platform in wanted {
                let found = of(platform);
                if found.is_empty() {
                    absent.push(platform.to_string());
                }
                chosen.extend(found);
            }
            if chosen.is_empty() {
                let found: Vec<String> = packed.images.iter().map(|i| platform_of(i).to_string()).collect();
                let wanted = absent.join(", ");
                return Err(ply_image::DocumentError::NoPlatform { wanted, found: found.join(", ") }.into());
            }
            Ok(chosen)
        }
    }
}
