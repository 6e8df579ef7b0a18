//! Decompresses what comes in, whatever its compression, and compresses it anew.
//!
//! `cargo run --release --example repack -- zstd < layer.tar.gz > layer.tar.zst`, with `gzip`, `zstd` or `none`, and a
//! level after a colon: `gzip:9`.

use std::error::Error;
use std::io::{self, BufReader, Write};

use ply_layer::{Encoding, Limits, decoder, encoder, sniff};

const BUFFER: usize = 128 << 10;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let wanted = std::env::args().nth(1).unwrap_or_else(|| "zstd".to_owned());
    let threads = std::env::args().nth(2).map_or(Ok(0), |threads| threads.parse())?;

    let (compression, input) = sniff(BufReader::with_capacity(BUFFER, io::stdin()))?;
    let mut plain = BufReader::with_capacity(BUFFER, decoder(compression, input, &Limits::default())?);
    let mut packed = encoder(encoding(&wanted)?, threads, io::stdout())?;
    let length = io::copy(&mut plain, &mut packed)?;
    packed.finish()?.flush()?;
    writeln!(io::stderr(), "{length} plain bytes: {compression} to {wanted}")?;
    Ok(())
}

fn encoding(wanted: &str) -> Result<Encoding, Box<dyn Error + Send + Sync>> {
    Ok(match wanted.split_once(':').unwrap_or((wanted, "")) {
        ("none", "") => Encoding::None,
        ("gzip", "") => Encoding::GZIP,
        ("gzip", level) => Encoding::Gzip { level: level.parse()? },
        ("zstd", "") => Encoding::ZSTD,
        ("zstd", level) => Encoding::Zstd { level: level.parse()? },
        _ => return Err(format!("{wanted} is none of none, gzip and zstd").into()),
    })
}
