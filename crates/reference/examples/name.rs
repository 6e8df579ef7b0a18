//! Takes references apart: `cargo run -p ply-reference --example name nginx registry.example:5000/team/app:1.0`

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program prints")]

use std::process::ExitCode;

use ply_reference::{Query, Reference, ReferenceError};

fn main() -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for typed in std::env::args().skip(1) {
        if let Err(error) = explain(&typed) {
            eprintln!("{error}");
            code = ExitCode::FAILURE;
        }
    }
    code
}

fn explain(typed: &str) -> Result<(), ReferenceError> {
    let query = Query::parse(typed)?;
    if let Some(reference) = query.reference() {
        describe(reference);
    }
    if let Some(id) = query.id() {
        println!("ID         {id}{}", if id.digits() < 64 { "…" } else { "" });
    }
    Ok(())
}

fn describe(reference: &Reference) {
    let name = reference.name();
    println!("domain     {}", name.domain());
    println!("namespace  {}", name.namespace());
    println!("repository {}", name.repository());
    if let Some(tag) = reference.tag() {
        println!("tag        {tag}");
    }
    if let Some(digest) = reference.digest() {
        println!("digest     {digest}");
    }
    println!("familiar   {}", reference.familiar());
    println!("canonical  {}", reference.canonical());
}
