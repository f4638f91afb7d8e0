//! The state machine behind remote keys and trust bundles, with simulated time. R1 to R24 are the rules of the threat
//! model for signed revocation documents.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use datakit_token::{Answer, FetchTime, KeySource, UnixTime, Verifier};
use datakit_token_tests::{mint, worker::Worker};
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;
const ISSUER: &str = "https://id.example.com";

/// A verifier with one remote source, and a world around it.
struct World {
    worker: Worker,
    now: u64,
    uptime: u64,
}

impl World {
    fn new(keys: &Value) -> Self {
        let config = json!({ "version": 1, "providers": [
            { "name": "main", "issuer": ISSUER, "audiences": ["api"], "clock_skew": "30s", "keys": keys }] });
        let verifier = Verifier::from_json(config.to_string().as_bytes()).unwrap();
        Self { worker: Worker::new(verifier), now: NOW, uptime: 0 }
    }

    fn key_set() -> Self {
        Self::new(&json!({ "remote": { "url": "https://id.example.com/jwks.json" } }))
    }

    fn bundle() -> Self {
        Self::new(&json!({ "bundle": { "roots": { "keys": [mint::jwk("root-1"), mint::jwk("root-2")] },
            "remote": { "url": "https://id.example.com/bundle.jwt", "stale_for": "10m" } } }))
    }

    fn moment(&self) -> FetchTime {
        FetchTime::new(UnixTime::from_secs(self.now).unwrap(), self.uptime, 0)
    }

    fn source(&mut self) -> &mut KeySource {
        self.worker.verifier.remote_sources_mut().next().unwrap()
    }

    fn pass(&mut self, seconds: u64) {
        self.now += seconds;
        self.uptime += seconds * 1000;
    }

    /// An answer, whether asked for or not: `changed`, `unchanged` or the fault.
    fn answer(&mut self, status: u16, content_type: &str, body: &str) -> String {
        let moment = self.moment();
        let source = self.source();
        source.begin(moment.uptime);
        let content_type = Some(content_type.as_bytes());
        let answer = Answer::new(status, body.as_bytes()).with_content_type(content_type);
        outcome(source.finish(Ok(&answer), moment))
    }

    fn set(&mut self, set: &Value) -> String {
        self.answer(200, "application/json", &set.to_string())
    }

    fn deliver(&mut self, root: &str, change: &Value) -> String {
        let bundle = mint::bundle(root, &members(self.now, change));
        self.answer(200, "application/jwt", &bundle)
    }

    fn verify(&mut self, token: &str) -> &'static str {
        let now = self.moment().now;
        self.worker.verify(token.as_bytes(), now).map_or_else(|refusal| refusal.code(), |_| "ok")
    }
}

fn outcome(result: Result<bool, datakit_token::SourceError>) -> String {
    match result {
        Ok(true) => "changed".into(),
        Ok(false) => "unchanged".into(),
        Err(error) => error.fault().code().into(),
    }
}

/// A good bundle of this moment, with changes; `null` removes.
fn members(now: u64, change: &Value) -> Value {
    let mut members = json!({ "iss": ISSUER, "seq": 5, "iat": now, "exp": now + 86_400, "keys": [mint::jwk("k1")],
        "rules": [], "roots": ["root-1", "root-2"] });
    for (name, value) in change.as_object().unwrap() {
        if value.is_null() {
            members.as_object_mut().unwrap().remove(name);
        } else {
            members[name] = value.clone();
        }
    }
    members
}

fn token_at(issued: u64, key: &str, change: &Value) -> String {
    let mut claims =
        json!({ "iss": ISSUER, "aud": "api", "iat": issued, "exp": issued + 900_000, "jti": "j1", "workspace": "w1" });
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": key }).to_string();
    mint::sign(&mint::key(key), header.as_bytes(), claims.to_string().as_bytes())
}

fn token(key: &str) -> String {
    token_at(NOW, key, &json!({}))
}

fn set_of(names: &[&str]) -> Value {
    json!({ "keys": names.iter().map(|name| mint::jwk(name)).collect::<Vec<_>>() })
}

#[test]
fn keys_load_change_and_leave() {
    let mut world = World::key_set();
    assert!(world.source().is_due(0));
    assert_eq!(world.verify(&token("k1")), "keys_unavailable");
    assert_eq!(world.set(&set_of(&["k1"])), "changed");
    assert_eq!((world.verify(&token("k1")), world.verify(&token("k2"))), ("ok", "keys_unavailable"));
    world.pass(300);
    assert!(world.source().is_due(300_000));
    assert_eq!(world.set(&set_of(&["k1"])), "unchanged");
    world.pass(300);
    assert_eq!(world.set(&set_of(&["k2"])), "changed");
    assert_eq!((world.verify(&token("k1")), world.verify(&token("k2"))), ("unknown_key", "ok"));
}

