//! Any text as an encrypted token, any header over a good content, any content well sealed: opened only if another
//! reading opens it, and what was inside gets the verdict that it gets by itself.
#![no_main]

use std::cell::RefCell;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use datakit_token::Reason;
use datakit_token_fuzz::{now, sealed_verifier};
use datakit_token_tests::{
    mint::{self, Seal},
    worker::Worker,
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

thread_local! {
    static WORKER: RefCell<Worker> = RefCell::new(Worker::new(sealed_verifier()));
    /// Of the one ephemeral key that the target seals with.
    static KEY: [u8; 32] = mint::content_key("e1", mint::ephemeral(), [b"A256GCM", b"", b""]);
    static EPK: String = mint::encode(&mint::ephemeral());
    static GOOD: String = {
        let claims = br#"{"iss":"https://id.example.com","aud":"https://openway.example.com","exp":1790000600}"#;
        mint::sign(&mint::key("k1"), br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, claims)
    };
}

fn verdict(token: &[u8]) -> Result<String, Reason> {
    let judged = WORKER.with_borrow_mut(|worker| worker.verify(token, now()));
    judged.map(|valid| valid.claims().to_json()).map_err(|refusal| refusal.reason())
}

/// What an opened token must be, by a reader of its own.
fn check(token: &str) {
    let segments: Vec<&str> = token.split('.').collect();
    let [header, encrypted_key, iv, ciphertext, tag] = segments.as_slice() else { panic!("not five segments") };
    let decode = |segment: &str| URL_SAFE_NO_PAD.decode(segment).unwrap();
    let read: Value = serde_json::from_slice(&decode(header)).unwrap();
    assert_eq!((&read["alg"], &read["enc"]), (&"ECDH-ES".into(), &"A256GCM".into()));
    assert!(read.get("zip").is_none() && read.get("crit").is_none() && encrypted_key.is_empty());
    assert!(read.get("kid").is_none_or(|kid| kid == "e1"));
    let content_type = read["cty"].as_str().unwrap().to_ascii_lowercase();
    assert!(content_type == "jwt" || content_type == "application/jwt");
    assert_eq!((decode(iv).len(), decode(tag).len()), (12, 16));
    // One spelling: what was decoded encodes to the same text.
    for segment in [header, iv, ciphertext, tag] {
        assert_eq!(&mint::encode(&decode(segment)), segment);
    }
    let party = |name: &str| read.get(name).map_or(Vec::new(), |party| decode(party.as_str().unwrap()));
    let ephemeral: [u8; 32] = decode(read["epk"]["x"].as_str().unwrap()).try_into().unwrap();
    let content = mint::open("e1", &segments, ephemeral, &party("apu"), &party("apv")).unwrap();
    assert!(verdict(&content).is_ok());
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else { return };
    let seal = |header| Seal { key: KEY.with(|key| *key), header, iv: &[7; 12] };
    match kind % 3 {
        0 => {
            if data.iter().filter(|byte| **byte == b'.').count() == 4 && verdict(data).is_ok() {
                check(std::str::from_utf8(data).unwrap());
            }
        }
        1 => {
            let token = seal(data).around(GOOD.with(|good| good.clone().into_bytes()).as_slice()).join(".");
            if verdict(token.as_bytes()).is_ok() {
                check(&token);
            }
        }
        _ => {
            let epk = EPK.with(String::clone);
            let header = format!(
                r#"{{"alg":"ECDH-ES","enc":"A256GCM","cty":"JWT","kid":"e1","epk":{{"kty":"OKP","crv":"X25519","x":"{epk}"}}}}"#
            );
            let sealed = verdict(seal(header.as_bytes()).around(data).join(".").as_bytes());
            // One level: what is sealed again is no signed token.
            let is_sealed = data.iter().filter(|byte| **byte == b'.').count() == 4;
            let bare = if is_sealed { Err(Reason::Malformed) } else { verdict(data) };
            assert_eq!(sealed, bare);
        }
    }
});
