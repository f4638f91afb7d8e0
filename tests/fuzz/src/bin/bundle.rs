//! Any payload as a trust bundle, signed by a root: taken only with the right issuer, times and known members. Any
//! text as the document of a server: never taken, as nobody has signed it.
#![no_main]

use datakit_token::{Answer, FetchTime, Verifier};
use datakit_token_fuzz::{NOW, now};
use datakit_token_tests::mint;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example.com";

fn taken(text: &str) -> bool {
    let keys = json!({ "bundle": { "roots": { "keys": [mint::jwk("root-1")] }, "remote": { "url": "https://id.example.com/b" } } });
    let provider = json!({ "name": "main", "issuer": ISSUER, "audiences": ["a"], "keys": keys });
    let config = json!({ "version": 1, "providers": [provider] });
    let mut verifier = Verifier::from_json(config.to_string().as_bytes()).unwrap();
    let source = verifier.remote_sources_mut().next().unwrap();
    let answer = Answer::new(200, text.as_bytes());
    source.begin(0);
    let taken = source.finish(Ok(&answer), FetchTime::new(now(), 0, 0)).is_ok();
    // What was taken can be kept and taken again.
    if let Some(snapshot) = source.snapshot() {
        let mut other = Verifier::from_json(config.to_string().as_bytes()).unwrap();
        let other = other.remote_sources_mut().next().unwrap();
        assert!(other.restore(&snapshot, FetchTime::new(now(), 0, 0)).unwrap());
    }
    taken
}

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(!taken(text), "nobody signed this");
    }
    let header = br#"{"alg":"EdDSA","typ":"keybundle+jwt","kid":"root-1"}"#;
    if !taken(&mint::sign(&mint::key("root-1"), header, data)) {
        return;
    }
    let members: Value = serde_json::from_slice(data).unwrap();
    assert_eq!(members["iss"], ISSUER);
    assert!(members["iat"].as_u64().unwrap() <= NOW + 30 && members["exp"].as_u64().unwrap() > NOW);
    assert!(members["seq"].as_u64().is_some() && members["roots"].as_array().unwrap().contains(&json!("root-1")));
    let known = ["iss", "seq", "iat", "exp", "ttl", "keys", "rules", "roots"];
    assert!(members.as_object().unwrap().keys().all(|name| known.contains(&name.as_str())));
    for rule in members["rules"].as_array().into_iter().flatten() {
        assert!(rule.get("match").or(rule.get("header")).or(rule.get("all")).is_some());
        assert!(rule.get("header").is_none() || rule.get("issued_before").is_none());
    }
});
