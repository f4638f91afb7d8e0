//! The example as it stands, over HTTP.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{self, Child, Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use datakit_token_tests::{client, mint};
use serde_json::{Value, json};

/// The running example, until this is dropped.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let keys = env::temp_dir().join(format!("datakit-token-axum-{}.json", process::id()));
        fs::write(&keys, json!({ "keys": [mint::jwk("k1")] }).to_string()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_datakit-token-example-axum"));
        command.args(["127.0.0.1:0", keys.to_str().unwrap()]).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let line = BufReader::new(process.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        fs::remove_file(keys).unwrap();
        Self { process, address: line.strip_prefix("listening on ").unwrap().parse().unwrap() }
    }

    /// The status and the body; of a denial the reason.
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let bytes = |text: &str| text.as_bytes().to_vec();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (bytes(name), bytes(value))).collect();
        let answer = client::send(self.address, method.as_bytes(), path.as_bytes(), &headers).unwrap();
        let problem = serde_json::from_str::<Value>(&answer.body).ok();
        let reason = problem.and_then(|problem| problem["reason"].as_str().map(String::from));
        (answer.status, reason.unwrap_or(answer.body))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn bearer(roles: &[&str], lifetime: i64) -> String {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let claims = json!({ "iss": "https://id.example.com", "aud": "https://api.example.com", "sub": "acnt_7f3a",
        "exp": now.checked_add(lifetime).unwrap(), "roles": roles, "plan": "pro" });
    let header = br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#;
    format!("Bearer {}", mint::sign(&mint::key("k1"), header, claims.to_string().as_bytes()))
}

#[test]
fn the_backend_judges_every_request_before_a_handler_sees_it() {
    let server = Server::start();
    let (writer, reader, old) = (bearer(&["writer"], 600), bearer(&[], 600), bearer(&["writer"], -600));
    let ok = |body: &str| (200, body.to_owned());
    let denied = |status: u16, reason: &str| (status, reason.to_owned());

    assert_eq!(server.ask("GET", "/health", &[]), ok("ok"));
    // From the thread's memory the second time, whichever thread it is.
    for _ in 0..8 {
        assert_eq!(server.ask("GET", "/me", &[("authorization", &writer)]), ok("acnt_7f3a, plan pro"));
    }
    let spoofed = [("authorization", writer.as_str()), ("x-user", "root")];
    assert_eq!(server.ask("POST", "/logs/web", &spoofed), ok("written by acnt_7f3a"));

    assert_eq!(server.ask("GET", "/me", &[]), denied(401, "missing_token"));
    assert_eq!(server.ask("GET", "/me", &[("authorization", &old)]), denied(401, "expired"));
    assert_eq!(server.ask("POST", "/logs/web", &[("authorization", &reader)]), denied(403, "permission_denied"));
    assert_eq!(server.ask("GET", "/logs/web", &[("authorization", &writer)]), denied(403, "no_rule"));
    assert_eq!(server.ask("GET", "/anything", &[("authorization", &writer)]), denied(403, "no_rule"));
    assert_eq!(server.ask("POST", "/logs/..%2fme", &[("authorization", &writer)]), denied(400, "invalid_request"));
}
