//! Lists the images in an archive or layout that is not loaded: `contents FILE|DIR`.
#![expect(clippy::print_stdout, reason = "a program prints")]

use ply_archive::Archive;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: contents FILE|DIR")?;
    for packed in Archive::open(path.as_ref())?.contents.images {
        for image in &packed.images {
            let names: Vec<String> = packed.names.iter().map(ply_reference::Reference::familiar).collect();
            println!("{}  {} layers  {}", image.id(), image.layers.len(), names.join(" "));
        }
    }
    Ok(())
}
