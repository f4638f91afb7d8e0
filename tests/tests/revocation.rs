//! Revocation rules against a model that asks one rule after the other.

#![expect(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]

use datakit_token::{Reason, UnixTime, Verifier};
use datakit_token_tests::mint;
use serde_json::{Map, Value, json};

const NOW: u64 = 1_790_000_000;

/// Few names, values and times, so that rules share some with each other and with tokens.
struct Random(fastrand::Rng);

impl Random {
    fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0.u64(..bound)
    }

    fn scalar(&mut self) -> Value {
        match self.below(8) {
            0 => json!(true),
            1 => json!(1),
            2 => json!("1"),
            3 => json!("true"),
            _ => json!(["a", "b"].get(usize::try_from(self.below(2)).unwrap())),
        }
    }

    fn value(&mut self) -> Value {
        match self.below(10) {
            0 => Value::Null,
            1 => json!({ "a": "a" }),
            2 | 3 => (0..self.below(4)).map(|_| self.scalar()).collect(),
            _ => self.scalar(),
        }
    }

    fn rule(&mut self) -> Value {
        let mut rule = Map::new();
        let names = ["c0", "c1", "c2", "c3", "kid", "/o/a", "/o/b"];
        let mut claims = Map::new();
        for name in names {
            if self.below(3) == 0 {
                claims.insert(name.into(), self.scalar());
            }
        }
        if !claims.is_empty() {
            rule.insert("match".into(), claims.into());
        }
        if self.below(6) == 0 {
            rule.insert("header".into(), json!({ "kid": if self.below(2) == 0 { "k1" } else { "k2" } }));
        } else if self.below(2) == 0 {
            rule.insert("issued_before".into(), json!(NOW - 3 + self.below(3)));
        }
        if !rule.contains_key("match") && !rule.contains_key("header") {
            rule.insert("all".into(), json!(true));
            rule.insert("issued_before".into(), json!(NOW - 3 + self.below(2)));
        }
        if self.below(2) == 0 {
            rule.insert("from".into(), json!(NOW + self.below(3)));
        }
        rule.into()
    }

    fn claims(&mut self) -> Value {
        let mut claims = json!({ "iss": "i", "aud": "a", "exp": NOW + 60 });
        let members = claims.as_object_mut().unwrap();
        for name in ["c0", "c1", "c2", "c3", "kid"] {
            if self.below(4) > 0 {
                members.insert(name.into(), self.value());
            }
        }
        if self.below(2) == 0 {
            members.insert("o".into(), json!({ "a": self.value(), "b": self.value() }));
        }
        if self.below(8) > 0 {
            members.insert("iat".into(), json!(NOW - 4 + self.below(4)));
        }
        claims
    }
}

/// What docs/keys.md says.
fn is_revoked(rules: &[Value], claims: &Value, now: u64) -> bool {
    let has = |pointer: &str, scalar: &Value| match claims.pointer(pointer) {
        Some(Value::Array(array)) => scalar.is_string() && array.contains(scalar),
        Some(value) => value == scalar,
        None => false,
    };
    rules.iter().any(|rule| {
        let members = rule.get("match").and_then(Value::as_object);
        let matches = members.into_iter().flatten().all(|(name, scalar)| {
            if name.starts_with('/') { has(name, scalar) } else { has(&format!("/{name}"), scalar) }
        });
        let time = |name: &str| rule.get(name).and_then(Value::as_u64);
        let issued_at = claims.get("iat").and_then(Value::as_u64).unwrap_or(0);
        matches
            && rule.pointer("/header/kid").is_none_or(|kid| kid == "k1")
            && time("issued_before").is_none_or(|time| issued_at < time)
            && time("from").is_none_or(|from| now >= from)
    })
}

#[test]
fn every_set_of_rules_refuses_what_its_rules_refuse_one_by_one() {
    let mut random = Random::new(88_172_645_463_325_252);
    let (mut refused, mut passed) = (0, 0);
    for round in 0..400_u64 {
        let rules: Vec<_> = (0..1 + random.below(2 + round / 10)).map(|_| random.rule()).collect();
        let config = json!({ "version": 1, "limits": { "cached_tokens": 16 }, "providers": [{ "name": "main", "issuer": "i",
            "audiences": ["a"], "keys": { "inline": { "keys": [mint::jwk("k1"), mint::jwk("k2")] } }, "revocations": rules }] });
        let verifier = Verifier::from_json(config.to_string().as_bytes()).unwrap();
        for _ in 0..25 {
            let claims = random.claims();
            let header = br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#;
            let token = mint::sign(&mint::key("k1"), header, claims.to_string().as_bytes());
            // Over the seconds in which rules wake; out of the cache as well.
            for now in NOW..NOW + 3 {
                let found = verifier
                    .verify(token.as_bytes(), UnixTime::from_secs(now).unwrap())
                    .err()
                    .map(|refusal| refusal.reason());
                let expected = is_revoked(&rules, &claims, now).then_some(Reason::Revoked);
                assert_eq!(found, expected, "{claims} at {now} under {}", json!(rules));
                refused += u32::from(found.is_some());
                passed += u32::from(found.is_none());
            }
        }
    }
    println!("{refused} refused, {passed} passed");
    assert!(refused > 1_000 && passed > 1_000, "{refused} refused, {passed} passed");
}
