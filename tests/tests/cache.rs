//! The verified-token cache: it saves work and changes no verdict.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]

use std::{collections::BTreeMap, sync::Arc};

use datakit_token::{Answer, Decision, FetchTime, Reason, Request, UnixTime, Verifier};
use datakit_token_tests::{mint, worker::Worker};
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;

fn time(now: u64) -> UnixTime {
    UnixTime::from_secs(now).unwrap()
}

fn worker(cached_tokens: u32, keys: &Value, change: &Value) -> Worker {
    let mut provider = json!({ "name": "main", "issuer": "i", "audiences": ["a"], "keys": keys });
    provider.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let config = json!({ "version": 1, "providers": [provider], "limits": { "cached_tokens": cached_tokens } });
    Worker::new(Verifier::from_json(config.to_string().as_bytes()).unwrap())
}

fn token(key: &str, header_kid: Option<&str>, claims: &Value) -> String {
    let mut header = json!({ "alg": "EdDSA", "typ": "at+jwt" });
    if let Some(kid) = header_kid {
        header["kid"] = json!(kid);
    }
    let mut payload = json!({ "iss": "i", "aud": "a", "iat": NOW, "exp": NOW + 600 });
    payload.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    mint::sign(&mint::key(key), header.to_string().as_bytes(), payload.to_string().as_bytes())
}

/// The only source gets this document.
fn fetch(worker: &mut Worker, body: &str, now: u64, uptime: u64) {
    let source = worker.verifier.remote_sources_mut().next().unwrap();
    source.begin(uptime);
    let answer = Answer::new(200, body.as_bytes());
    source.finish(Ok(&answer), FetchTime::new(time(now), uptime, 0)).unwrap();
}

fn hit(worker: &mut Worker, token: &str, now: u64) -> bool {
    let first = worker.verify(token.as_bytes(), time(now)).unwrap();
    let second = worker.verify(token.as_bytes(), time(now)).unwrap();
    Arc::ptr_eq(&first, &second)
}

#[test]
fn good_tokens_are_kept_up_to_a_number_and_the_asked_for_stay() {
    let keys = json!({ "inline": { "keys": [mint::jwk("k1")] } });
    assert!(!hit(&mut worker(0, &keys, &json!({})), &token("k1", Some("k1"), &json!({})), NOW));
    let mut worker = worker(10, &keys, &json!({}));
    let favourite = token("k1", Some("k1"), &json!({ "jti": "favourite" }));
    let kept = worker.verify(favourite.as_bytes(), time(NOW)).unwrap();
    for number in 0..100 {
        let other = token("k1", Some("k1"), &json!({ "n": number }));
        assert!(worker.verify(other.as_bytes(), time(NOW)).is_ok());
        let again = worker.verify(favourite.as_bytes(), time(NOW)).unwrap();
        assert!(Arc::ptr_eq(&kept, &again), "{number}");
    }
    let long = token("k1", Some("k1"), &json!({ "x": "x".repeat(5000) }));
    assert!(!hit(&mut worker, &long, NOW));
}

#[test]
fn of_many_tokens_the_last_ones_are_all_there() {
    let keys = json!({ "inline": { "keys": [mint::jwk("k1")] } });
    let mut worker = worker(64, &keys, &json!({}));
    let mut verify = |token: &String| worker.verify(token.as_bytes(), time(NOW)).unwrap();
    let tokens: Vec<_> = (0..400).map(|number| token("k1", Some("k1"), &json!({ "n": number }))).collect();
    let all: Vec<_> = tokens.iter().map(&mut verify).collect();
    let (first, last) = (&tokens[..336], &tokens[336..]);
    assert!(last.iter().zip(&all[336..]).all(|(token, valid)| Arc::ptr_eq(valid, &verify(token))));
    assert!(first.iter().zip(&all).all(|(token, valid)| !Arc::ptr_eq(valid, &verify(token))));
}

