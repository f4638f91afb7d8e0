//! The configuration of `docs/envoy.md`, as it stands there.

use std::{
    env, fs,
    process::Command,
    time::{Duration, Instant},
};

use datakit_token_tests::{
    checkout::root,
    client,
    envoy::{self, Envoy},
    key_server::{Behaviour, KeyServer},
    mint, upstream,
};
use serde_json::json;

/// The document's fenced blocks of YAML, with the filter where it is.
fn blocks() -> Vec<String> {
    let document = fs::read_to_string(root().join("docs/envoy.md")).unwrap();
    let filter = envoy::filter().unwrap();
    let blocks = document.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks
        .map(|block| block.replace("filename: datakit_token.wasm", &format!("filename: {}", filter.display())))
        .collect()
}

#[test]
fn envoy_finds_it_valid_and_says_which_variable_is_missing() {
    let validate = |secret: Option<&str>| {
        let mut command = Command::new(env::var("DATAKIT_TOKEN_ENVOY").expect("run `cargo xtask test`"));
        command.args(["--mode", "validate", "--log-level", "warn", "--config-yaml", &blocks()[0]]);
        command.env_remove("WORKSPACE_TOKEN").envs(secret.map(|secret| ("WORKSPACE_TOKEN", secret)));
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, log) = validate(Some("tkn_0123456789abcdef0123456789abcdef"));
    assert_eq!(code, Some(0), "{log}");
    let (code, log) = validate(None);
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("/providers/0/swap/secrets/wksp_5b8d/env: "), "{log}");
}

#[test]
fn it_runs_and_the_route_for_other_algorithms_is_not_looked_at() {
    let server = KeyServer::start().unwrap();
    server.set("/jwks.json", Behaviour::Document("application/json", json!({ "keys": [mint::jwk("k1")] }).to_string()));
    let upstream = upstream::start().unwrap();
    let [whole, per_route] = blocks().try_into().unwrap();
    let other = per_route.lines().nth(1).unwrap().trim();
    // The machine that the names stand for is this one, and it has no certificate.
    let yaml = whole
        .replace("address: 0.0.0.0, port_value: 8080", "address: 127.0.0.1, port_value: 0")
        .replace("https://id.example.com/jwks.json", &server.url("/jwks.json"))
        .replace("address: id.example.com, port_value: 443", &format!("address: 127.0.0.1, port_value: {}", server.address().port()))
        .replace("address: service.example.com, port_value: 9528", &format!("address: 127.0.0.1, port_value: {}", upstream.port()))
        .replace("host_env_keys: [WORKSPACE_TOKEN]", "key_values: { WORKSPACE_TOKEN: tkn_0123456789abcdef0123456789abcdef }")
        .replace("routes: [", &format!("routes: [{{ match: {{ path: /other }}, route: {{ cluster: service }}, typed_per_filter_config: {{ {other} }} }}, "));
    let plain = yaml.split("    transport_socket:").next().unwrap();
    let admin = "admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }";
    let envoy = Envoy::launch(|_| format!("{admin}\n{plain}")).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let token = |permission: &str| {
        let claims = json!({ "iss": "https://id.example.com", "aud": "https://openway.example.com", "exp": now + 600,
            "workspace": "wksp_5b8d", "permissions": [permission] });
        mint::sign(&mint::key("k1"), br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, claims.to_string().as_bytes())
    };
    let ask = |path: &str, authorization: &str| {
        let header = (b"authorization".to_vec(), authorization.as_bytes().to_vec());
        client::send(envoy.listener(0), b"POST", path.as_bytes(), &[header]).unwrap().status
    };
    let start = Instant::now();
    while ask("/v1/write/logging", &format!("Bearer {}", token("ingest.logging"))) != 200 {
        assert!(start.elapsed() < Duration::from_secs(15), "{}", envoy.log());
    }
    assert_eq!(ask("/v1/write/logging", &format!("Bearer {}", token("ingest.metric"))), 403);
    assert_eq!(ask("/v1/write/logging", "Bearer x"), 401);
    assert_eq!(ask("/other", "Bearer x"), 200);
}
