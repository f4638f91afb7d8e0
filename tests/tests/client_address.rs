//! Which client addresses rules believe in Envoy: never one that a client has written into a header by itself.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::SystemTime;

use datakit_token_tests::{client, envoy, envoy::Envoy, mint, upstream};
use serde_json::{Value, json};

/// What the rules let in.
const NETWORK: &str = "10.0.0.0/8";
/// The one setting that the docs advise against.
const WITHOUT_PEER: &str = "hops without use_remote_address";

fn config(requirement: &Value) -> String {
    json!({ "version": 1, "providers": [{ "name": "main", "issuer": "https://id.example.com", "audiences": ["api"],
            "keys": { "inline": { "keys": [mint::jwk("k1")] } } }],
        "rules": [{ "match": { "path": { "prefix": "/" } }, "require": requirement }] })
    .to_string()
}

fn token() -> (Vec<u8>, Vec<u8>) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let claims =
        json!({ "iss": "https://id.example.com", "aud": "api", "exp": now + 600, "networks": [NETWORK] }).to_string();
    let token = mint::sign(&mint::key("k1"), br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, claims.as_bytes());
    (b"authorization".to_vec(), format!("Bearer {token}").into_bytes())
}

fn extension(name: &str, kind: &str, config: &Value) -> Value {
    let mut typed =
        json!({ "@type": format!("type.googleapis.com/envoy.extensions.http.original_ip_detection.{kind}") });
    for (member, value) in config.as_object().unwrap() {
        typed[member] = value.clone();
    }
    json!([{ "name": name, "typed_config": typed }])
}

