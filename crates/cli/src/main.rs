//! The `ply` command.
fn main() {}