#[test]
fn any_fault_keeps_the_last_good_set() {
    let private =
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": mint::jwk("k1")["x"], "d": "AAAA" }] });
    let weak = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }] });
    let foreign = json!({ "keys": [{ "kty": "RSA", "kid": "k1", "n": "AQAB", "e": "AQAB" }] });
    let good = set_of(&["k2"]).to_string();
    let json = "application/json";
    let truncated = &good[..good.len() / 2];
    let faults: Vec<(u16, &str, String, &str)> = vec![
        (500, json, good.clone(), "bad_status"),
        (404, json, good.clone(), "bad_status"),
        (301, json, good.clone(), "bad_status"),
        (204, json, String::new(), "bad_status"),
        (200, "text/html", good.clone(), "bad_content_type"),
        (200, json, truncated.into(), "malformed"),
        (200, json, String::new(), "malformed"),
        (200, json, format!("{good}{}", " ".repeat(70_000)), "too_large"),
        (200, json, "<html>".into(), "malformed"),
        (200, json, r#"{"keys":[],"keys":[]}"#.into(), "malformed"),
        (200, json, "[]".into(), "bad_keys"),
        (200, json, r#"{"keys":[]}"#.into(), "bad_keys"),
        (200, json, foreign.to_string(), "bad_keys"),
        (200, json, private.to_string(), "bad_keys"),
        (200, json, weak.to_string(), "bad_keys"),
        (200, json, json!({ "keys": [mint::jwk("k2"), mint::jwk("k2")] }).to_string(), "bad_keys"),
    ];
    let mut world = World::key_set();
    world.set(&set_of(&["k1"]));
    for (status, content_type, body, expected) in faults {
        assert_eq!(world.answer(status, content_type, &body), expected);
        assert_eq!((world.verify(&token("k1")), world.verify(&token("k2"))), ("ok", "keys_unavailable"), "{expected}");
    }
    let moment = world.moment();
    assert_eq!(outcome(world.source().finish(Err("no answer in time"), moment)), "unreachable");
    assert_eq!(world.source().failures(), 17);
    assert_eq!(world.set(&set_of(&["k2"])), "changed");
    assert_eq!((world.source().failures(), world.verify(&token("k2"))), (0, "ok"));
}

#[test]
fn stale_keys_serve_for_an_hour_and_no_longer() {
    let mut world = World::key_set();
    world.set(&set_of(&["k1"]));
    world.pass(3_599);
    assert_eq!(world.verify(&token("k1")), "ok");
    world.pass(1);
    assert_eq!(world.verify(&token("k1")), "keys_unavailable");
    assert_eq!(world.verify(&token("k9")), "keys_unavailable");
    assert!(world.source().is_wanted());
    assert_eq!(world.set(&set_of(&["k1"])), "unchanged");
    assert_eq!(world.verify(&token("k1")), "ok");
}

#[test]
fn unknown_key_ids_cost_one_fetch_in_ten_seconds() {
    let mut world = World::key_set();
    world.set(&set_of(&["k1"]));
    let mut fetches = 0;
    for number in 0..6_000 {
        // 100 requests per second for a minute.
        assert_eq!(world.verify(&token_at(NOW, &format!("random-{number}"), &json!({}))), "keys_unavailable");
        world.uptime += 10;
        let uptime = world.uptime;
        if world.source().is_due(uptime) {
            world.set(&set_of(&["k1"]));
            fetches += 1;
        }
    }
    assert_eq!(fetches, 6);
}

#[test]
fn an_unknown_key_may_be_new_until_a_document_asked_for_later_does_not_have_it() {
    let mut world = World::key_set();
    world.set(&set_of(&["k1"]));
    world.pass(3);
    // The cool-down lasts for 10 s: nobody has asked since, so nobody knows.
    assert_eq!((world.verify(&token("k2")), world.verify(&token("k3"))), ("keys_unavailable", "keys_unavailable"));
    let uptime = world.uptime;
    assert!(!world.source().is_due(uptime));
    world.pass(8);
    assert_eq!(world.verify(&token("k2")), "keys_unavailable");
    // A server that fails settles nothing, and no more does an answer to an older question.
    assert_eq!(world.answer(500, "application/json", ""), "bad_status");
    assert_eq!(world.verify(&token("k2")), "keys_unavailable");
    let (moment, set) = (world.moment(), set_of(&["k1", "k2"]).to_string());
    world.source().begin(moment.uptime);
    assert_eq!(world.verify(&token("k4")), "keys_unavailable");
    let body = set.as_bytes();
    let answer = Answer::new(200, body);
    world.source().finish(Ok(&answer), moment).unwrap();
    let verdicts = ["k1", "k2", "k3", "k4"].map(|key| world.verify(&token(key)));
    assert_eq!(verdicts, ["ok", "ok", "unknown_key", "keys_unavailable"]);
    // What the document before had, and this one has not, is no longer there.
    world.pass(11);
    world.set(&set_of(&["k2"]));
    let verdicts = ["k1", "k2", "k3", "k4"].map(|key| world.verify(&token(key)));
    assert_eq!(verdicts, ["unknown_key", "ok", "unknown_key", "unknown_key"]);
    // And it may come back.
    world.set(&set_of(&["k1", "k2"]));
    assert_eq!(world.verify(&token("k1")), "ok");
}

/// What a key that is used much has taken of a worker's memory.
#[test]
fn a_table_goes_with_its_key() {
    let mut world = World::key_set();
    world.worker.memory = world.worker.verifier.memory_for(0);
    world.set(&set_of(&["k1", "k2"]));
    let tables = |world: &World| format!("{:?}", world.worker.memory);
    for _ in 0..100 {
        assert!(tables(&world).contains("key_tables: 0"), "{}", tables(&world));
        assert_eq!(world.verify(&token("k1")), "ok");
    }
    assert!(tables(&world).contains("key_tables: 1"), "{}", tables(&world));
    // Another answer with the same keys, and a token of another one: it stays.
    world.pass(11);
    world.set(&set_of(&["k1", "k2"]));
    assert_eq!(world.verify(&token("k2")), "ok");
    assert!(tables(&world).contains("key_tables: 1"), "{}", tables(&world));
    // Without its key it goes with the next signature.
    world.pass(11);
    world.set(&set_of(&["k2"]));
    assert_eq!(world.verify(&token("k2")), "ok");
    assert!(tables(&world).contains("key_tables: 0"), "{}", tables(&world));
}

#[test]
fn only_tokens_that_pass_every_check_before_the_key_ask_for_keys() {
    let mut world = World::key_set();
    world.set(&set_of(&["k1"]));
    world.pass(60);
    let strange = |header: &Value, claims: &Value| {
        mint::sign(&mint::key("k9"), header.to_string().as_bytes(), claims.to_string().as_bytes())
    };
    let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "k9" });
    let claims = json!({ "iss": ISSUER, "exp": NOW + 600 });
    for (header, claims) in [
        (json!({ "alg": "RS256", "typ": "at+jwt", "kid": "k9" }), claims.clone()),
        (json!({ "alg": "EdDSA", "typ": "JWT", "kid": "k9" }), claims.clone()),
        (json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "k9", "crit": ["x"] }), claims.clone()),
        (header.clone(), json!({ "iss": "https://elsewhere.example", "exp": NOW + 600 })),
        (header.clone(), json!({ "iss": ISSUER, "exp": NOW })),
        // In this very second.
        (header.clone(), json!({ "iss": ISSUER, "exp": NOW + 60 })),
        (header.clone(), json!({ "iss": ISSUER })),
        (json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "k1" }), claims.clone()),
    ] {
        assert_ne!(world.verify(&strange(&header, &claims)), "ok");
        assert!(!world.source().is_wanted(), "{header} {claims}");
    }
    assert_eq!(world.verify(&strange(&header, &claims)), "keys_unavailable");
    let uptime = world.uptime;
    assert!(world.source().is_wanted() && world.source().is_due(uptime));
}

