//! A control plane pushes a configuration while keys are on their way: nobody is refused for it.

#![expect(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]

use std::{
    thread,
    time::{Duration, Instant},
};

use datakit_token_tests::{
    client,
    envoy::Envoy,
    key_server::{Behaviour, KeyServer},
    mint, upstream,
};
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;
const ISSUER: &str = "https://id.example.com";
/// Of a wait for keys beyond the time that the server takes: ticks of the timer, and a machine that does other things.
const REST: Duration = Duration::from_secs(2);

fn config(keys: &Value) -> String {
    json!({ "version": 1,
        "providers": [{ "name": "main", "issuer": ISSUER, "audiences": ["api"], "keys": keys }],
        "rules": [{ "match": { "path": { "prefix": "/" } }, "require": { "permission": "p" } }] })
    .to_string()
}

/// A push begins the first fetch, another comes 50 ms later, and clients ask all the while until long after the keys
/// have come.
fn push_during_a_fetch(takes: Duration, changed: bool) {
    let server = KeyServer::start().unwrap();
    server.set("/set", Behaviour::Slow(takes, json!({ "keys": [mint::jwk("k1")] }).to_string()));
    let remote = |cooldown: &str| {
        config(&json!({ "remote": { "url": server.url("/set"), "cluster": "keys", "cooldown": cooldown } }))
    };
    let claims = json!({ "iss": ISSUER, "aud": "api", "exp": NOW + 600, "permissions": ["p"] }).to_string();
    let token = mint::sign(&mint::key("k1"), br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, claims.as_bytes());
    let headers = vec![(b"authorization".to_vec(), format!("Bearer {token}").into_bytes())];

    let inline = config(&json!({ "inline": { "keys": [mint::jwk("k2")] } }));
    let envoy = Envoy::start_pushable(&inline, upstream::start().unwrap(), server.address(), 2).unwrap();
    envoy.set_time(NOW).unwrap();
    envoy.push(&remote("10s")).unwrap();
    let begun = Instant::now();
    thread::scope(|scope| {
        let senders: Vec<_> = (0..4_u32)
            .map(|number| {
                let (envoy, headers) = (&envoy, &headers);
                scope.spawn(move || {
                    thread::sleep(Duration::from_millis(25) * number);
                    let mut answers = Vec::new();
                    while begun.elapsed() < takes + 2 * REST {
                        let start = Instant::now();
                        let answer = client::send(envoy.listener(0), b"GET", b"/", headers).unwrap();
                        answers.push((answer.status, start.elapsed()));
                        thread::sleep(Duration::from_millis(100));
                    }
                    answers
                })
            })
            .collect();
        while server.fetches("/set") == 0 {
            assert!(begun.elapsed() < REST, "{}", envoy.log());
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(50));
        envoy.push(&remote(if changed { "9s" } else { "10s" })).unwrap();
        for sender in senders {
            for (status, wait) in sender.join().unwrap() {
                assert_eq!(status, 200, "after {wait:?}; {takes:?}, {changed}\n{}", envoy.log());
                assert!(wait < takes + REST, "{wait:?}; {takes:?}, {changed}");
            }
        }
    });
}

#[test]
fn a_configuration_pushed_while_keys_are_fetched_refuses_nobody() {
    let each = |changed| {
        for takes in [100, 1_000, 3_000].map(Duration::from_millis) {
            push_during_a_fetch(takes, changed);
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| each(false));
        each(true);
    });
}
