//! Lists the names in a store and what they point to: `names DIR`.
#![expect(clippy::print_stdout, reason = "a program prints")]

use ply_store::Store;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).ok_or("usage: names DIR")?;
    for record in Store::open(folder.as_ref())?.catalog()?.records() {
        println!("{}  {}", record.facts.target, record.name.as_deref().unwrap_or("<none>"));
    }
    Ok(())
}
