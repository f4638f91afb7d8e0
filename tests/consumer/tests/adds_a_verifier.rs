//! Adding datakit-token to a program changes nothing in it, and it can be used from all of its threads.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use datakit_token::{
    Decision, KeysConfig, ProviderConfig, Reason, Request, RequirementConfig, RuleConfig, UnixTime, Verifier,
};
use datakit_token_consumer::{Customer, Measure, Plan, Reading, Sample, Shape};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use tokio::{sync::Barrier, task::JoinSet};

const NOW: u64 = 1_790_000_000;
const WORKERS: usize = 2;

fn key() -> SigningKey {
    SigningKey::from_bytes(&std::array::from_fn(|index| u8::try_from(index * 7 + 3).unwrap()))
}

fn token(number: u64) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "own" }));
    let claims =
        part(json!({ "iss": "https://id.example.com", "aud": "api", "exp": NOW + 600, "jti": number.to_string(),
        "sub": "acnt_7f3a", "plan": "pro", "quota": 12.5, "permissions": ["log.write"] }));
    let signed = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(key().sign(signed.as_bytes()).to_bytes());
    format!("{signed}.{signature}")
}

fn verifier() -> Verifier {
    let public = URL_SAFE_NO_PAD.encode(key().verifying_key().as_bytes());
    let set = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "own", "x": public }] });
    let keys = KeysConfig::inline(set.to_string().as_bytes()).unwrap();
    Verifier::builder()
        .with_provider(ProviderConfig::new("main", "https://id.example.com", keys).with_audience("api"))
        .with_rule(RuleConfig::path_prefix("/logs").require(RequirementConfig::permission("log.write")))
        .build()
        .unwrap()
}

#[test]
fn the_numbers_of_the_program_are_read_as_before() {
    let plain: Reading = serde_json::from_str("1.5").unwrap();
    assert_eq!(plain, Reading::Plain(1.5));
    let with_unit: Reading = serde_json::from_str(r#"{"value":1.5,"unit":"m"}"#).unwrap();
    assert_eq!(with_unit, Reading::WithUnit { value: 1.5, unit: "m".into() });
    let sample: Sample = serde_json::from_str(r#"{"place":"here","value":1e3}"#).unwrap();
    assert_eq!(sample, Sample { place: "here".into(), measure: Measure { value: 1000.0 } });
    let shape: Shape = serde_json::from_str(r#"{"kind":"circle","radius":0.5}"#).unwrap();
    assert_eq!(shape, Shape::Circle { radius: 0.5 });
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(value("1.0"), value("1.00"));
    assert_eq!(value("1e3").to_string(), "1000.0");
}

/// Both at the same time, each with a memory of its own, over one verifier.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_threads_share_a_verifier() {
    let (verifier, start) = (Arc::new(verifier()), Arc::new(Barrier::new(WORKERS)));
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let (verifier, start) = (Arc::clone(&verifier), Arc::clone(&start));
        workers.spawn(async move {
            let mut memory = verifier.memory();
            let now = UnixTime::from_secs(NOW).unwrap();
            start.wait().await;
            for round in 0..500_u64 {
                let token = token(round % 20);
                let valid = verifier.verify_with(&mut memory, token.as_bytes(), now).unwrap();
                let customer: Customer<'_> = valid.claims().deserialize().unwrap();
                assert_eq!((customer.sub, customer.plan, customer.quota), ("acnt_7f3a", Plan::Pro, 12.5));
                let authorization = format!("Bearer {token}");
                let headers = vec![(&b"authorization"[..], authorization.as_bytes())];
                let decision = verifier.decide_with(&mut memory, &Request::new(b"POST", b"/logs/a", headers), now);
                assert!(matches!(decision, Decision::Allow(_)), "{worker} {round}: {decision:?}");
                // What is remembered crosses an await, and with it threads.
                tokio::task::yield_now().await;
            }
            memory
        });
    }
    assert_eq!(workers.join_all().await.len(), WORKERS);
}

#[test]
fn claims_of_another_form_are_an_error_that_does_not_repeat_them() {
    let now = UnixTime::from_secs(NOW).unwrap();
    let valid = verifier().verify(token(1).as_bytes(), now).unwrap();
    #[derive(serde::Deserialize)]
    struct Other {
        #[expect(dead_code, reason = "it is never read: there is no such claim")]
        sub: u64,
    }
    let error = valid.claims().deserialize::<Other>().map(|_| ()).unwrap_err().to_string();
    assert!(error.starts_with("the claims have another form") && !error.contains("acnt"), "{error}");
    let later = UnixTime::from_secs(NOW + 6000).unwrap();
    assert_eq!(verifier().verify(token(1).as_bytes(), later).unwrap_err().reason(), Reason::Expired);
}
