//! Properties of tokens that no list of cases shows.

use std::collections::{BTreeMap, BTreeSet};

use datakit_token::{UnixTime, Verifier};
use datakit_token_tests::{
    vectors::{self, Vector},
    worker::Worker,
};

/// Accepted signed tokens, each with a verifier that accepts it.
fn accepted() -> Vec<(String, Verifier, UnixTime)> {
    let mut seen = BTreeSet::new();
    let vectors = vectors::load().unwrap().into_iter();
    let accepted: Vec<_> =
        vectors.filter_map(|vector| accept(&vector)).filter(|(token, ..)| seen.insert(token.clone())).collect();
    assert!(accepted.len() >= 20, "{}", accepted.len());
    accepted
}

fn accept(vector: &Vector) -> Option<(String, Verifier, UnixTime)> {
    let verifier = vectors::verifier(&vector.config).unwrap();
    let now = UnixTime::from_secs(vector.now).unwrap();
    let token = vector.token.clone().filter(|token| token.is_ascii() && token.contains('.'))?;
    verifier.verify(token.as_bytes(), now).ok()?;
    Some((token, verifier, now))
}

#[test]
fn every_single_bit_flip_of_an_accepted_token_is_refused() {
    let mut flips = 0_u32;
    for (token, verifier, now) in accepted().into_iter().take(20) {
        let mut bytes = token.into_bytes();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(verifier.verify(&bytes, now).is_err(), "bit {bit} of {}", String::from_utf8_lossy(&bytes));
            bytes[bit / 8] ^= 1 << (bit % 8);
            flips += 1;
        }
        assert!(verifier.verify(&bytes, now).is_ok());
    }
    println!("{flips} flips");
    assert!(flips > 20_000);
}

/// Strings with the same decoded parts for a lenient reader.
fn spellings(token: &str) -> Vec<String> {
    let segments: Vec<&str> = token.split('.').collect();
    let mut spellings = Vec::new();
    for (index, segment) in segments.iter().enumerate() {
        let mut put = |changed: String| {
            let mut segments: Vec<String> = segments.iter().map(|one| (*one).to_owned()).collect();
            segments[index] = changed;
            spellings.push(segments.join("."));
        };
        for padding in ["=", "==", "===", "%3D", "\n", " ", "\t", "\0", "?"] {
            put(format!("{segment}{padding}"));
            put(format!("{padding}{segment}"));
            let (left, right) = segment.split_at(segment.len() / 2);
            put(format!("{left}{padding}{right}"));
        }
        put(segment.replace('-', "+").replace('_', "/"));
        put(segment.replace('-', "%2D"));
        // Other unused bits in the last character (RFC 4648 section 3.5).
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for character in alphabet.chars() {
            put(format!("{}{character}", &segment[..segment.len().saturating_sub(1)]));
        }
    }
    for wrapped in ["Bearer {}", "\"{}\"", "{}.", ".{}", "{}..", "{}\n", " {}", "{} ", "{}.x", "{}\0", "\u{feff}{}"] {
        spellings.push(wrapped.replace("{}", token));
    }
    spellings.retain(|spelling| spelling != token);
    spellings
}

#[test]
fn a_token_has_one_spelling() {
    for (token, verifier, now) in accepted() {
        for spelling in spellings(&token) {
            assert!(verifier.verify(spelling.as_bytes(), now).is_err(), "{spelling:?}");
        }
    }
}

#[test]
fn once_expired_a_token_stays_expired() {
    let mut ended = 0;
    for (token, verifier, now) in accepted() {
        let mut expired = false;
        for step in 0..600_u64 {
            let later = UnixTime::from_secs(now.as_secs() + step * step * 100).unwrap();
            let refused = verifier.verify(token.as_bytes(), later).is_err();
            assert!(refused || !expired, "{token} at {later:?}");
            expired = refused;
        }
        ended += u32::from(expired);
    }
    assert!(ended > 20, "{ended}");
}

/// A worker remembers the header of the last good token.
#[test]
fn what_a_worker_has_seen_changes_no_verdict() {
    let mut seen: BTreeMap<String, (Worker, Vec<Vector>)> = BTreeMap::new();
    let fresh = |config: &str| Worker::new(vectors::verifier(&serde_json::from_str(config).unwrap()).unwrap());
    for vector in vectors::load().unwrap().into_iter().filter(|vector| vector.token.is_some()) {
        let config = vector.config.to_string();
        seen.entry(config.clone()).or_insert_with(|| (fresh(&config), Vec::new())).1.push(vector);
    }
    let judge = |worker: &mut Worker, vector: &Vector| {
        let token = vector.token.as_deref().unwrap().as_bytes();
        let verdict = worker.verify(token, UnixTime::from_secs(vector.now).unwrap());
        verdict.map(|valid| (valid.key_id().map(str::to_owned), valid.claims().to_json()))
    };
    let mut verdicts = 0_u32;
    for (config, (worker, tokens)) in &mut seen {
        // Each after every other of its configuration, and after itself.
        let good: Vec<_> = tokens.iter().filter(|before| judge(worker, before).is_ok()).take(5).collect();
        for before in good {
            for vector in &*tokens {
                let alone = judge(&mut fresh(config), vector);
                let _ = judge(worker, before);
                assert_eq!(judge(worker, vector), alone, "{} after {}", vector.name, before.name);
                assert_eq!(judge(worker, vector), alone, "{} again", vector.name);
                verdicts += 1;
            }
        }
    }
    println!("{verdicts} verdicts");
    assert!(verdicts > 300, "{verdicts}");
}
