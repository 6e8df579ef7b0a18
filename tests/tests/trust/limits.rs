//! What it costs at most: memory for any layer, time in proportion to the entries; and that text stays text.

mod memory;
mod size;
pub(crate) mod text;
mod time;
