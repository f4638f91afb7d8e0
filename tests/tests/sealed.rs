//! Tokens sealed in transit: what no vector shows.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]

use std::sync::Arc;

use datakit_token::{KeysConfig, ProviderConfig, Reason, UnixTime, Verifier, VerifierBuilder};
use datakit_token_sealed::{EncryptionKeys, Unsealer};
use datakit_token_tests::{
    mint::{self, Seal},
    vectors,
    worker::Worker,
};
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;

fn time(now: u64) -> UnixTime {
    UnixTime::from_secs(now).unwrap()
}

fn config(decryption: &Value) -> Value {
    json!({ "version": 1, "providers": [{ "name": "main", "issuer": "i", "audiences": ["a"],
        "keys": { "inline": { "keys": [mint::jwk("k1")] } },
        "encryption": { "keys": { "inline": { "keys": decryption } } } }] })
}

fn verifier(decryption: &Value) -> Verifier {
    vectors::verifier(&config(decryption)).unwrap()
}

fn token(jti: &str) -> String {
    let claims = json!({ "iss": "i", "aud": "a", "iat": NOW, "exp": NOW + 6000, "jti": jti });
    let header = br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#;
    mint::sign(&mint::key("k1"), header, claims.to_string().as_bytes())
}

/// A token sealed for `e1`, as the product seals.
fn seal(token: &str, random: u8) -> String {
    let set = json!({ "keys": [mint::encryption_jwk("e1")] }).to_string();
    EncryptionKeys::from_json(set.as_bytes()).unwrap().current(NOW).unwrap().seal(token, &[random; 44])
}

#[test]
fn every_change_of_one_byte_is_refused() {
    let verifier = verifier(&json!([mint::private_jwk("e1")]));
    let mut changes = 0_u32;
    for (index, jti) in ["one", "another", "a third"].into_iter().enumerate() {
        let good = seal(&token(jti), u8::try_from(index).unwrap()).into_bytes();
        assert!(verifier.verify(&good, time(NOW)).is_ok());
        let mut changed = good.clone();
        for place in 0..good.len() {
            for byte in (0..=u8::MAX).filter(|byte| *byte != good[place]) {
                changed[place] = byte;
                assert!(verifier.verify(&changed, time(NOW)).is_err(), "{byte:x} at {place}");
                changes += 1;
            }
            changed[place] = good[place];
        }
    }
    println!("{changes} changes");
    assert!(changes > 400_000, "{changes}");
}

#[test]
fn each_byte_left_out_or_added_is_refused() {
    let verifier = verifier(&json!([mint::private_jwk("e1")]));
    let good = seal(&token("one"), 1);
    for place in 0..good.len() {
        let mut shorter = good.clone().into_bytes();
        shorter.remove(place);
        assert!(verifier.verify(&shorter, time(NOW)).is_err(), "{place}");
        for byte in *b"A.=-" {
            let mut longer = good.clone().into_bytes();
            longer.insert(place, byte);
            assert!(verifier.verify(&longer, time(NOW)).is_err(), "{place}");
        }
    }
}

#[test]
fn a_kept_token_ends_with_the_key_that_opened_it() {
    let mut key = mint::private_jwk("e1");
    key["exp"] = json!(NOW + 10);
    let mut worker = Worker::new(verifier(&json!([key])));
    let sealed = seal(&token("one"), 1);
    let first = worker.verify(sealed.as_bytes(), time(NOW)).unwrap();
    let again = worker.verify(sealed.as_bytes(), time(NOW + 9)).unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    let refusal = worker.verify(sealed.as_bytes(), time(NOW + 10)).unwrap_err();
    assert_eq!(refusal.reason(), Reason::DecryptionFailed);
    // The token itself is good for longer.
    assert!(worker.verify(token("one").as_bytes(), time(NOW + 10)).is_ok());
}

