//! Prints the ID of an image and the DiffID and ChainID of each layer: `chain < config.json`.
#![expect(clippy::print_stdout, reason = "a program prints")]

use std::io::Read;

use ply_image::{Config, Document};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut raw = Vec::new();
    std::io::stdin().read_to_end(&mut raw)?;
    let config = Document::<Config>::parse(raw)?;
    println!("ID {}", config.digest);
    for (diff_id, chain_id) in config.value.rootfs.diff_ids.iter().zip(config.value.chain_ids()) {
        println!("{diff_id}  {chain_id}");
    }
    Ok(())
}
