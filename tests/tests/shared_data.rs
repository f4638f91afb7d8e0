//! What another plugin can do to the filter with Envoy's shared data: real Envoy, the filter on one listener, a hostile
//! plugin (`tests/plugin`) with the same `vm_id` on another.

#![expect(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]

use std::{
    thread,
    time::{Duration, Instant, SystemTime},
};

use datakit_token_tests::{
    client,
    envoy::{self, Envoy},
    key_server::{Behaviour, KeyServer},
    mint, upstream,
    vectors::ENVIRONMENT,
};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// Two workers, the main thread, and the one that the others are copies of.
const VMS: u64 = 4;

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// Of two issuers: one has a key set, the other a trust bundle.
const ISSUERS: [&str; 2] = ["https://set.example", "https://bundle.example"];

fn token(issuer: &str, kid: &str, signer: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid }).to_string();
    let claims = json!({ "iss": issuer, "aud": "api", "iat": now() - 5, "exp": now() + 600, "permissions": ["p"] });
    let token = mint::sign(&mint::key(signer), header.as_bytes(), claims.to_string().as_bytes());
    vec![(b"authorization".to_vec(), format!("Bearer {token}").into_bytes())]
}

fn set(keys: &[&str]) -> String {
    json!({ "keys": keys.iter().map(|name| mint::jwk(name)).collect::<Vec<_>>() }).to_string()
}

/// Both documents with these keys. Each takes its time, so that leases can be seen.
fn serve(server: &KeyServer, seq: u64, keys: &[&str]) {
    let pause = Duration::from_millis(300);
    server.set("/set", Behaviour::Slow(pause, set(keys)));
    let keys: Vec<_> = keys.iter().map(|name| mint::jwk(name)).collect();
    let bundle = mint::bundle(
        "root-1",
        &json!({ "iss": ISSUERS[1], "seq": seq, "iat": now(), "exp": now() + 3_600, "keys": keys, "roots": ["root-1"] }),
    );
    server.set("/bundle", Behaviour::Slow(pause, bundle));
}

fn config(server: &KeyServer) -> Value {
    let remote = |path: &str| {
        json!({ "url": server.url(path), "cluster": "keys", "timeout": "1s", "cooldown": "1s", "refresh": "2s",
            "stale_for": "10m" })
    };
    let bundle = json!({ "roots": { "keys": [mint::jwk("root-1")] }, "remote": remote("/bundle") });
    // Nobody waits: what a worker knows is seen at once.
    json!({ "version": 1, "limits": { "parked_requests": 0 }, "providers": [
            { "name": "set", "issuer": ISSUERS[0], "audiences": ["api"], "keys": { "remote": remote("/set") } },
            { "name": "bundle", "issuer": ISSUERS[1], "audiences": ["api"], "keys": { "bundle": bundle } }],
        "rules": [{ "match": { "path": { "prefix": "/" } }, "require": { "permission": "p" } }] })
}

/// The configuration of a hostile plugin that knows the names of the filter's shared values, and what an earlier form
/// of the filter would have believed there: the thief's keys under the key id of the good ones, and rules of its own.
fn hostile(server: &KeyServer, config: &str) -> String {
    let add = |mac: &mut Hmac<Sha256>, part: &[u8]| {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    };
    let mut key = Hmac::<Sha256>::new_from_slice(b"datakit-token: shared data, form 1").unwrap();
    let mut variables = ENVIRONMENT.map(|(name, value)| format!("{name}={value}"));
    variables.sort_unstable();
    for part in [config, ""].into_iter().chain(variables.iter().map(String::as_str)) {
        add(&mut key, part.as_bytes());
    }
    let key = key.finalize().into_bytes();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let name = |kind: &str, source: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        for part in ["name", kind, source] {
            add(&mut mac, part.as_bytes());
        }
        format!("datakit_token {kind} {}", hex(&mac.finalize().into_bytes()[..16]))
    };
    let verifier = datakit_token::Verifier::from_json(config.as_bytes()).unwrap();
    let mut thief = mint::jwk("thief");
    thief["kid"] = json!("k0");
    let set = json!({ "keys": [thief] });
    let mut lines = String::new();
    for source in verifier.remote_sources() {
        let version = 1_000_u64.to_le_bytes();
        let head =
            json!({ "version": 1, "fetched": now() + 60, "lifetime": 3_600_000, "marks": { "root-1": 1_u64 << 52 } });
        let document = [&version, format!("{head}\n{set}").as_bytes()].concat();
        let status: Vec<_> =
            [1_000, 1_000, document.len() as u64, 0, now(), 0].into_iter().flat_map(u64::to_le_bytes).collect();
        for (kind, value) in [("status", status), ("document", document)] {
            let planted = hex(&[value, vec![0; 32]].concat());
            lines += &format!("{}\t{planted}\n", name(kind, &source.identity()));
        }
    }
    assert_eq!(lines.lines().count(), 4, "{}", server.address());
    lines
}

fn status(envoy: &Envoy, listener: usize, headers: &[(Vec<u8>, Vec<u8>)]) -> u16 {
    client::send(envoy.listener(listener), b"GET", b"/", headers).unwrap().status
}

/// Whether this key is good for both issuers in every worker, as far as eight connections can tell.
fn passes(envoy: &Envoy, key: &str) -> bool {
    ISSUERS.iter().all(|issuer| (0..8).all(|_| status(envoy, 0, &token(issuer, key, key)) == 200))
}