#[test]
fn a_host_learns_of_every_token_that_is_not_kept_any_more() {
    let keys = json!({ "remote": { "url": "https://id.example.com/set" } });
    // Most of them short, some that take the place of many, some that are too long to be kept.
    let size = |number: usize| [10, 10, 2500, 3500][number % 4];
    let make = |number| token("k1", Some("k1"), &json!({ "n": number, "x": "x".repeat(size(number)) }));
    let tokens: Vec<_> = (0..600).map(make).collect();
    // By their number, and by their bytes.
    for (capacity, kept) in [(40, 40..=40), (4096, 330..=430)] {
        let mut worker = worker(capacity, &keys, &json!({}));
        let set = |other: &str| json!({ "keys": [mint::jwk("k1"), mint::jwk(other)] }).to_string();
        fetch(&mut worker, &set("k2"), NOW, 0);
        worker.memory.number_kept();
        let mut host = BTreeMap::new();
        let mut ask = |worker: &mut Worker, number: usize| {
            let valid = worker.verify(tokens[number].as_bytes(), time(NOW)).unwrap();
            assert_eq!(valid.serial().is_some(), tokens[number].len() <= 4096);
            if let Some(serial) = valid.serial() {
                let (known, ours) = host.entry(serial).or_insert_with(|| (number, Arc::clone(&valid)));
                assert!(*known == number && Arc::ptr_eq(ours, &valid), "one number for two tokens");
            }
            while let Some(serial) = worker.memory.take_dropped() {
                assert!(host.remove(&serial).is_some(), "said once");
            }
        };
        // Some are asked for again and again.
        (0..900).for_each(|round: usize| ask(&mut worker, if round % 3 == 0 { round % 24 } else { round % 600 }));
        // With other keys each takes the place that it had.
        fetch(&mut worker, &set("k3"), NOW, 1);
        (0..300).for_each(|round| ask(&mut worker, round * 2));
        assert!(kept.contains(&host.len()), "{}", host.len());
        for (serial, (number, ours)) in host {
            let valid = worker.verify(tokens[number].as_bytes(), time(NOW)).unwrap();
            let renewed = worker.memory.take_dropped() == Some(serial);
            assert!(Arc::ptr_eq(&valid, &ours) || renewed, "{number} is not kept");
        }
    }
}

#[test]
fn a_token_that_is_not_kept_has_no_number() {
    let keys = json!({ "inline": { "keys": [mint::jwk("k1")] } });
    let short = token("k1", Some("k1"), &json!({}));
    let long = token("k1", Some("k1"), &json!({ "x": "x".repeat(5000) }));
    let serial = |worker: &mut Worker, token: &str| worker.verify(token.as_bytes(), time(NOW)).unwrap().serial();
    for (capacity, numbered) in [(0, None), (10, Some(1))] {
        let mut worker = worker(capacity, &keys, &json!({}));
        worker.memory.number_kept();
        assert_eq!(serial(&mut worker, &long), None);
        assert_eq!([serial(&mut worker, &short), serial(&mut worker, &short)], [numbered, numbered]);
    }
    // Nobody asks.
    assert_eq!(serial(&mut worker(10, &keys, &json!({})), &short), None);
}

#[test]
fn what_is_kept_stays_within_its_bytes() {
    let keys = json!({ "inline": { "keys": [mint::jwk("k1")] } });
    let mut worker = worker(4096, &keys, &json!({}));
    let mut verify = |token: &String| worker.verify(token.as_bytes(), time(NOW)).unwrap();
    let filling = "x".repeat(2600);
    let long = |number: usize| token("k1", Some("k1"), &json!({ "n": number, "x": filling }));
    // Four times that many bytes, and as much again for each: a quarter of these is more than 4 MiB.
    let tokens: Vec<_> = (0..400).map(long).collect();
    assert!((3500..4096).contains(&tokens[0].len()));
    let all: Vec<_> = tokens.iter().map(&mut verify).collect();
    let kept = tokens.iter().zip(&all).filter(|(token, valid)| Arc::ptr_eq(valid, &verify(token))).count();
    assert_eq!(kept, 0, "asked for in the order in which they went");
    let all: Vec<_> = tokens.iter().map(&mut verify).collect();
    let kept = tokens.iter().zip(&all).rev().take_while(|(token, valid)| Arc::ptr_eq(valid, &verify(token))).count();
    assert!((200..290).contains(&kept), "{kept}");
}

#[test]
fn an_entry_that_is_renewed_hides_no_other() {
    let keys = json!({ "remote": { "url": "https://id.example.com/set" } });
    let mut worker = worker(64, &keys, &json!({}));
    let tokens: Vec<_> = (0..64).map(|number| token("k1", Some("k1"), &json!({ "n": number }))).collect();
    for key in ["k2", "k3", "k4"] {
        let set = json!({ "keys": [mint::jwk("k1"), mint::jwk(key)] }).to_string();
        fetch(&mut worker, &set, NOW, 0);
        // With other keys all of them are verified anew, and take the places that they had.
        let all: Vec<_> = tokens.iter().map(|token| worker.verify(token.as_bytes(), time(NOW)).unwrap()).collect();
        for (token, valid) in tokens.iter().zip(&all) {
            assert!(Arc::ptr_eq(valid, &worker.verify(token.as_bytes(), time(NOW)).unwrap()), "{key}");
        }
    }
}