/// `true`: the request passes as one from [`NETWORK`], although it comes from loopback.
#[test]
fn an_address_that_anybody_can_write_into_a_header_is_not_believed() {
    let xff = |more: Value| extension("envoy.http.original_ip_detection.xff", "xff.v3.XffConfig", &more);
    let cidrs = |prefix: &str| json!({ "cidrs": [{ "address_prefix": prefix, "prefix_len": 24 }] });
    let custom = extension(
        "envoy.extensions.http.original_ip_detection.custom_header",
        "custom_header.v3.CustomHeaderConfig",
        &json!({ "header_name": "x-real-ip" }),
    );
    let known = json!({ "xff_trusted_cidrs": cidrs("127.0.0.0"), "skip_xff_append": false });
    let known_skipping = json!({ "xff_trusted_cidrs": cidrs("127.0.0.0") });
    let others = json!({ "xff_trusted_cidrs": cidrs("192.0.2.0") });
    // What a connection manager says, and whether it believes X-Forwarded-For, and X-Real-IP.
    let managers: [(&str, Value, bool, bool); 10] = [
        ("Envoy's default", json!({}), false, false),
        ("its own peer", json!({ "use_remote_address": true }), false, false),
        ("a trusted hop", json!({ "use_remote_address": true, "xff_num_trusted_hops": 1 }), true, false),
        ("its own peer, silent", json!({ "use_remote_address": true, "skip_xff_append": true }), false, false),
        // A trusted hop, but this Envoy does not say so: it looks like the default.
        (
            "a trusted hop, silent",
            json!({ "use_remote_address": true, "xff_num_trusted_hops": 1, "skip_xff_append": true }),
            false,
            false,
        ),
        ("known proxies", json!({ "original_ip_detection_extensions": xff(known) }), true, false),
        ("known proxies, silent", json!({ "original_ip_detection_extensions": xff(known_skipping) }), false, false),
        ("other proxies", json!({ "original_ip_detection_extensions": xff(others) }), false, false),
        ("another header", json!({ "original_ip_detection_extensions": custom }), false, true),
        (WITHOUT_PEER, json!({ "xff_num_trusted_hops": 1 }), false, false),
    ];
    let requirements = [
        json!({ "client_address": [NETWORK] }),
        json!({ "claim": "/networks", "covers": { "connection": "client_address" } }),
    ];
    let configurations: Vec<_> =
        requirements.iter().flat_map(|requirement| managers.iter().map(|_| config(requirement))).collect();
    let envoy = Envoy::start_edited(&configurations, upstream::start().unwrap(), None, 1, |bootstrap| {
        for (index, (_, settings, ..)) in managers.iter().cycle().take(configurations.len()).enumerate() {
            let manager = envoy::connection_manager(bootstrap, index).as_object_mut().unwrap();
            manager.remove("use_remote_address");
            manager.remove("xff_num_trusted_hops");
            manager.extend(settings.as_object().unwrap().clone());
        }
    })
    .unwrap();
    let forged: [&[(&str, &str)]; 13] = [
        &[("x-forwarded-for", "10.0.0.1")],
        &[("x-forwarded-for", "192.0.2.1, 10.0.0.1")],
        &[("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "10.0.0.1")],
        &[("x-forwarded-for", "::ffff:10.0.0.1")],
        &[("x-forwarded-for", "10.0.0.1\t")],
        &[("x-forwarded-for", "10.0.0.1"), ("x-envoy-external-address", "10.0.0.1"), ("x-envoy-internal", "true")],
        &[("x-forwarded-for", "10.0.0.1:5555")],
        &[("x-forwarded-for", "010.0.0.1")],
        &[("x-forwarded-for", "\"10.0.0.1\"")],
        &[("x-envoy-external-address", "10.0.0.1")],
        &[("forwarded", "for=10.0.0.1")],
        &[("x-real-ip", "10.0.0.1")],
        &[("x-forwarded-for", "10.0.0.1, 192.0.2.1")],
    ];
    let mut faults = Vec::new();
    for (index, (name, _, by_forwarded, by_real)) in managers.iter().cycle().take(configurations.len()).enumerate() {
        for (case, headers) in forged.iter().enumerate() {
            let mut all = vec![token()];
            all.extend(headers.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())));
            let passed = client::send(envoy.listener(index), b"GET", b"/", &all).unwrap().status == 200;
            // Envoy reads only some of them.
            let expected = match case {
                0..6 => *by_forwarded,
                11 => *by_real,
                // Nothing tells this from a proxy that really is there.
                12 => *name == WITHOUT_PEER,
                _ => false,
            };
            if passed != expected {
                faults.push(format!("{name}, {headers:?}: passes {passed}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn rules_that_look_at_the_clients_address_are_warned_of_at_the_start() {
    let warned = |requirement: &Value| {
        let envoy = Envoy::start(&[config(requirement)], upstream::start().unwrap()).unwrap();
        envoy.log().contains("`use_remote_address: true`") && envoy.log().contains("`xff_num_trusted_hops`")
    };
    assert!(warned(&json!({ "client_address": [NETWORK] })));
    assert!(warned(&json!({ "claim": "/networks", "covers": { "connection": "client_address" } })));
    assert!(!warned(&json!({ "permission": "p" })));
}

#[test]
fn the_address_of_the_connection_is_believed() {
    let configuration = config(&json!({ "client_address": ["127.0.0.0/8"] }));
    let settings = [json!({}), json!({ "use_remote_address": true }), json!({ "skip_xff_append": true })];
    let configurations = settings.clone().map(|_| configuration.clone());
    let envoy = Envoy::start_edited(&configurations, upstream::start().unwrap(), None, 1, |bootstrap| {
        for (index, settings) in settings.iter().enumerate() {
            let manager = envoy::connection_manager(bootstrap, index).as_object_mut().unwrap();
            manager.remove("use_remote_address");
            manager.remove("xff_num_trusted_hops");
            manager.extend(settings.as_object().unwrap().clone());
        }
    })
    .unwrap();
    for (index, settings) in settings.iter().enumerate() {
        let status = client::send(envoy.listener(index), b"GET", b"/", &[token()]).unwrap().status;
        assert_eq!(status, 200, "{settings}");
    }
}
