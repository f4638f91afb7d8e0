//! Any bytes as a token: accepted only with a signature that another look at the same bytes finds good.
#![no_main]

use std::cell::RefCell;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use datakit_token_fuzz::{now, verifier};
use datakit_token_tests::{mint, worker::Worker};
use ed25519_dalek::Signature;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

thread_local! {
    static WORKER: RefCell<Worker> = RefCell::new(Worker::new(verifier()));
}

fuzz_target!(|token: &[u8]| {
    let Ok(valid) = WORKER.with_borrow_mut(|worker| worker.verify(token, now())) else { return };
    let text = std::str::from_utf8(token).unwrap();
    let segments: Vec<&str> = text.split('.').collect();
    let [header, payload, signature] = segments.as_slice() else { panic!("{} segments", segments.len()) };
    let decode = |segment: &&str| URL_SAFE_NO_PAD.decode(segment).unwrap();
    let read: Value = serde_json::from_slice(&decode(header)).unwrap();
    assert!(read["alg"] == "EdDSA" || read["alg"] == "Ed25519");
    assert!(read.get("crit").is_none() && read.get("b64").is_none() && read.get("zip").is_none());
    let signed = &text[..header.len() + 1 + payload.len()];
    let signature = Signature::from_slice(&decode(signature)).unwrap();
    let good = |name| mint::key(name).verifying_key().verify_strict(signed.as_bytes(), &signature).is_ok();
    assert!(good("k1") || good("k2"));
    assert_eq!(valid.claims().issuer(), "https://id.example.com");
    // One spelling: what was decoded encodes to the same text.
    assert_eq!(&mint::encode(&decode(payload)), payload);
});
