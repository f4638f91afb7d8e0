//! Any request, with a good token where it says so: what passes has lost the token, lies below the rule's prefix and
//! carries no claim header that the verifier did not write. Where paths go on as they were sent, every reader stays
//! below the prefix.
#![no_main]

use std::{cell::RefCell, sync::LazyLock};

use datakit_token::{Decision, OwnedRequest, Verifier};
use datakit_token_fuzz::{NOW, now, verifier};
use datakit_token_tests::{
    mint,
    path_readers::{FOLDING, READERS, only_renames},
    worker::Worker,
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

thread_local! {
    static WORKER: RefCell<Worker> = RefCell::new(Worker::new(verifier()));
    static AS_SENT: Verifier = {
        let config = json!({ "version": 1,
            "providers": [{ "name": "main", "issuer": "i", "audiences": ["a"], "keys": { "inline": { "keys": [mint::jwk("k1")] } } }],
            "rules": [{ "match": { "path": { "prefix": "/v1" } }, "paths": "as_sent", "allow": "unchecked" }] });
        Verifier::from_json(config.to_string().as_bytes()).unwrap()
    };
}
static TOKEN: LazyLock<String> = LazyLock::new(|| {
    let claims = json!({ "iss": "https://id.example.com", "aud": "https://openway.example.com", "exp": NOW + 60,
        "sub": "alice", "roles": ["a", "b"], "permissions": ["ingest.logging"] });
    mint::sign(&mint::key("k1"), br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, claims.to_string().as_bytes())
});

fuzz_target!(|template: &str| {
    let text = template.replace("{token}", &TOKEN);
    let Ok(request) = OwnedRequest::from_json(text.as_bytes()) else { return };
    check_readers(&request);
    let decision = WORKER.with_borrow_mut(|worker| worker.decide(&request.as_request(), now()));
    let report: Value = serde_json::from_str(&datakit_token::report_decide(&request.as_request(), &decision)).unwrap();
    match decision {
        Decision::Allow(_) => {
            let path = report["upstream"]["path"].as_str().unwrap();
            assert!(!path.split('?').next().unwrap().split('/').any(|segment| segment == ".."), "{path}");
            // A copy where no carrier looks is not ours to remove.
            if template.matches("{token}").count() == 1 {
                assert!(!report["upstream"].to_string().contains(TOKEN.as_str()));
            }
            let headers = report["upstream"]["headers"].as_array().unwrap();
            for (name, value) in [("x-user", "alice"), ("x-roles", "a,b")] {
                let folded =
                    |header: &&Value| header[0].as_str().unwrap().to_ascii_lowercase().replace('_', "-") == name;
                let found: Vec<_> = headers.iter().filter(folded).map(|header| &header[1]).collect();
                assert_eq!(found, [value]);
            }
            let deep = |header: &Value| header[0].as_str().unwrap().to_ascii_lowercase().replace('_', "-") == "x-deep";
            assert!(!headers.iter().any(deep));
        }
        Decision::Deny(_) => {
            let status = report["status"].as_u64().unwrap();
            assert!(matches!(status, 400 | 401 | 403 | 413 | 431 | 503), "{status}");
            assert!(!report.to_string().contains(TOKEN.as_str()));
        }
        Decision::Observe(..) => panic!("the configuration says nothing of observing"),
    }
});

fn check_readers(request: &OwnedRequest) {
    let decision = AS_SENT.with(|verifier| verifier.decide(&request.as_request(), now()));
    if !matches!(decision, Decision::Allow(_)) {
        return;
    }
    let report: Value = serde_json::from_str(&datakit_token::report_decide(&request.as_request(), &decision)).unwrap();
    let path = report["upstream"]["path"].as_str().unwrap();
    for (name, reader) in READERS {
        let read = reader(path);
        let below = read.strip_prefix("/v1").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let renames = FOLDING.iter().any(|(fold, by)| fold == name && only_renames(path, *by));
        assert!(below || renames, "{name} reads {path:?} as {read:?}");
    }
}
