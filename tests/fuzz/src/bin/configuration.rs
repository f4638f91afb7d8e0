//! Any text as a configuration: compiled, or refused with a place that is in it and no value of it.
#![no_main]

use datakit_token::Verifier;
use datakit_token_fuzz::now;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|document: &[u8]| {
    match Verifier::from_json(document) {
        Ok(verifier) => {
            let read: Value = serde_json::from_slice(document).unwrap();
            assert!(!read["providers"][0]["audiences"].as_array().unwrap().is_empty());
            assert!(verifier.verify(b"a.b.c", now()).is_err());
        }
        Err(error) => {
            let text = error.to_string();
            assert!(!text.is_empty());
            assert!(error.pointer().is_empty() || error.pointer().starts_with('/'));
        }
    }
});