#[test]
fn without_a_key_id_a_kept_token_lasts_as_long_as_the_choice_is_certain() {
    let mut second = mint::private_jwk("e2");
    second["nbf"] = json!(NOW + 5);
    let mut worker = Worker::new(verifier(&json!([mint::private_jwk("e1"), second])));
    let ephemeral = mint::ephemeral();
    let epk = json!({ "kty": "OKP", "crv": "X25519", "x": mint::encode(&ephemeral) });
    let header = json!({ "alg": "ECDH-ES", "enc": "A256GCM", "cty": "JWT", "epk": epk }).to_string();
    let key = mint::content_key("e1", ephemeral, [b"A256GCM", b"", b""]);
    let seal = Seal { key, header: header.as_bytes(), iv: &[1; 12] };
    let sealed = seal.around(token("one").as_bytes()).join(".");
    assert!(worker.verify(sealed.as_bytes(), time(NOW)).is_ok());
    assert!(worker.verify(sealed.as_bytes(), time(NOW + 4)).is_ok());
    let refusal = worker.verify(sealed.as_bytes(), time(NOW + 5)).unwrap_err();
    assert_eq!(refusal.reason(), Reason::DecryptionFailed);
}

/// The sealed text is what is known: another seal around the same token is looked at anew.
#[test]
fn each_seal_is_kept_by_itself() {
    let mut worker = Worker::new(verifier(&json!([mint::private_jwk("e1")])));
    let (one, other) = (seal(&token("one"), 1), seal(&token("one"), 2));
    let first = worker.verify(one.as_bytes(), time(NOW)).unwrap();
    assert!(Arc::ptr_eq(&first, &worker.verify(one.as_bytes(), time(NOW)).unwrap()));
    assert!(!Arc::ptr_eq(&first, &worker.verify(other.as_bytes(), time(NOW)).unwrap()));
    assert!(!Arc::ptr_eq(&first, &worker.verify(token("one").as_bytes(), time(NOW)).unwrap()));
}

/// Their texts are nearly twice as long, but no more is read from them: counted as if there were, most would have to
/// go.
#[test]
fn a_thousand_sealed_tokens_of_a_usual_size_are_kept() {
    let mut worker = Worker::new(verifier(&json!([mint::private_jwk("e1")])));
    let sealed = |number: u32| seal(&token(&format!("{number:0>280}")), 1);
    let first: Vec<_> = (0..1000).map(|number| worker.verify(sealed(number).as_bytes(), time(NOW)).unwrap()).collect();
    assert!(sealed(0).len() > 950, "{}", sealed(0).len());
    for (number, kept) in (0..).zip(&first) {
        let again = worker.verify(sealed(number).as_bytes(), time(NOW)).unwrap();
        assert!(Arc::ptr_eq(kept, &again), "{number}");
    }
}

