//! Any text as a JWK Set: taken only with a usable public key and no private one.
#![no_main]

use datakit_token::Verifier;
use datakit_token_fuzz::configuration;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|set: &[u8]| {
    let configuration = configuration().to_string();
    let (before, rest) = configuration.split_once(r#""inline":"#).unwrap();
    let end = rest.find("}]}").unwrap() + 3;
    let document = [before.as_bytes(), br#""inline":"#, set, rest[end..].as_bytes()].concat();
    let Ok(_) = Verifier::from_json(&document) else { return };
    // Text that closes the set and goes on is not a set, but may still be a configuration.
    let Ok(set) = serde_json::from_slice::<Value>(set) else { return };
    let keys = set["keys"].as_array().unwrap();
    assert!(keys.iter().any(|key| key["crv"] == "Ed25519" && key["x"].as_str().is_some_and(|x| x.len() == 43)));
    assert!(keys.iter().all(|key| key.get("d").is_none() && key.get("k").is_none()));
});