#[test]
fn a_token_with_the_same_tail_is_another_token() {
    let keys = json!({ "inline": { "keys": [mint::jwk("k1")] } });
    let mut worker = worker(10, &keys, &json!({}));
    let good = token("k1", Some("k1"), &json!({ "sub": "user" }));
    assert!(hit(&mut worker, &good, NOW));
    let other = token("k1", Some("k1"), &json!({ "sub": "root" }));
    let forged = format!("{}{}", &other[..other.len() - 86], &good[good.len() - 86..]);
    let mut refused = |token: &str| worker.verify(token.as_bytes(), time(NOW)).err().map(|refusal| refusal.reason());
    assert_eq!(refused(&forged), Some(Reason::BadSignature));
    assert_eq!(refused(&good[good.len() - 16..]), Some(Reason::Malformed));
    assert!(hit(&mut worker, &good, NOW));
}

/// What one verifier has accepted must say nothing to another: other audiences, other rules.
#[test]
fn a_memory_of_another_verifier_is_worth_nothing() {
    let keys = json!({ "inline": { "keys": [mint::jwk("k1")] } });
    let good = token("k1", Some("k1"), &json!({}));
    let mut first = worker(10, &keys, &json!({}));
    let second = worker(10, &keys, &json!({ "audiences": ["another"] }));
    first.memory.number_kept();
    let kept = first.verify(good.as_bytes(), time(NOW)).unwrap();
    let refusal = second.verifier.verify_with(&mut first.memory, good.as_bytes(), time(NOW)).err().unwrap();
    assert_eq!(refusal.reason(), Reason::AudienceMismatch);
    // It has begun anew, and says so to a host that has something of its own for what was kept.
    assert_eq!(first.memory.take_dropped(), kept.serial());
    assert!(!Arc::ptr_eq(&kept, &first.verify(good.as_bytes(), time(NOW)).unwrap()));
    assert!(hit(&mut first, &good, NOW));
}

#[test]
fn without_a_memory_nothing_is_kept() {
    let keys = json!({ "inline": { "keys": [mint::jwk("k1")] } });
    let verifier = worker(10, &keys, &json!({})).verifier;
    let good = token("k1", Some("k1"), &json!({}));
    let verify = || verifier.verify(good.as_bytes(), time(NOW)).unwrap();
    assert!(!Arc::ptr_eq(&verify(), &verify()));
}

#[test]
fn what_is_kept_with_a_token_answers_no_other_rule_and_no_other_request() {
    let provider = json!({ "name": "main", "issuer": "i", "audiences": ["a"], "keys": { "inline": { "keys": [mint::jwk("k1")] } },
        "claims_to_headers": [{ "claim": "/sub", "header": "x-user" }] });
    let rule =
        |path: &str, requirement: Value| json!({ "match": { "path": { "exact": path } }, "require": requirement });
    let bound = json!({ "claim": "/team", "equals": { "header": "x-team" } });
    let config = json!({ "version": 1, "providers": [provider], "roles": { "writer": ["log.write"] }, "limits": { "cached_tokens": 4 }, "rules": [
        rule("/write", json!({ "permission": "log.write" })),
        rule("/read", json!({ "permission": "log.read" })),
        rule("/team", bound.clone()),
        rule("/both", json!({ "all": [{ "permission": "log.write" }, bound] })),
    ] });
    let mut worker = Worker::new(Verifier::from_json(config.to_string().as_bytes()).unwrap());
    let writer = token("k1", Some("k1"), &json!({ "sub": "w", "roles": ["writer"], "team": "red" }));
    let nobody = token("k1", Some("k1"), &json!({ "sub": "n", "team": "blue" }));
    let mut user = |token: &str, path: &str, team: &str| {
        let authorization = format!("Bearer {token}");
        let headers: [(&[u8], &[u8]); 2] = [(b"authorization", authorization.as_bytes()), (b"x-team", team.as_bytes())];
        match worker.decide(&Request::new(b"GET", path.as_bytes(), headers.to_vec()), time(NOW)) {
            Decision::Allow(grant) => {
                grant.edits().set().map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value))).collect()
            }
            Decision::Deny(denial) => denial.reason().code().to_owned(),
            Decision::Observe(..) => String::new(),
        }
    };
    for _ in 0..3 {
        assert_eq!(user(&writer, "/write", "red"), "x-user=w");
        assert_eq!(user(&nobody, "/write", "red"), "permission_denied");
        assert_eq!(user(&writer, "/read", "red"), "permission_denied");
        for path in ["/team", "/both"] {
            assert_eq!(user(&writer, path, "red"), "x-user=w", "{path}");
            assert_eq!(user(&writer, path, "blue"), "binding_mismatch", "{path}");
        }
        assert_eq!(user(&nobody, "/team", "blue"), "x-user=n");
        assert_eq!(user(&nobody, "/both", "blue"), "permission_denied");
    }
}