#[test]
fn faults_in_the_configuration_say_where_and_show_no_key() {
    let good = mint::private_jwk("e1");
    let with = |changes: Value| {
        let mut key = good.clone();
        for (name, value) in changes.as_object().unwrap() {
            key[name] = value.clone();
        }
        json!([key])
    };
    let without = |name: &str| {
        let mut key = good.clone();
        key.as_object_mut().unwrap().remove(name);
        json!([key])
    };
    let keys = "/providers/0/encryption/keys/inline/keys";
    for (decryption, place, problem) in [
        (json!([]), "", "at least one private key"),
        (json!(["x"]), "/0", "expected a JWK"),
        (without("kid"), "/0/kid", "1 to 256 bytes"),
        (with(json!({ "kid": "" })), "/0/kid", "1 to 256 bytes"),
        (with(json!({ "kid": 7 })), "/0/kid", "expected a string"),
        (with(json!({ "use": "sig" })), "/0/use", "expected `enc`"),
        (with(json!({ "alg": "ECDH-ES+A256KW" })), "/0/alg", "expected `ECDH-ES`"),
        (with(json!({ "key_ops": ["sign"] })), "/0/key_ops", "`deriveBits`"),
        (with(json!({ "crv": "Ed25519" })), "/0/crv", "expected `X25519`"),
        (with(json!({ "kty": "EC" })), "/0/kty", "expected `OKP`"),
        (without("d"), "/0/d", "43 characters"),
        (with(json!({ "d": "AAAA" })), "/0/d", "43 characters"),
        (with(json!({ "x": mint::private_jwk("e2")["x"] })), "/0/x", "public half of `d`"),
        (with(json!({ "nbf": 10, "exp": 10 })), "/0/exp", "a time after `nbf`"),
        (with(json!({ "exp": "soon" })), "/0/exp", "seconds since 1970"),
        (json!([good, with(json!({ "nbf": 1 }))[0]]), "/1/kid", "no other key"),
        (
            json!([{ "kty": "OKP", "crv": "X25519", "kid": "bob", "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
            "d": "XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os" }]),
            "/0/d",
            "this one is published",
        ),
    ] {
        let error = vectors::verifier(&config(&decryption)).unwrap_err();
        assert_eq!(error.pointer(), format!("{keys}{place}"), "{error}");
        assert!(error.problem().contains(problem), "{error}");
        for name in ["d", "x"] {
            assert!(!error.to_string().contains(good[name].as_str().unwrap()), "{error}");
        }
    }
    assert!(vectors::verifier(&config(&with(json!({ "key_ops": ["deriveBits"], "alg": "ECDH-ES" })))).is_ok());

    let in_variable = |text: &str| {
        let mut config = config(&json!([]));
        config["providers"][0]["encryption"]["keys"] = json!({ "env": "KEYS" });
        let builder = VerifierBuilder::from_json(config.to_string().as_bytes()).unwrap();
        let text = text.to_owned();
        let built = builder.with_unsealer(Unsealer::new()).build_with(&|name| (name == "KEYS").then(|| text.clone()));
        built.map(|_| ()).map_err(|error| (error.pointer().to_owned(), error.problem().to_owned()))
    };
    assert_eq!(in_variable(&json!({ "keys": [good] }).to_string()), Ok(()));
    let place = "/providers/0/encryption/keys/env".to_owned();
    let problem =
        "expected another JWK Set in this variable: the document: expected a JWK Set in strict JSON".to_owned();
    assert_eq!(in_variable("{"), Err((place.clone(), problem)));
    let problem = "expected another JWK Set in this variable: /keys/0/d: expected 43 characters of canonical base64url";
    assert_eq!(in_variable(&json!({ "keys": without("d") }).to_string()), Err((place, problem.into())));
}

#[test]
fn without_an_unsealer_a_configuration_that_needs_one_is_refused() {
    let error = Verifier::from_json(config(&json!([mint::private_jwk("e1")])).to_string().as_bytes()).unwrap_err();
    assert_eq!(error.pointer(), "/providers/0/encryption");
    assert!(error.problem().contains("nothing here opens encrypted tokens"), "{error}");
}

#[test]
fn tokens_without_a_signature_are_never_sealed() {
    let mut config = config(&json!([mint::private_jwk("e1")]));
    config["providers"][0]["encryption"]["required"] = json!(true);
    let opaque = json!([{ "token": { "value": "tkn_0123456789abcdef0123456789abcdef" }, "expires_at": NOW + 10 }]);
    config["providers"][0]["opaque_tokens"] = opaque;
    let error = vectors::verifier(&config).unwrap_err();
    assert_eq!(error.pointer(), "/providers/0/encryption/required");
}

#[test]
fn the_same_in_code() {
    let keys = KeysConfig::inline(json!({ "keys": [mint::jwk("k1")] }).to_string().as_bytes()).unwrap();
    let set = json!({ "keys": [mint::private_jwk("e1")] }).to_string();
    let provider =
        ProviderConfig::new("main", "i", keys).with_audience("a").with_decryption_keys(set).with_encryption_required();
    let builder = Verifier::builder().with_provider(provider).with_unsealer(Unsealer::new());
    assert!(!format!("{builder:?}").contains("e1"));
    let verifier = builder.build().unwrap();
    assert!(verifier.verify(seal(&token("one"), 1).as_bytes(), time(NOW)).is_ok());
    let refusal = verifier.verify(token("one").as_bytes(), time(NOW)).unwrap_err();
    assert_eq!(refusal.reason(), Reason::UnsupportedAlgorithm);
}