#[test]
fn r1_r2_documents_and_tokens_do_not_pass_for_each_other() {
    let mut world = World::bundle();
    assert_eq!(world.deliver("k1", &json!({ "roots": ["k1"] })), "untrusted");
    assert_eq!(world.answer(200, "application/jwt", &token("root-1")), "malformed");
    let as_token = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "root-1" }).to_string();
    let text = mint::sign(&mint::key("root-1"), as_token.as_bytes(), members(NOW, &json!({})).to_string().as_bytes());
    assert_eq!(world.answer(200, "application/jwt", &text), "malformed");
    assert_eq!(world.deliver("root-1", &json!({})), "changed");
    assert_eq!(world.verify(&token("root-1")), "keys_unavailable");
    // A root among the keys would let its holder sign tokens.
    let keys = json!([{ "kty": "OKP", "crv": "Ed25519", "kid": "x", "x": mint::jwk("root-2")["x"] }]);
    assert_eq!(world.deliver("root-1", &json!({ "seq": 6, "keys": keys })), "malformed");
}

#[test]
fn r3_a_foreign_issuer_is_refused() {
    let mut world = World::bundle();
    assert_eq!(world.deliver("root-1", &json!({ "iss": "https://elsewhere.example" })), "issuer_mismatch");
    assert_eq!(world.deliver("root-1", &json!({ "iss": null })), "issuer_mismatch");
}