/// Everything that may end a verdict: its own times, its key's, rules, other keys, old keys, another clock.
#[test]
fn cache_on_and_off_agree_on_every_sequence_of_tokens_times_and_documents() {
    let mut random = 7_u64;
    let mut next = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let keys = [
        json!({ "remote": { "url": "https://id.example.com/set", "stale_for": "10m", "refresh": "5m" } }),
        json!({ "bundle": { "roots": { "keys": [mint::jwk("root-1")] },
            "remote": { "url": "https://id.example.com/b", "stale_for": "10m", "refresh": "5m" } } }),
    ];
    let changes = [
        json!({}),
        json!({ "clock_skew": "0s" }),
        json!({ "max_lifetime": "10m", "clock_skew": "5s" }),
        json!({ "max_age": "3m" }),
        json!({ "revocations": [{ "match": { "sub": "s1" }, "from": NOW + 90 }, { "match": { "sub": "s1" }, "issued_before": NOW + 5, "from": NOW + 30 }] }),
    ];
    let mut hits = 0;
    let mut seen = BTreeMap::new();
    for round in 0..60 {
        let bundle = round % 2 == 1;
        let (keys, change) = (&keys[round % 2], &changes[round % changes.len()]);
        let mut both = [worker(6, keys, change), worker(0, keys, change)];
        let mut tokens = Vec::new();
        for _ in 0..8 {
            let key = ["k1", "k2"][usize::try_from(next(2)).unwrap()];
            let kid = [Some(key), None][usize::try_from(next(4) / 3).unwrap()];
            let iat = NOW - 20 + next(60);
            let mut claims = json!({ "iat": iat, "exp": iat + 1 + next(700), "sub": format!("s{}", next(3)) });
            if next(3) == 0 {
                claims["nbf"] = json!(NOW + next(120));
            }
            tokens.push(token(key, kid, &claims));
        }
        let (mut now, mut uptime, mut sequence) = (NOW, 0, 0);
        for step in 0..150 {
            match next(12) {
                0 => now = NOW + next(900),
                1..=4 => now += next(20),
                5 | 6 if step > 0 && next(2) == 0 => {}
                5 | 6 => {
                    sequence += 1;
                    let mut sets = Vec::new();
                    for name in ["k1", "k2"] {
                        let mut key = mint::jwk(name);
                        match next(4) {
                            0 => continue,
                            1 => key["exp"] = json!(now + 1 + next(60)),
                            2 => key["nbf"] = json!(now.saturating_sub(30) + next(60)),
                            _ => {}
                        }
                        sets.push(key);
                    }
                    if sets.is_empty() {
                        sets.push(mint::jwk("k3"));
                    }
                    let rules = match next(3) {
                        0 => json!([]),
                        1 => json!([{ "match": { "sub": "s2" }, "from": now + next(60) }]),
                        _ => json!([{ "match": { "sub": "s0" }, "issued_before": now, "from": now + next(60) }]),
                    };
                    let body = if bundle {
                        mint::bundle(
                            "root-1",
                            &json!({ "iss": "i", "seq": sequence, "iat": now, "exp": now + 86_400, "keys": sets,
                            "rules": rules, "roots": ["root-1"] }),
                        )
                    } else {
                        json!({ "keys": sets }).to_string()
                    };
                    for worker in &mut both {
                        fetch(worker, &body, now, uptime);
                    }
                }
                _ => {}
            }
            uptime += 20_000;
            let token = &tokens[usize::try_from(next(8)).unwrap()];
            let [cached, plain] = &mut both;
            let verdict =
                |worker: &mut Worker| worker.verify(token.as_bytes(), time(now)).map(|valid| valid.claims().to_json());
            let (one, other) = (verdict(cached), verdict(plain));
            assert_eq!(one, other, "round {round}, step {step}, now NOW + {}", now - NOW);
            *seen.entry(one.map_or_else(|refusal| refusal.code(), |_| "ok")).or_insert(0) += 1;
            if other.is_ok() {
                hits += usize::from(hit(cached, token, now));
            }
        }
    }
    println!("{hits} hits; {seen:?}");
    for reason in [
        "ok",
        "expired",
        "not_yet_valid",
        "revoked",
        "unknown_key",
        "key_inactive",
        "keys_unavailable",
        "lifetime_exceeded",
    ] {
        assert!(seen.get(reason).is_some_and(|count| *count > 20), "{reason}: {seen:?}");
    }
    assert!(hits > 1000, "{hits}");
}
