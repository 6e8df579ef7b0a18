//! Reads an image's manifest from a registry, fetches its blobs and checks each of them.
//!
//!     cargo run -p ply-registry --example layers -- localhost:5000/app:1

#![expect(clippy::print_stdout, reason = "a program prints")]

use std::io::Read;

use ply_digest::Hasher;
use ply_image::{Document, Index, Manifest, Platform};
use ply_reference::{Reference, Tag};
use ply_registry::{Client, Settings, Wanted};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).ok_or("which image?")?;
    let reference = Reference::parse(&name)?;
    let client = Client::new(Settings::from_environment(), ());
    let repository = client.repository(reference.name())?;
    let wanted = match reference.digest() {
        Some(digest) => Wanted::Digest(*digest),
        None => Wanted::Tag(reference.tag().cloned().unwrap_or_else(Tag::latest)),
    };
    let mut found = repository.manifest(&wanted)?;
    if found.descriptor.media_type.is_index() {
        let index = Document::<Index>::parse(found.raw)?;
        let host = index.value.candidates(&Platform::host()).first().ok_or("nothing for this host")?.digest;
        found = repository.manifest(&Wanted::Digest(host))?;
    }
    let manifest = Document::<Manifest>::parse(found.raw)?;
    for blob in std::iter::once(&manifest.value.config).chain(&manifest.value.layers) {
        let mut hasher = Hasher::new();
        let mut reader = repository.blob(&blob.digest, blob.size);
        let mut block = vec![0; 128 << 10];
        loop {
            match reader.read(&mut block)? {
                0 => break,
                n => hasher.update(block.get(..n).unwrap_or_default()),
            }
        }
        let verdict = if hasher.finalize() == blob.digest { "ok" } else { "DAMAGED" };
        println!("{} {:>11} {verdict}", blob.digest, blob.size);
    }
    Ok(())
}
