//! Any header and payload (with a zero byte between them), well signed: accepted only if a plain reading agrees.
#![no_main]

use std::cell::RefCell;

use datakit_token_fuzz::{NOW, now, verifier};
use datakit_token_tests::{mint, worker::Worker};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

thread_local! {
    static WORKER: RefCell<Worker> = RefCell::new(Worker::new(verifier()));
}

fn seconds(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let (header, payload) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let token = mint::sign(&mint::key("k1"), header, payload);
    let Ok(valid) = WORKER.with_borrow_mut(|worker| worker.verify(token.as_bytes(), now())) else { return };
    let header: Value = serde_json::from_slice(header).unwrap();
    let payload: Value = serde_json::from_slice(payload).unwrap();
    assert!(header["alg"] == "EdDSA" || header["alg"] == "Ed25519");
    let token_type = header["typ"].as_str().unwrap().to_ascii_lowercase();
    assert!(token_type == "at+jwt" || token_type == "application/at+jwt");
    assert_eq!(header["kid"], "k1");
    assert_eq!(payload["iss"], "https://id.example.com");
    let audience = "https://openway.example.com";
    assert!(payload["aud"] == audience || payload["aud"].as_array().unwrap().iter().any(|one| one == audience));
    let now = NOW as f64;
    assert!(seconds(&payload["exp"]) > now - 31.0 && seconds(&payload["exp"]) < 253_402_300_800.0);
    for name in ["nbf", "iat"] {
        assert!(payload.get(name).is_none_or(|date| seconds(date) <= now + 30.0 && seconds(date) >= 0.0));
    }
    assert!(payload.get("cnf").is_none());
    // What comes out is what was signed, number by number.
    let shown: Value = serde_json::from_str(&valid.claims().to_json()).unwrap();
    assert_eq!(shown, payload);
});