#[test]
fn r4_sequence_numbers_never_fall() {
    let mut world = World::bundle();
    assert_eq!(world.deliver("root-1", &json!({})), "changed");
    assert_eq!(world.deliver("root-1", &json!({})), "unchanged");
    assert_eq!(world.deliver("root-1", &json!({ "seq": 4 })), "rolled_back");
    assert_eq!(world.deliver("root-1", &json!({ "ttl": 60 })), "equivocation");
    for wrong in [json!("6"), json!(6.0), json!(-1), json!(1_u64 << 53), json!(null)] {
        assert_eq!(world.deliver("root-1", &json!({ "seq": wrong })), "malformed", "{wrong}");
    }
    assert_eq!(world.source().sequence(), Some(5));
    assert_eq!(world.deliver("root-1", &json!({ "seq": 6 })), "changed");
}

#[test]
fn r5_a_jump_is_refused_and_a_new_root_begins_anew() {
    let mut world = World::bundle();
    world.deliver("root-1", &json!({}));
    assert_eq!(world.deliver("root-1", &json!({ "seq": 1_000_006 })), "sequence_jump");
    assert_eq!(world.deliver("root-1", &json!({ "seq": 1_000_005 })), "changed");
    // The operator takes the next root, counts from 1, and retires the first.
    assert_eq!(world.deliver("root-2", &json!({ "seq": 1, "roots": ["root-2"] })), "changed");
    assert_eq!(world.deliver("root-1", &json!({ "seq": 1_000_006 })), "untrusted");
    assert_eq!(world.deliver("root-2", &json!({ "seq": 2 })), "changed");
    // Back in office, but its own mark still holds.
    assert_eq!(world.deliver("root-1", &json!({ "seq": 1_000_005 })), "equivocation");
    assert_eq!(world.deliver("root-1", &json!({ "seq": 7 })), "rolled_back");

    let mut floor = World::new(&json!({ "bundle": { "roots": set_of(&["root-1"]), "min_seq": 6,
        "remote": { "url": "https://id.example.com/bundle.jwt" } } }));
    assert_eq!(floor.deliver("root-1", &json!({ "roots": ["root-1"] })), "rolled_back");
    assert_eq!(floor.deliver("root-1", &json!({ "roots": ["root-1"], "seq": 6 })), "changed");
}

#[test]
fn r6_a_frozen_bundle_gets_old_whatever_the_server_answers() {
    let mut world = World::bundle();
    world.deliver("root-1", &json!({ "rules": [{ "match": { "workspace": "w2" } }] }));
    let frozen = mint::bundle("root-1", &members(NOW, &json!({ "rules": [{ "match": { "workspace": "w2" } }] })));
    for _ in 0..9 {
        world.pass(60);
        assert_eq!(world.answer(200, "application/jwt", &frozen), "unchanged");
        assert_eq!(world.verify(&token("k1")), "ok");
    }
    world.pass(60);
    assert_eq!(world.answer(200, "application/jwt", &frozen), "unchanged");
    assert_eq!(world.verify(&token("k1")), "keys_unavailable");
    // R7: its rules go on.
    assert_eq!(world.verify(&token_at(NOW, "k1", &json!({ "workspace": "w2" }))), "revoked");
    assert_eq!(world.deliver("root-1", &json!({ "seq": 6 })), "changed");
    assert_eq!(world.verify(&token("k1")), "ok");
}

#[test]
fn r7_times_of_a_bundle_are_bounded() {
    let mut world = World::bundle();
    for (change, expected) in [
        (json!({ "iat": NOW + 31 }), "not_yet_valid"),
        (json!({ "exp": NOW }), "malformed"),
        (json!({ "iat": NOW - 10, "exp": NOW }), "expired"),
        (json!({ "exp": null }), "malformed"),
        (json!({ "exp": NOW + 32 * 86_400 }), "malformed"),
        (json!({ "iat": null }), "malformed"),
        (json!({ "ttl": 86_401 }), "malformed"),
        (json!({ "ttl": "30" }), "malformed"),
        (json!({ "iat": NOW + 30 }), "changed"),
    ] {
        assert_eq!(world.deliver("root-1", &change), expected, "{change}");
    }
}

