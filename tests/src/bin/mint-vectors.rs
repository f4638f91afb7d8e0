//! Writes the minted vectors for the runners outside Rust: `mint-vectors FILE`.

use std::{env, error::Error, fs};

use datakit_token_tests::{
    corpora, hostile, issued,
    vectors::{self, Vector},
};

fn main() -> Result<(), Box<dyn Error>> {
    let file = env::args().nth(1).ok_or("usage: mint-vectors FILE")?;
    let mut vectors = vectors::load()?;
    // The same verdict everywhere, also on tokens that nobody here made.
    vectors.extend(corpora::hostile()?.into_iter().map(|hostile| hostile.vector));
    let mut generator = hostile::Generator::new(11);
    vectors.extend((0..5_000).map(|number| generator.next_request().to_vector(number)));
    let environment: serde_json::Map<_, _> =
        vectors::ENVIRONMENT.iter().map(|(name, value)| ((*name).to_owned(), serde_json::json!(value))).collect();
    let minted = vectors.iter().map(Vector::to_json).collect::<Vec<_>>();
    let minted = serde_json::json!({ "environment": environment, "vectors": minted, "issued": issued::cases()? });
    fs::write(&file, minted.to_string())?;
    println!("{} vectors", vectors.len());
    Ok(())
}
