//! Builds, checks and measures the project.
fn main() {}