#[test]
fn r8_a_clock_that_jumps_back_proves_nothing() {
    let mut world = World::bundle();
    world.deliver("root-1", &json!({}));
    world.now = NOW - 86_400;
    assert_eq!(world.verify(&token_at(world.now, "k1", &json!({}))), "keys_unavailable");
    // The schedule does not hear of it: neither a flood nor silence.
    world.uptime += 1_000;
    let uptime = world.uptime;
    assert!(!world.source().is_due(uptime));
    world.now = NOW + 1;
    assert_eq!(world.verify(&token("k1")), "ok");
}

#[test]
fn r9_r10_one_bad_rule_refuses_the_whole() {
    let mut world = World::bundle();
    world.deliver("root-1", &json!({}));
    let many = |bad: Value| {
        let mut rules: Vec<_> = (0..1_000).map(|number| json!({ "match": { "jti": format!("x{number}") } })).collect();
        rules[500] = bad;
        json!({ "seq": 6, "rules": rules, "keys": [mint::jwk("k2")] })
    };
    for bad in [
        json!({}),
        json!({ "match": {} }),
        json!({ "match": { "jti": null } }),
        json!({ "match": { "jti": ["a"] } }),
        json!({ "match": { "jti": { "a": 1 } } }),
        json!({ "match": { "level": 1.5 } }),
        json!({ "match": { "jti": "a", "/jti": "b" } }),
        json!({ "match": { "jti": "a" }, "unless": {} }),
        json!({ "match": { "jti": "a" }, "issued_before": -1 }),
        json!({ "match": { "jti": "a" }, "issued_before": "1" }),
        json!({ "match": { "jti": "a" }, "from": 1.5 }),
        json!({ "match": { "jti": "a" }, "from": null }),
        json!({ "match": { "jti": "a" }, "all": true }),
        json!({ "all": false }),
        json!({ "all": 1 }),
        json!({ "header": { "kid": "k1" }, "issued_before": NOW }),
        json!({ "header": { "kid": "k1", "alg": "x" } }),
        json!({ "header": { "kid": "" } }),
        json!({ "header": {} }),
        json!([]),
        json!({ "match": { "a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1, "g": 1, "h": 1, "i": 1 } }),
    ] {
        assert_eq!(world.deliver("root-1", &many(bad.clone())), "malformed", "{bad}");
        assert_eq!((world.verify(&token("k1")), world.verify(&token("k2"))), ("ok", "keys_unavailable"), "{bad}");
    }
    assert_eq!(world.deliver("root-1", &json!({ "seq": 6, "note": "x" })), "malformed");
    let twice = r#"{"iss":"https://id.example.com","seq":6,"seq":7,"iat":1790000000,"exp":1790086400,"keys":[],"roots":["root-1"]}"#;
    let header = br#"{"alg":"EdDSA","typ":"keybundle+jwt","kid":"root-1"}"#;
    let text = mint::sign(&mint::key("root-1"), header, twice.as_bytes());
    assert_eq!(world.answer(200, "application/jwt", &text), "malformed");
    for part in ["match", "from"] {
        let rule = format!(
            r#"{{"match":{{"jti":"a"}},"from":1,"{part}":{}}}"#,
            if part == "from" { "2" } else { r#"{"jti":"b"}"# }
        );
        let payload = members(NOW, &json!({ "seq": 6, "rules": [] }))
            .to_string()
            .replace("\"rules\":[]", &format!("\"rules\":[{rule}]"));
        assert_eq!(
            world.answer(200, "application/jwt", &mint::sign(&mint::key("root-1"), header, payload.as_bytes())),
            "malformed"
        );
    }
    assert_eq!(world.deliver("root-1", &many(json!({ "match": { "jti": "x" } }))), "changed");
}

#[test]
fn r11_numbers_are_capped() {
    let mut world = World::bundle();
    let names =
        |count: usize| (0..count).map(|number| json!({ "match": { format!("c{number}"): 1 } })).collect::<Vec<_>>();
    assert_eq!(world.deliver("root-1", &json!({ "rules": names(257) })), "malformed");
    assert_eq!(world.deliver("root-1", &json!({ "rules": names(256) })), "changed");
    let keys: Vec<_> = (0..65).map(|number| mint::jwk(&format!("key-{number}"))).collect();
    assert_eq!(world.deliver("root-1", &json!({ "seq": 6, "keys": keys })), "malformed");
    let rules: Vec<_> = (0..40_000).map(|number| json!({ "match": { "jti": number } })).collect();
    assert_eq!(world.deliver("root-1", &json!({ "seq": 6, "rules": rules })), "too_large");
    let mut wide = World::new(&json!({ "bundle": { "roots": set_of(&["root-1"]),
        "remote": { "url": "https://id.example.com/bundle.jwt", "max_bytes": 16_777_216 } } }));
    let rules = |count: u32| (0..count).map(|number| json!({ "match": { "jti": number } })).collect::<Vec<_>>();
    assert_eq!(wide.deliver("root-1", &json!({ "roots": ["root-1"], "rules": rules(100_001) })), "malformed");
    assert_eq!(wide.deliver("root-1", &json!({ "roots": ["root-1"], "rules": rules(100_000) })), "changed");
    assert_eq!(wide.source().counts(), (1, 100_000));
    assert_eq!(wide.verify(&token_at(NOW, "k1", &json!({ "jti": "99999" }))), "ok");
}

// R12 to R16 and R23 are vectors (`revocation.json`): they hold for rules in the configuration as well.

#[test]
fn r17_a_sleeping_rule_wakes_without_a_fetch() {
    let mut world = World::bundle();
    let rule = json!({ "match": { "workspace": "w1" }, "issued_before": NOW + 1, "from": NOW + 61 });
    world.deliver("root-1", &json!({ "rules": [rule] }));
    world.pass(60);
    assert_eq!(world.verify(&token("k1")), "ok");
    world.pass(1);
    assert_eq!(world.verify(&token("k1")), "revoked");
    assert_eq!(world.verify(&token_at(NOW + 1, "k1", &json!({}))), "ok");
}

#[test]
fn r19_a_later_bundle_may_lift_a_rule() {
    let mut world = World::bundle();
    world.deliver("root-1", &json!({ "rules": [{ "match": { "jti": "j1" } }] }));
    assert_eq!(world.verify(&token("k1")), "revoked");
    world.deliver("root-1", &json!({ "seq": 6 }));
    assert_eq!(world.verify(&token("k1")), "ok");
}

#[test]
fn r20_nothing_passes_before_the_first_bundle() {
    let mut world = World::bundle();
    assert_eq!(world.verify(&token("k1")), "keys_unavailable");
    assert!(world.source().is_wanted() && !world.source().is_loaded());
}

#[test]
fn r21_a_restart_keeps_marks_and_content() {
    let mut world = World::bundle();
    world.deliver("root-2", &json!({ "seq": 9 }));
    world.deliver("root-1", &json!({}));
    let old = world.source().snapshot().unwrap();
    world.deliver("root-1", &json!({ "seq": 6 }));
    let snapshot = world.source().snapshot().unwrap();

    let mut restarted = World::bundle();
    let moment = restarted.moment();
    assert_eq!(outcome(restarted.source().restore(&snapshot, moment)), "changed");
    assert_eq!(restarted.verify(&token("k1")), "ok");
    assert!(!restarted.source().is_due(0));
    assert_eq!(restarted.deliver("root-1", &json!({})), "rolled_back");
    assert_eq!(restarted.deliver("root-2", &json!({ "seq": 8 })), "rolled_back");
    // Neither does an older snapshot turn it back.
    assert_eq!(outcome(restarted.source().restore(&old, moment)), "rolled_back");
    assert_eq!(outcome(restarted.source().restore(&snapshot, moment)), "unchanged");

    // A snapshot that somebody has changed is refused like an answer.
    let forged = String::from_utf8(snapshot).unwrap().replace("\"version\":1", "\"version\":2");
    assert_eq!(outcome(World::bundle().source().restore(forged.as_bytes(), moment)), "malformed");
    let other = mint::bundle("k1", &members(NOW, &json!({})));
    let forged = format!("{{\"version\":1,\"fetched\":{NOW},\"lifetime\":null}}\n{other}");
    assert_eq!(outcome(World::bundle().source().restore(forged.as_bytes(), moment)), "untrusted");
    for text in ["", "\n", "{}\n", "x\ny"] {
        assert_eq!(outcome(World::bundle().source().restore(text.as_bytes(), moment)), "malformed");
    }

    // An expired bundle gives nothing, but its number counts.
    let mut later = World::bundle();
    later.pass(90_000);
    let moment = later.moment();
    assert_eq!(outcome(later.source().restore(&world.source().snapshot().unwrap(), moment)), "expired");
    assert_eq!(later.deliver("root-1", &json!({})), "rolled_back");

    let mut set = World::key_set();
    set.set(&set_of(&["k1"]));
    let snapshot = set.source().snapshot().unwrap();
    // Whoever lacked keys has them now: nobody needs a fetch for that any more.
    let mut waiting = World::key_set();
    assert_eq!(waiting.verify(&token("k1")), "keys_unavailable");
    let moment = waiting.moment();
    assert!(waiting.source().is_wanted());
    assert_eq!(outcome(waiting.source().restore(&snapshot, moment)), "changed");
    assert!(!waiting.source().is_wanted());
    let mut restarted = World::key_set();
    restarted.pass(100);
    let moment = restarted.moment();
    assert_eq!(outcome(restarted.source().restore(&snapshot, moment)), "changed");
    assert_eq!(restarted.verify(&token("k1")), "ok");
    restarted.pass(3_500);
    assert_eq!(restarted.verify(&token("k1")), "keys_unavailable");
}

#[test]
fn a_poisoned_snapshot_locks_nobody_out() {
    let moment = World::bundle().moment();
    let highest = 9_007_199_254_740_991_u64;
    let nobody = |seq: u64| mint::bundle("thief", &members(NOW, &json!({ "seq": seq })));
    let named = |seq: u64| {
        let header = json!({ "alg": "EdDSA", "typ": "keybundle+jwt", "kid": "root-1" }).to_string();
        let text = members(NOW, &json!({ "seq": seq })).to_string();
        mint::sign(&mint::key("thief"), header.as_bytes(), text.as_bytes())
    };
    let head = |more: Value| {
        let mut head = json!({ "version": 1, "fetched": NOW, "lifetime": null });
        head.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        head.to_string()
    };
    for poison in [
        format!("{}\nnot a bundle", head(json!({ "marks": { "root-1": highest, "root-2": highest } }))),
        format!(
            "{}\n{}",
            head(json!({ "others": [nobody(highest), named(highest), "", 1, null, "a.b.c"] })),
            nobody(highest)
        ),
        format!("{}\n{}", head(json!({ "others": { "root-1": highest } })), named(highest)),
        format!(
            "{}\n{}",
            head(json!({ "others": "x" })),
            mint::bundle("root-1", &members(NOW, &json!({ "seq": highest, "iss": "other" })))
        ),
        format!("{}\n", head(json!({ "fetched": u64::MAX }))),
    ] {
        let mut world = World::bundle();
        assert_ne!(outcome(world.source().restore(poison.as_bytes(), moment)), "changed", "{poison}");
        assert_eq!(world.deliver("root-1", &json!({})), "changed", "{poison}");
        assert_eq!(world.verify(&token("k1")), "ok");
        // Nor does it do so later on.
        assert_ne!(outcome(world.source().restore(poison.as_bytes(), moment)), "changed", "{poison}");
        assert_eq!(world.deliver("root-1", &json!({ "seq": 6 })), "changed", "{poison}");
        assert_eq!(world.deliver("root-2", &json!({ "seq": 1 })), "changed", "{poison}");
    }
}

#[test]
fn what_was_too_early_in_a_snapshot_is_taken_in_time() {
    let mut ahead = World::bundle();
    ahead.pass(3_600);
    assert_eq!(ahead.deliver("root-1", &json!({})), "changed");
    let snapshot = ahead.source().snapshot().unwrap();
    let text = String::from_utf8(snapshot.clone()).unwrap();
    let (_, bundle) = text.split_once('\n').unwrap();
    let mut world = World::bundle();
    let moment = world.moment();
    assert_eq!(outcome(world.source().restore(&snapshot, moment)), "not_yet_valid");
    world.pass(3_600);
    // The same number is the same bundle, and no second one.
    assert_eq!(world.deliver("root-1", &json!({ "ttl": 60 })), "equivocation");
    assert_eq!(world.answer(200, "application/jwt", bundle), "changed");
    assert_eq!(world.answer(200, "application/jwt", &format!("{bundle}\n")), "unchanged");
    assert_eq!(world.deliver("root-1", &json!({ "iat": NOW + 3_599 })), "equivocation");
}

#[test]
fn a_snapshot_keeps_the_marks_of_all_roots() {
    let mut world = World::bundle();
    world.deliver("root-2", &json!({ "seq": 9 }));
    world.deliver("root-1", &json!({}));
    let others = |world: &mut World| {
        let text = String::from_utf8(world.source().snapshot().unwrap()).unwrap();
        let head: Value = serde_json::from_str(text.split_once('\n').unwrap().0).unwrap();
        head["others"].as_array().unwrap().len()
    };
    assert_eq!(others(&mut world), 1);
    // Over two restarts as well.
    let mut once = World::bundle();
    let (snapshot, moment) = (world.source().snapshot().unwrap(), once.moment());
    assert_eq!(outcome(once.source().restore(&snapshot, moment)), "changed");
    assert_eq!(others(&mut once), 1);
    let mut twice = World::bundle();
    assert_eq!(outcome(twice.source().restore(&once.source().snapshot().unwrap(), moment)), "changed");
    assert_eq!(twice.deliver("root-2", &json!({ "seq": 8 })), "rolled_back");
    // Also over one whose own bundle has expired by then.
    let mut late = World::bundle();
    late.pass(90_000);
    let late_moment = late.moment();
    assert_eq!(outcome(late.source().restore(&once.source().snapshot().unwrap(), late_moment)), "expired");
    assert_eq!(late.deliver("root-1", &json!({ "seq": 6 })), "changed");
    let mut after = World::bundle();
    after.pass(90_000);
    assert_eq!(outcome(after.source().restore(&late.source().snapshot().unwrap(), late_moment)), "changed");
    assert_eq!(after.deliver("root-2", &json!({ "seq": 8 })), "rolled_back");
    // Also of one that has been retired and comes back.
    world.deliver("root-1", &json!({ "seq": 6, "roots": ["root-1"] }));
    let mut third = World::bundle();
    assert_eq!(outcome(third.source().restore(&world.source().snapshot().unwrap(), moment)), "changed");
    assert_eq!(third.deliver("root-1", &json!({ "seq": 7 })), "changed");
    assert_eq!(third.deliver("root-2", &json!({ "seq": 8 })), "rolled_back");
}

#[test]
fn r22_a_revoked_root_signs_nothing_more() {
    let mut world = World::bundle();
    assert_eq!(world.deliver("root-1", &json!({ "rules": [{ "header": { "kid": "root-1" } }] })), "untrusted");
    assert_eq!(world.deliver("root-1", &json!({ "rules": [{ "header": { "kid": "root-2" } }] })), "changed");
    assert_eq!(world.deliver("root-2", &json!({})), "untrusted");
    assert_eq!(world.deliver("root-1", &json!({ "seq": 6, "roots": ["root-2"] })), "malformed");
}

/// R24: with a refresh of 30 s, a revocation takes effect at most 30 s after its publication, and then the fetch.
#[test]
fn r24_time_to_effect_is_bounded_by_the_refresh() {
    let mut world = World::new(&json!({ "bundle": { "roots": set_of(&["root-1"]),
        "remote": { "url": "https://id.example.com/bundle.jwt", "refresh": "30s" } } }));
    world.deliver("root-1", &json!({ "roots": ["root-1"] }));
    let published = world.uptime + 1;
    loop {
        world.pass(1);
        let uptime = world.uptime;
        if world.source().is_due(uptime) {
            world.deliver("root-1", &json!({ "seq": 6, "roots": ["root-1"], "rules": [{ "all": true }] }));
            break;
        }
    }
    assert!(world.uptime - published <= 30_000, "{}", world.uptime);
    assert_eq!(world.verify(&token("k1")), "revoked");
}

#[test]
fn the_ttl_of_a_bundle_comes_before_its_caching() {
    let mut world = World::bundle();
    let text = mint::bundle("root-1", &members(NOW, &json!({ "ttl": 20 })));
    let moment = world.moment();
    let answer = Answer::new(200, text.as_bytes()).with_cache_control(Some(b"max-age=200"), None);
    world.source().begin(0);
    world.source().finish(Ok(&answer), moment).unwrap();
    assert!(!world.source().is_due(15_000) && world.source().is_due(20_000));
}

#[test]
fn a_fault_in_a_bundle_names_its_place() {
    let mut world = World::bundle();
    let moment = world.moment();
    for (wrong, place) in [
        (json!({ "rules": [{ "all": true }, { "match": {} }] }), "/rules/1: "),
        (json!({ "keys": [mint::jwk("k1"), { "kty": "OKP", "crv": "Ed25519", "x": "short" }] }), "/keys/1/x: "),
        (json!({ "ttl": -1 }), "/ttl: "),
    ] {
        let text = mint::bundle("root-1", &members(NOW, &wrong));
        let answer = Answer::new(200, text.as_bytes());
        let error = world.source().finish(Ok(&answer), moment).unwrap_err();
        assert!(error.to_string().contains(place), "{error}");
    }
}

#[test]
fn faults_show_nothing_of_the_answer() {
    let mut world = World::bundle();
    let moment = world.moment();
    let secret = "SECRET-CANARY";
    for text in [
        secret.to_owned(),
        mint::bundle("root-1", &members(NOW, &json!({ "iss": secret }))),
        mint::bundle("root-1", &members(NOW, &json!({ secret: 1 }))),
        mint::bundle("root-1", &members(NOW, &json!({ "rules": [{ "match": { secret: [secret] } }] }))),
        mint::bundle("root-1", &members(NOW, &json!({ "rules": [secret] }))),
    ] {
        let answer = Answer::new(200, text.as_bytes());
        let error = world.source().finish(Ok(&answer), moment).unwrap_err();
        assert!(!error.to_string().contains(secret), "{error}");
    }
}