fn wait_for(what: &str, limit: Duration, mut done: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        thread::sleep(Duration::from_millis(50));
    }
    start.elapsed()
}

#[test]
fn a_hostile_plugin_neither_brings_in_a_key_nor_keeps_out_anybody() {
    let server = KeyServer::start().unwrap();
    serve(&server, 1, &["k0"]);
    let config = config(&server).to_string();
    let plugin = hostile(&server, &config);
    let keys = Some(server.address());
    let envoy = Envoy::start_edited(&[config], upstream::start().unwrap(), keys, 2, |bootstrap| {
        envoy::add_hostile_plugin(bootstrap, &plugin).unwrap();
    })
    .unwrap();
    wait_for("the first keys", Duration::from_secs(5), || passes(&envoy, "k0"));

    let orders =
        ["/watch", "/plant", "/garbage", "/empty", "/huge", "/replay", "/oldest", "/swap", "/contend", "/watch"];
    let mut removed = None;
    for (index, order) in (0_u64..).zip(orders) {
        assert_eq!(client::send(envoy.listener(1), b"GET", order.as_bytes(), &[]).unwrap().status, 200);
        let start = Instant::now();
        let key = format!("k{}", index + 1);
        let check = |until: Duration| {
            while start.elapsed() < until {
                for issuer in ISSUERS {
                    assert_eq!(status(&envoy, 0, &token(issuer, "k0", "k0")), 200, "{order} {issuer}: the good token");
                    assert_eq!(status(&envoy, 0, &token(issuer, "k0", "thief")), 401, "{order} {issuer}: the thief's");
                }
                thread::sleep(Duration::from_millis(20));
            }
        };
        check(Duration::from_secs(1));
        serve(&server, index + 2, &["k0", &key]);
        let rotated = Instant::now();
        // A refresh, and a lease that was put back again and again until its end.
        let limit = Duration::from_secs(8);
        let came = wait_for(order, limit, || passes(&envoy, &key));
        let gone = removed.take().map(|old: String| {
            wait_for(order, limit, || {
                ISSUERS.iter().all(|issuer| (0..8).all(|_| status(&envoy, 0, &token(issuer, &old, &old)) != 200))
            })
        });
        check(start.elapsed() + Duration::from_secs(1));
        let seconds = rotated.elapsed().as_secs();
        let fetches = ["/set", "/bundle"].map(|path| server.fetches(path) as u64);
        println!(
            "{order}: the new key after {came:?}, the old one gone after {gone:?}; {fetches:?} fetches in {seconds} s"
        );
        // Even if none of the VMs hears of the others: each keeps its cool-down of a second.
        assert!(fetches.iter().all(|count| (1..=VMS * (seconds + 2)).contains(count)), "{order}: {fetches:?}");
        removed = Some(key);
    }
    let log = envoy.log();
    let told = log.lines().filter(|line| line.contains("another plugin writes into its shared data")).count();
    println!("{told} warnings of foreign values in {} lines", log.lines().count());
    // Every VM looks at two values five times a second for at least two seconds of each order.
    assert!((1..400).contains(&told), "{told}");
    assert!(!log.contains("thief") && !log.contains("keys not taken"), "{log}");
}

#[test]
fn shared_data_that_were_poisoned_before_the_start_keep_out_nobody() {
    for order in ["/plant", "/garbage", "/huge"] {
        let server = KeyServer::start().unwrap();
        serve(&server, 1, &["k0"]);
        let config = config(&server).to_string();
        let plugin = format!("{order}\n{}", hostile(&server, &config));
        let keys = Some(server.address());
        let envoy = Envoy::start_edited(&[config], upstream::start().unwrap(), keys, 2, |bootstrap| {
            envoy::add_hostile_plugin(bootstrap, &plugin).unwrap();
            // Envoy makes them in this order.
            let listeners = bootstrap["static_resources"]["listeners"].as_array_mut().unwrap();
            listeners.reverse();
        })
        .unwrap();
        wait_for(order, Duration::from_secs(8), || passes(&envoy, "k0"));
        assert_eq!(status(&envoy, 0, &token(ISSUERS[0], "k0", "thief")), 401);
    }
}

#[test]
fn without_a_vm_id_envoy_does_not_start_with_remote_keys() {
    let server = KeyServer::start().unwrap();
    serve(&server, 1, &["k0"]);
    let mut config = config(&server);
    let start = |config: &Value, vm_id: &Value| {
        let keys = Some(server.address());
        Envoy::start_edited(&[config.to_string()], upstream::start().unwrap(), keys, 1, |bootstrap| {
            envoy::wasm(bootstrap, 0)["vm_config"]["vm_id"] = vm_id.clone();
        })
    };
    for vm_id in [Value::Null, json!("")] {
        let refusal = start(&config, &vm_id).err().unwrap();
        assert!(refusal.contains("configuration refused: expected `vm_config.vm_id`"), "{refusal}");
        assert!(refusal.contains("a name that no other plugin has"), "{refusal}");
    }
    // Keys in the configuration are shared with nobody.
    config["providers"] = json!([{ "name": "main", "issuer": ISSUERS[0], "audiences": ["api"],
        "keys": { "inline": { "keys": [mint::jwk("k0")] } } }]);
    let envoy = start(&config, &Value::Null).unwrap();
    assert_eq!(status(&envoy, 0, &token(ISSUERS[0], "k0", "k0")), 200);
}
