//! The life of keys and tokens with the real command, real Envoy and Node: rotated, replaced, revoked.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    env, fs,
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant, SystemTime},
};

use datakit_token_tests::{
    client,
    envoy::Envoy,
    key_server::{Behaviour, KeyServer},
    node::Node,
    upstream,
};
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;
const ISSUER: &str = "https://id.example.com";

/// A publisher, its web server, and both verifiers.
struct Stage {
    directory: PathBuf,
    server: KeyServer,
    envoy: Envoy,
    node: Node,
}

impl Stage {
    fn new(name: &str, now: Option<u64>) -> Self {
        let directory = env::temp_dir().join(format!("datakit-token-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        command(&directory, &["keygen", "--out", "keys"]);
        let server = KeyServer::start().unwrap();
        let roots: Value = serde_json::from_slice(&fs::read(directory.join("keys/roots.json")).unwrap()).unwrap();
        let remote = json!({ "url": server.url("/bundle.jwt"), "cluster": "keys", "refresh": "1s", "cooldown": "1s", "stale_for": "1d" });
        let config = json!({
            "version": 1,
            "providers": [{ "name": "main", "issuer": ISSUER, "audiences": ["api"],
                "keys": { "bundle": { "roots": roots, "remote": remote } } }],
            "rules": [{ "match": { "path": { "prefix": "/" } }, "require": { "permission": "p" } }],
        });
        publish(&directory, &server, now);
        let envoy =
            Envoy::start_with_keys(&[config.to_string()], upstream::start().unwrap(), Some(server.address()), 2)
                .unwrap();
        envoy.set_time(now.unwrap_or(0)).unwrap();
        // Both live in one time: keys are judged by the clock of the host.
        let mut node = Node::start_beside(&envoy).unwrap();
        assert_eq!(node.ask(&json!({ "create": "main", "config": config })).unwrap(), "ok");
        Self { directory, server, envoy, node }
    }

    fn publish(&self, now: Option<u64>) {
        publish(&self.directory, &self.server, now);
    }

    fn token(&self, words: &[&str], now: Option<u64>) -> String {
        let fixed =
            ["--key", "keys", "--issuer", ISSUER, "--audience", "api", "--permission", "p", "--workspace", "wksp_5b8d"];
        let now = now.map(|now| now.to_string());
        let now = now.iter().flat_map(|now| ["--now", now]);
        command(&self.directory, &words.iter().copied().chain(fixed).chain(now).collect::<Vec<_>>())
    }

    fn verdicts(&mut self, token: &str) -> (String, String) {
        let headers = vec![(b"authorization".to_vec(), format!("Bearer {token}").into_bytes())];
        let answer = client::send(self.envoy.listener(0), b"GET", b"/", &headers).unwrap();
        let envoy = if answer.status == 200 {
            "ok".into()
        } else {
            answer.reason().unwrap_or_else(|| answer.status.to_string())
        };
        (envoy, self.node.ask(&json!({ "verifier": "main", "token": token })).unwrap())
    }

    /// Both give this verdict, at the latest one refresh from now.
    fn settle(&mut self, token: &str, now: u64, expected: &str) {
        self.envoy.set_time(now).unwrap();
        let start = Instant::now();
        loop {
            let found = self.verdicts(token);
            if found.0 == expected && found.1 == expected {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(3), "expected {expected}, found {found:?}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn command(directory: &PathBuf, arguments: &[&str]) -> String {
    let command = PathBuf::from(env::var("DATAKIT_TOKEN_DIST").unwrap()).join("datakit-token");
    let output = Command::new(command).args(arguments).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn publish(directory: &PathBuf, server: &KeyServer, now: Option<u64>) {
    let mut arguments = vec!["publish", "keys", "--issuer", ISSUER, "--out", "public"];
    let now = now.map(|now| now.to_string());
    arguments.extend(now.iter().flat_map(|now| ["--now", now.as_str()]));
    command(directory, &arguments);
    let bundle = fs::read_to_string(directory.join("public/bundle.jwt")).unwrap();
    server.set("/bundle.jwt", Behaviour::Document("application/jwt", bundle));
}

#[test]
fn a_workspace_token_is_issued_used_replaced_and_gone() {
    let start = Instant::now();
    let mut stage = Stage::new("story", Some(NOW));
    let old = stage.token(&["issue", "--ttl", "7d"], Some(NOW));
    stage.settle(&old, NOW, "ok");

    let new = stage.token(&["replace", "--grace", "10m", "--ttl", "7d"], Some(NOW + 60));
    stage.publish(Some(NOW + 60));
    stage.settle(&new, NOW + 61, "ok");
    stage.settle(&old, NOW + 61, "ok");
    // One second before the end of the grace period, and then its end: nothing is fetched for it.
    stage.settle(&old, NOW + 660, "ok");
    stage.settle(&old, NOW + 661, "revoked");
    stage.settle(&new, NOW + 661, "ok");

    // A clock that jumps back proves nothing, one that jumps ahead makes the bundle old; both end with the jump.
    stage.settle(&new, NOW - 3_600, "not_yet_valid");
    let before = stage.token(&["issue", "--ttl", "7d"], Some(NOW - 7_200));
    stage.settle(&before, NOW - 3_600, "keys_unavailable");
    stage.settle(&new, NOW + 700, "ok");
    stage.settle(&new, NOW + 2 * 86_400, "keys_unavailable");
    stage.settle(&old, NOW + 2 * 86_400, "revoked");
    stage.settle(&new, NOW + 700, "ok");

    // Its key has leaked.
    let status = command(&stage.directory, &["status", "keys"]);
    let key: Value = serde_json::from_str(status.lines().next().unwrap()).unwrap();
    command(&stage.directory, &["revoke", "keys", "--kid", key.get("key").unwrap().as_str().unwrap()]);
    stage.publish(Some(NOW + 700));
    stage.settle(&new, NOW + 701, "revoked");
    // Two workers and the main thread's two instances, but one fetch per second at most.
    let fetches = stage.envoy.statistic("datakit_token.fetch.ok").unwrap();
    assert!((3..=start.elapsed().as_secs() + 2).contains(&fetches), "{fetches}");
}

/// `DATAKIT_TOKEN_ROTATIONS` says how often: 100 take 40 seconds.
#[test]
fn rotations_in_a_row_lose_no_valid_request() {
    let rotations = env::var("DATAKIT_TOKEN_ROTATIONS").map_or(20, |count| count.parse::<u64>().unwrap());
    let mut stage = Stage::new("rotations", None);
    let start = Instant::now();
    let mut next = Duration::ZERO;
    let (mut rotated, mut sent) = (0, 0);
    let mut signers = std::collections::BTreeSet::new();
    // Until the last key has taken over.
    while rotated < rotations || start.elapsed() < next + Duration::from_secs(4) {
        if rotated < rotations && start.elapsed() >= next {
            command(&stage.directory, &["rotate", "keys", "--lead", "3s", "--security-period", "5s"]);
            stage.publish(None);
            rotated += 1;
            next = start.elapsed() + Duration::from_millis(350);
        }
        // No longer than a key lives on after it has handed over.
        let token = stage.token(&["issue", "--ttl", "4s"], None);
        signers.insert(token.split('.').next().unwrap().to_owned());
        let found = stage.verdicts(&token);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(found, ("ok".into(), "ok".into()), "after {sent} requests and {rotated} rotations, at {now:?}");
        sent += 1;
    }
    println!("{rotated} rotations, {} keys signed, {sent} requests to each, none lost", signers.len());
    assert!(signers.len() > usize::try_from(rotations / 4).unwrap(), "{}", signers.len());
}
