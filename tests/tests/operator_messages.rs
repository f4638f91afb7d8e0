//! What Envoy's log tells an operator: what runs, and why keys do not come.

use std::{
    thread,
    time::{Duration, Instant},
};

use datakit_token_tests::{
    client,
    envoy::{self, Envoy},
    key_server::{Behaviour, KeyServer},
    mint::{self, Seal},
    upstream,
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
        ("no host", "empty", "/late", "unreachable: no healthy host in the cluster, or its circuit breaker is open"),
        (
            "a name that nobody has",
            "unresolvable",
            "/late",
            "unreachable: no healthy host in the cluster, or its circuit breaker is open",
        ),
        (
            "too many at once",
            "full",
            "/late",
            "unreachable: no healthy host in the cluster, or its circuit breaker is open",
        ),
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
        let mut unresolvable = clusters[1].clone();
        (unresolvable["name"], unresolvable["type"]) = (json!("unresolvable"), json!("STRICT_DNS"));
        // RFC 6761 section 6.4: this top-level domain has no names.
        unresolvable["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]["address"] =
            json!("keys.invalid");
        let mut full = clusters[1].clone();
        full["name"] = json!("full");
        full["circuit_breakers"] =
            json!({ "thresholds": [{ "max_pending_requests": 0, "max_connections": 0, "max_requests": 0 }] });
        clusters.extend([empty, refusing, unresolvable, full]);
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

#[test]
fn a_denial_names_the_claim_and_shows_no_header_that_the_client_made_up() {
    const NOW: u64 = 1_790_000_000;
    let mut config = configuration(&json!({ "inline": { "keys": [mint::jwk("k1")] } }));
    config["providers"][0]["claims_to_headers"] = json!([{ "claim": "/sub", "header": "x-user" }]);
    config["rules"] = json!([{ "match": { "path": { "prefix": "/t" } }, "require": { "claim": "/tenant id", "equals": { "value": "t1" } } },
        { "match": { "path": { "prefix": "/u" } }, "require": { "claim": "/tenant", "equals": { "value": "t1" } } },
        { "match": {}, "allow": "authenticated" }]);
    let edit = |bootstrap: &mut Value| {
        let log = &mut envoy::connection_manager(bootstrap, 0)["access_log"][0]["typed_config"];
        log["log_format"]["text_format_source"]["inline_string"] =
            json!("[%REQ(X-USER)%|%REQ(X_USER)%|%REQ(X.USER)%] %RESPONSE_CODE% %RESPONSE_CODE_DETAILS%\n");
    };
    let upstream = upstream::start().unwrap();
    let envoy = Envoy::start_edited(&[config.to_string()], upstream, None, 1, edit).unwrap();
    envoy.set_time(NOW).unwrap();
    let sign = |header: &str, claims: &Value| {
        let mut whole = json!({ "iss": "https://id.example.com", "aud": "api", "exp": NOW + 600 });
        whole.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        mint::sign(&mint::key("k1"), header.as_bytes(), whole.to_string().as_bytes())
    };
    let good = r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#;
    let cases = [
        ("/", sign(good, &json!({ "sub": "alice" })), 200, "[alice|-|-] 200 via_upstream"),
        ("/", sign(good, &json!({ "exp": NOW - 600 })), 401, "[-|-|-] 401 token_denied{expired}"),
        ("/", sign(good, &json!({ "exp": null })), 401, "[-|-|-] 401 token_denied{claim_invalid:exp}"),
        ("/", sign(r#"{"alg":"EdDSA","kid":"k1"}"#, &json!({})), 401, "[-|-|-] 401 token_denied{unsupported_type}"),
        ("/t", sign(good, &json!({})), 403, "[-|-|-] 403 token_denied{binding_mismatch}"),
        ("/u", sign(good, &json!({})), 403, "[-|-|-] 403 token_denied{binding_mismatch:tenant}"),
        // Also where the path itself is what is refused.
        ("//u", sign(good, &json!({})), 400, "[-|-|-] 400 token_denied{invalid_request}"),
        ("/", "x".into(), 401, "[-|-|-] 401 token_denied{malformed}"),
    ];
    let mut expected = Vec::new();
    let send = |path: &str, token: &str, status: u16| {
        let mut headers = vec![(b"authorization".to_vec(), format!("Bearer {token}").into_bytes())];
        headers.extend(["x-user", "X_User", "x.user"].map(|name| (name.as_bytes().to_vec(), b"ceo".to_vec())));
        let answer = client::send(envoy.listener(0), b"GET", path.as_bytes(), &headers).unwrap();
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
    };
    for (path, token, status, line) in &cases {
        send(path, token, *status);
        expected.push(*line);
    }
    assert!(!envoy.log().contains("denied, "), "{}", envoy.log());
    assert_eq!(client::send(envoy.admin(), b"POST", b"/logging?wasm=debug", &[]).unwrap().status, 200);
    for (number, text) in [
        (3, "denied, unsupported_type: no `typ`; accepted: at+jwt; `allow_missing_type` takes tokens without `typ`"),
        (5, "denied, binding_mismatch, claim tenant"),
    ] {
        let (path, token, status, line) = &cases[number];
        send(path, token, *status);
        expected.push(*line);
        expect(&envoy, line, text);
    }
    // Envoy writes its access log every ten seconds.
    let deadline = Instant::now() + Duration::from_secs(30);
    while envoy.access_log().lines().count() < expected.len() {
        assert!(Instant::now() < deadline, "{}", envoy.access_log());
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(envoy.access_log().lines().collect::<Vec<_>>(), expected);
}

/// Also at the level at which the filter says most.
#[test]
fn nothing_of_a_decryption_key_or_of_an_encrypted_token_is_shown() {
    const NOW: u64 = 1_790_000_000;
    let mut config = configuration(&json!({ "inline": { "keys": [mint::jwk("k1")] } }));
    // From the environment of the VM: the key `e3`.
    config["providers"][0]["encryption"] = json!({ "required": true, "keys": { "env": "DECRYPTION_KEYS" } });
    config["rules"] = json!([{ "match": {}, "allow": "authenticated" }]);
    let envoy = Envoy::start(&[config.to_string()], upstream::start().unwrap()).unwrap();
    envoy.set_time(NOW).unwrap();
    assert_eq!(client::send(envoy.admin(), b"POST", b"/logging?wasm=debug", &[]).unwrap().status, 200);
    let claims = json!({ "iss": "https://id.example.com", "aud": "api", "exp": NOW + 600, "sub": "alice" }).to_string();
    let token = mint::sign(&mint::key("k1"), br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, claims.as_bytes());
    let seal = |kid: &str, content: &str| {
        let ephemeral = mint::ephemeral();
        let epk = json!({ "kty": "OKP", "crv": "X25519", "x": mint::encode(&ephemeral) });
        let header = json!({ "alg": "ECDH-ES", "enc": "A256GCM", "cty": "JWT", "kid": kid, "epk": epk }).to_string();
        let key = mint::content_key("e3", ephemeral, [b"A256GCM", b"", b""]);
        Seal { key, header: header.as_bytes(), iv: &[1; 12] }.around(content.as_bytes()).join(".")
    };
    let good = seal("e3", &token);
    let (untagged, _) = good.rsplit_once('.').unwrap();
    let sent = [
        (good.clone(), 200, None),
        (token.clone(), 401, Some("denied, unsupported_algorithm: it is not encrypted, and `encryption.required`")),
        (seal("e9", &token), 401, Some("denied, decryption_failed: no decryption key has its `kid`")),
        (format!("{untagged}.{}", "A".repeat(22)), 401, Some("its key does not open it, or not at this time")),
        (seal("e3", "x"), 401, Some("denied, malformed")),
    ];
    for (token, status, text) in &sent {
        let headers = [(b"authorization".to_vec(), format!("Bearer {token}").into_bytes())];
        let answer = client::send(envoy.listener(0), b"GET", b"/", &headers).unwrap();
        assert_eq!(answer.status, *status, "{}", answer.body);
        if let Some(text) = text {
            expect(&envoy, text, text);
        }
    }
    assert_eq!(envoy.statistic("datakit_token.denied.decryption_failed").unwrap(), 2);
    let secret = mint::private_jwk("e3")["d"].as_str().unwrap().to_owned();
    let shown = [envoy.log(), envoy.admin_page("/stats").unwrap()];
    for text in &shown {
        let secrets = sent.iter().map(|(token, ..)| token).chain([&secret, &claims]);
        for secret in secrets.filter(|secret| secret.len() > 20) {
            assert!(!text.contains(secret.as_str()), "{text}");
        }
    }
}
