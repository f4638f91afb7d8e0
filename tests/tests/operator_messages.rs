//! What Envoy's log tells an operator: what runs, and why keys do not come.

use std::{
    thread,
    time::{Duration, Instant},
};

use datakit_token_tests::{
    envoy::{self, Envoy},
    key_server::{Behaviour, KeyServer},
    mint, upstream,
};
use serde_json::{Value, json};

fn configuration(keys: &Value) -> Value {
    json!({ "version": 1, "providers": [{ "name": "main", "issuer": "https://id.example.com", "audiences": ["api"], "keys": keys }],
        "rules": [{ "match": {}, "allow": "authenticated" }] })
}

/// Waits until Envoy's log has this text.
fn expect(envoy: &Envoy, case: &str, text: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !envoy.log().contains(text) {
        assert!(Instant::now() < deadline, "{case}: no `{text}`\n{}", envoy.log());
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn each_fault_of_a_fetch_says_where_and_why() {
    let server = KeyServer::start().unwrap();
    server.set("/late?key=operators-secret", Behaviour::Slow(Duration::from_secs(3), "{}".into()));
    server.set("/status", Behaviour::Status(503, "upstream connect error".into()));
    server.set("/page", Behaviour::Document("text/html", "<html>".into()));
    let long = json!({ "keys": [mint::jwk("k1")] }).to_string();
    server.set("/long", Behaviour::Huge(100_000, long.clone()));
    // More than Envoy keeps of an answer by itself.
    server.set("/endless", Behaviour::Huge(40 << 20, long));
    let cases = [
        ("no such cluster", "keyz", "/late?key=operators-secret", "unreachable: Envoy has no such cluster"),
        ("no host", "empty", "/late", "unreachable: no healthy host in the cluster"),
        (
            "refused",
            "refusing",
            "/late",
            "unreachable: upstream connect error or disconnect/reset before headers. reset reason: remote connection failure",
        ),
        ("too late", "keys", "/late?key=operators-secret", "unreachable: upstream request timeout"),
        ("closed", "keys", "/down", "unreachable: upstream connect error or disconnect/reset before headers"),
        ("its own 503", "keys", "/status", "bad_status: expected 200, found 503"),
        ("a page", "keys", "/page", "bad_content_type: expected `application/json`"),
        ("too long", "keys", "/long", "too_large: expected at most 65536 bytes"),
        ("40 MiB", "keys", "/endless", "the answer broke off, or is longer than Envoy keeps"),
    ];
    let configurations: Vec<_> = cases
        .iter()
        .map(|(_, cluster, path, _)| {
            configuration(&json!({ "remote": { "url": server.url(path), "cluster": cluster, "timeout": "1s" } }))
                .to_string()
        })
        .collect();
    let edit = |bootstrap: &mut Value| {
        let clusters = bootstrap["static_resources"]["clusters"].as_array_mut().unwrap();
        let mut empty = clusters[1].clone();
        empty["name"] = json!("empty");
        empty["load_assignment"] = json!({ "cluster_name": "empty", "endpoints": [] });
        let mut refusing = clusters[1].clone();
        refusing["name"] = json!("refusing");
        // Nobody listens on port 1 of the loopback.
        refusing["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]["port_value"] =
            json!(1);
        clusters.extend([empty, refusing]);
    };
    let upstream = upstream::start().unwrap();
    let envoy = Envoy::start_edited(&configurations, upstream, Some(server.address()), 1, edit).unwrap();
    for (case, cluster, path, text) in cases {
        let shown = server.url(path).replace("?key=operators-secret", "");
        let place = format!("provider main: keys not taken from {shown} (cluster {cluster}): ");
        expect(&envoy, case, &place);
        let found = envoy.log().lines().any(|line| line.contains(&place) && line.contains(text));
        assert!(found, "{case}: no `{text}`\n{}", envoy.log());
    }
    assert!(!envoy.log().contains("operators-secret"), "{}", envoy.log());
}

#[test]
fn what_runs_is_said_once_it_runs() {
    let server = KeyServer::start().unwrap();
    let inline = configuration(&json!({ "inline": { "keys": [mint::jwk("k1"), mint::jwk("k2")] } }));
    let remote = configuration(&json!({ "remote": { "url": server.url("/set"), "cluster": "keys" } }));
    let texts = [inline.to_string(), remote.to_string()];
    let envoy = Envoy::start_with_keys(&texts, upstream::start().unwrap(), Some(server.address()), 1).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    expect(
        &envoy,
        "inline",
        &format!("datakit-token {version}: providers: main (inline key set, keys: 2); rules: 1; mode: enforce"),
    );
    let source = format!("providers: main (key set from {}, keys so far: 0)", server.url("/set"));
    expect(&envoy, "remote", &source);
}

#[test]
fn envoy_validates_a_configuration_without_starting() {
    let good = configuration(&json!({ "inline": { "keys": [mint::jwk("k1")] } }));
    let mut bad = good.clone();
    bad["rules"][0]["alow"] = json!("anyone");
    for (configuration, expected) in [(good, Ok(())), (bad, Err("/rules/0/alow: unknown member"))] {
        let outcome = envoy::validate(&configuration.to_string(), upstream::start().unwrap()).unwrap();
        match expected {
            Ok(()) => assert_eq!(outcome, Ok(())),
            Err(text) => assert!(outcome.as_ref().is_err_and(|log| log.contains(text)), "{outcome:?}"),
        }
    }
}
