//! Loads an archive or layout into a store, and lists what the store holds: `load_and_list STORE FILE|DIR`.
#![expect(clippy::print_stdout, reason = "a program prints")]

use plywood::Engine;
use plywood::list::Filter;
use plywood::load::{Input, Options};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (store, archive) =
        arguments.next().zip(arguments.next()).ok_or("usage: load_and_list STORE FILE|DIR")?;
    let engine = Engine::open(store.as_ref())?;
    engine.load(Input::Path(archive.as_ref()), &Options::default())?;
    for row in engine.list(&Filter::default())? {
        let name = row.name.map_or_else(|| "<none>".to_owned(), |name| name.familiar());
        println!("{}  {name}", row.id);
    }
    Ok(())
}