#[test]
fn hints_say_what_to_look_at() {
    let all = verifier(&json!([mint::private_jwk("e1")]));
    let mut config = config(&json!([mint::private_jwk("e1")]));
    config["providers"][0]["encryption"]["required"] = json!(true);
    let required = vectors::verifier(&config).unwrap();
    let two = verifier(&json!([mint::private_jwk("e1"), mint::private_jwk("e2")]));
    let sealed = |change: Value, content: &str| {
        let ephemeral = mint::ephemeral();
        let mut header = json!({ "alg": "ECDH-ES", "enc": "A256GCM", "cty": "JWT", "kid": "e1",
            "epk": { "kty": "OKP", "crv": "X25519", "x": mint::encode(&ephemeral) } });
        for (name, value) in change.as_object().unwrap() {
            header[name] = value.clone();
        }
        header.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let header = header.to_string();
        let key = mint::content_key("e1", ephemeral, [b"A256GCM", b"", b""]);
        let seal = Seal { key, header: header.as_bytes(), iv: &[1; 12] };
        seal.around(content.as_bytes()).join(".")
    };
    let good = token("one");
    let signed = |header: &str| mint::sign(&mint::key("k1"), header.as_bytes(), b"{}");
    for (verifier, token, code, hint) in [
        (
            &required,
            good.clone(),
            "unsupported_algorithm",
            Some("it is not encrypted, and `encryption.required` wants it to be"),
        ),
        (
            &required,
            signed(r#"{"alg":"RS256"}"#),
            "unsupported_algorithm",
            Some("RS256 `alg`; accepted: EdDSA, Ed25519"),
        ),
        (
            &all,
            sealed(json!({ "alg": "RSA-OAEP" }), &good),
            "unsupported_algorithm",
            Some("RSA-OAEP `alg`, A256GCM `enc`; accepted of encrypted tokens: ECDH-ES with A256GCM"),
        ),
        (
            &all,
            sealed(json!({ "enc": "secret" }), &good),
            "unsupported_algorithm",
            Some("ECDH-ES `alg`, another `enc`; accepted of encrypted tokens: ECDH-ES with A256GCM"),
        ),
        (&all, sealed(json!({ "zip": "DEF" }), &good), "unsupported_algorithm", Some("it is compressed (`zip`)")),
        (
            &all,
            sealed(json!({ "cty": null }), &good),
            "unsupported_type",
            Some("an encrypted token needs the `cty` `JWT`"),
        ),
        (&all, sealed(json!({ "kid": "e9" }), &good), "decryption_failed", Some("no decryption key has its `kid`")),
        (
            &two,
            sealed(json!({ "kid": null }), &good),
            "decryption_failed",
            Some("it has no `kid`, and there is more than one decryption key"),
        ),
        (
            &two,
            sealed(json!({ "kid": "e2" }), &good),
            "decryption_failed",
            Some("its key does not open it, or not at this time"),
        ),
        (
            &all,
            sealed(json!({}), &signed(r#"{"alg":"RS256"}"#)),
            "unsupported_algorithm",
            Some("in what was encrypted; accepted: EdDSA, Ed25519"),
        ),
        (
            &all,
            sealed(json!({}), &signed(r#"{"alg":"EdDSA"}"#)),
            "unsupported_type",
            Some("in what was encrypted; accepted: at+jwt"),
        ),
        (&all, sealed(json!({}), "{}"), "malformed", None),
    ] {
        let refusal = verifier.verify(token.as_bytes(), time(NOW)).unwrap_err();
        assert_eq!(refusal.code(), code, "{hint:?}");
        assert_eq!(verifier.hint(token.as_bytes(), refusal.reason()).as_deref(), hint);
    }
}
