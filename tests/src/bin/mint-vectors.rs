//! Writes the minted vectors for the runners outside Rust: `mint-vectors FILE`.

use std::{env, error::Error, fs};

use datakit_token_tests::vectors::{self, Vector};

fn main() -> Result<(), Box<dyn Error>> {
    let file = env::args().nth(1).ok_or("usage: mint-vectors FILE")?;
    let vectors = vectors::load()?;
    let minted = serde_json::json!({ "vectors": vectors.iter().map(Vector::to_json).collect::<Vec<_>>() });
    fs::write(&file, minted.to_string())?;
    println!("{} vectors", vectors.len());
    Ok(())
}
