//! Any text as a configuration: compiled, or refused with a place that is in it and no value of it.
#![no_main]

use datakit_token::{Decision, Request, Verifier};
use datakit_token_fuzz::now;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|document: &[u8]| {
    match Verifier::from_json(document) {
        Ok(verifier) => {
            let read: Value = serde_json::from_slice(document).unwrap();
            assert!(!read["providers"][0]["audiences"].as_array().unwrap().is_empty());
            assert!(verifier.verify(b"a.b.c", now()).is_err());
            // Whatever the rules say, what is no token gets no further than where nobody looks at tokens.
            let headers = vec![
                (&b"authorization"[..], &b"Bearer a.b.c"[..]),
                (b"host", b"api.example.com"),
                (b"origin", b"https://a"),
            ];
            let decision =
                verifier.decide(&Request::new(b"POST", b"/v1/write/logging/x?a=1&token=a.b.c", headers), now());
            if let Decision::Allow(grant) = decision {
                assert!(grant.valid().is_none());
            }
        }
        Err(error) => {
            let text = error.to_string();
            assert!(!text.is_empty());
            assert!(error.pointer().is_empty() || error.pointer().starts_with('/'));
        }
    }
});
