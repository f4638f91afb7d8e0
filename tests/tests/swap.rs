//! The long-lived secret stays in the gateway, and the signed token never leaves it: a client like DataKit posts
//! through real Envoy.

#![expect(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests")]

use std::{
    io::Write,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use datakit_token_tests::{envoy::Envoy, mint, upstream};
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;
const SECRET: &str = "tkn_realSecretOfTheWorkspace0123456789ab";

/// Sends what DataKit sends, in its order of parameters and with its headers, and prints what came back, a line each.
/// The body goes out compressed and is unpacked from the echo of the upstream.
const CLIENT: &str = "
import { request } from 'node:http'
import { gunzipSync, gzipSync } from 'node:zlib'
import { readFileSync } from 'node:fs'
const { port, cases } = JSON.parse(readFileSync(0, 'utf8'))
const lines = 'nginx,host=h1 status=200i,message=\"GET / HTTP/1.1\" 1790000000000000000\\n'.repeat(200)
for (const { path, headers } of cases) {
  const body = gzipSync(lines)
  const sent = { 'content-encoding': 'gzip', 'content-type': 'application/line-protocol', 'content-length': body.length, 'x-points': '200', 'x-pkg-id': 'dk_1', 'user-agent': 'datakit-linux-amd64/1.80.0/h1', referer: 'DataKit', ...headers }
  const answer = await new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, method: 'POST', path, headers: sent }, (response) => {
      const parts = []
      response.on('data', (part) => parts.push(part)).on('end', () => resolve({ status: response.statusCode, text: Buffer.concat(parts).toString() }))
    }).on('error', reject)
    call.end(body)
  })
  if (answer.status === 200) {
    const echo = JSON.parse(answer.text)
    echo.body = gunzipSync(Buffer.from(echo.body, 'latin1')).toString() === lines ? 'intact' : 'changed'
    console.log(JSON.stringify({ status: 200, echo }))
  } else console.log(JSON.stringify(answer))
}
";

fn token(change: &Value) -> String {
    let mut claims = json!({ "iss": "https://id.example.com", "aud": "https://openway.example.com", "iat": NOW, "exp": NOW + 600,
        "workspace": "wksp_5b8d", "permissions": ["ingest.logging"], "tags": { "cluster": ["c1"], "app": ["math"] } });
    claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    mint::sign(&mint::key("k1"), br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, claims.to_string().as_bytes())
}

fn send(port: u16, cases: &[Value]) -> Vec<Value> {
    let mut node = Command::new("node")
        .args(["--input-type=module", "--eval", CLIENT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = json!({ "port": port, "cases": cases }).to_string();
    node.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_upstream_gets_the_secret_and_nobody_sees_the_token() {
    let config = json!({
        "version": 1,
        "providers": [{ "name": "main", "issuer": "https://id.example.com", "audiences": ["https://openway.example.com"],
            "from": { "params": [{ "name": "token", "placeholder": "tkn_" }, "wt"] },
            "swap": { "secrets": { "wksp_5b8d": { "value": SECRET } } },
            "keys": { "inline": { "keys": [mint::jwk("k1")] } } }],
        "rules": [{ "match": { "methods": ["POST"], "path": { "exact": "/v1/write/logging" } }, "require": { "all": [
            { "permission": "ingest.logging" }, { "claim": "/tags", "allows": { "header": "x-global-tags" } }] } }],
    });
    let envoy = Envoy::start(&[config.to_string()], upstream::start().unwrap()).unwrap();
    envoy.set_time(NOW).unwrap();
    let (good, poor, old) = (
        token(&json!({})),
        token(&json!({ "permissions": ["ingest.metric"] })),
        token(&json!({ "exp": NOW - 60, "iat": NOW - 600 })),
    );
    let placeholder = "tkn_00000000000000000000000000000000";
    let case = |path: String, tags: &str| json!({ "path": path, "headers": { "x-global-tags": tags } });
    let cases = [
        case(format!("/v1/write/logging?token={good}"), "cluster=c1,app=math"),
        case(format!("/v1/write/logging?token={placeholder}&wt={good}"), "cluster=c1"),
        case(format!("/v1/write/logging?token={good}"), "cluster=c2"),
        case(format!("/v1/write/logging?token={poor}"), "cluster=c1"),
        case(format!("/v1/write/logging?token={old}"), "cluster=c1"),
        case(format!("/v1/write/logging?token={good}&wt={good}"), "cluster=c1"),
        case(format!("/v1/check/token/{good}"), "cluster=c1"),
        case(format!("/v1/other?x={good}"), "cluster=c1"),
        case(format!("/v1/write/logging/../x?token={good}"), "cluster=c1"),
    ];
    let answers = send(envoy.listener(0).port(), &cases);
    let swapped = format!("/v1/write/logging?token={SECRET}");
    for answer in &answers[..2] {
        assert_eq!(answer["echo"]["path"], swapped, "{answer}");
        assert_eq!(answer["echo"]["body"], "intact");
    }
    let statuses: Vec<_> = answers[2..].iter().map(|answer| answer["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [403, 403, 401, 400, 401, 401, 400], "{answers:?}");

    // Every request leaves a line with its path; no line, statistic or answer has a part of a token or the secret.
    let deadline = Instant::now() + Duration::from_secs(20);
    while envoy.access_log().lines().count() < cases.len() {
        assert!(Instant::now() < deadline, "{}", envoy.access_log());
        thread::sleep(Duration::from_millis(100));
    }
    let log = envoy.access_log();
    assert_eq!(log.matches("POST /v1/write/logging?token=").count(), 6, "{log}");
    assert!(log.contains("POST /v1/write/logging?token=- 403 token_denied{binding_mismatch:tags}"), "{log}");
    let seen = [
        log.replace(&swapped, ""),
        envoy.log(),
        envoy.admin_page("/stats").unwrap(),
        json!(answers).to_string().replace(SECRET, ""),
    ];
    for text in &seen {
        assert!(!text.contains(SECRET), "{text}");
        for token in [&good, &poor, &old] {
            for part in token.split('.') {
                assert!(!text.contains(part), "{text}");
            }
        }
    }
}
