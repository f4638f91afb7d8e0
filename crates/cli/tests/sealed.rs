//! Keys that tokens are encrypted for, and tokens encrypted for them.

mod directory;

use std::{
    fs,
    io::Write,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::directory::Directory;

const NOW: u64 = 1_790_000_000;

impl Directory {
    fn output(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_datakit-token"));
        command.args(arguments).current_dir(&self.0).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Who refuses its arguments may be gone before it reads.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments, "");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn refuse(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn read(&self, file: &str) -> Value {
        serde_json::from_slice(&fs::read(self.0.join(file)).unwrap()).unwrap()
    }

    fn issue(&self, now: u64, more: &[&str]) -> String {
        let now = now.to_string();
        let arguments = ["issue", "--key", "signing", "--issuer", "i", "--audience", "a", "--permission", "p", "--now"];
        self.run(&[&arguments[..], &[&now], more].concat())
    }

    /// The configuration of a verifier with the keys as they are now.
    fn configure(&self) {
        let config = json!({ "version": 1, "providers": [{ "name": "main", "issuer": "i", "audiences": ["a"],
            "keys": { "inline": self.read("signing/jwks.json") },
            "encryption": { "required": true, "keys": { "inline": self.read("keys/decryption-keys.json") } } }],
            "rules": [{ "match": { "path": { "prefix": "/" } }, "require": { "permission": "p" } }] });
        fs::write(self.0.join("config.json"), config.to_string()).unwrap();
    }

    fn verify(&self, token: &str, now: u64) -> Value {
        let now = now.to_string();
        let output = self.output(&["verify", "--config", "config.json", "--now", &now], token);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    }
}

fn receiver(name: &str) -> Directory {
    let directory = Directory::new(name);
    directory.run(&["keygen", "--out", "signing"]);
    directory.run(&["keygen", "--encryption", "--out", "keys", "--kid", "e1"]);
    directory
}

#[test]
fn a_token_is_sealed_for_its_receiver_and_opened_there() {
    let directory = receiver("sealed");
    directory.configure();
    let seal = ["--seal-for", "keys/encryption-jwks.json"];
    let sealed = directory.issue(NOW, &seal);
    assert_eq!(sealed.split('.').count(), 5);
    assert_ne!(sealed, directory.issue(NOW, &seal));
    let allowed = directory.verify(&sealed, NOW);
    assert_eq!((&allowed["verdict"], &allowed["claims"]["client_id"]), (&json!("allow"), &json!("datakit-token")));
    assert_eq!(directory.verify(&directory.issue(NOW, &[]), NOW)["reason"], "unsupported_algorithm");

    let request = json!({ "method": "GET", "path": "/x", "headers": [["authorization", format!("Bearer {sealed}")]] });
    fs::write(directory.0.join("request.json"), request.to_string()).unwrap();
    let decision =
        directory.run(&["decide", "--config", "config.json", "--request", "request.json", "--now", &NOW.to_string()]);
    assert!(decision.contains(r#""verdict":"allow""#), "{decision}");

    let inspected = directory.output(&["inspect"], &sealed);
    let shown: Value = serde_json::from_slice(&inspected.stdout).unwrap();
    assert_eq!((&shown["encrypted"], &shown["header"]["kid"]), (&json!(true), &json!("e1")));
    assert!(shown.get("claims").is_none() && String::from_utf8_lossy(&inspected.stderr).starts_with("ENCRYPTED"));

    // A replacement is sealed as well.
    let replaced = ["--seal-for", "keys/encryption-jwks.json", "--workspace", "w", "--grace", "now"];
    let arguments = ["replace", "--key", "signing", "--issuer", "i", "--audience", "a", "--now"];
    let replaced = directory.run(&[&arguments[..], &[&NOW.to_string()], &replaced].concat());
    assert_eq!(directory.verify(&replaced, NOW + 1)["claims"]["workspace"], "w");
}

#[test]
fn keys_that_open_are_rotated_and_no_token_loses_its_key() {
    let directory = receiver("sealed-rotation");
    let old = directory.issue(NOW, &["--ttl", "1d", "--seal-for", "keys/encryption-jwks.json"]);
    directory.run(&["rotate", "keys", "--encryption", "--kid", "e2", "--now", &NOW.to_string()]);
    directory.configure();
    let kid = |token: &str| {
        let shown = directory.output(&["inspect"], token).stdout;
        serde_json::from_slice::<Value>(&shown).unwrap()["header"]["kid"].as_str().unwrap().to_owned()
    };
    let between = directory.issue(NOW + 599, &["--ttl", "1d", "--seal-for", "keys/encryption-jwks.json"]);
    let new = directory.issue(NOW + 600, &["--ttl", "1d", "--seal-for", "keys/encryption-jwks.json"]);
    assert_eq!([&old, &between, &new].map(|token| kid(token)), ["e1", "e1", "e2"]);
    for (token, ends) in [(&old, NOW + 86_400), (&between, NOW + 86_999), (&new, NOW + 87_000)] {
        assert_eq!(directory.verify(token, ends - 1)["verdict"], "allow");
        // The skew of the clocks alone.
        assert_eq!(directory.verify(&new, NOW + 600)["verdict"], "allow");
    }
    // A day after issuers have changed the old key opens no more.
    assert_eq!(directory.verify(&between, NOW + 87_000)["reason"], "decryption_failed");
    let status = directory.run(&["status", "keys", "--now", &NOW.to_string()]);
    let lines: Vec<Value> = status.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines,
        [
            json!({ "decryption_key": "e1", "state": "opens", "encrypts_from": 0, "ends": NOW + 87_000 }),
            json!({ "decryption_key": "e2", "state": "waits", "encrypts_from": NOW + 600, "ends": null }),
        ]
    );
}

#[test]
fn what_is_wrong_with_the_arguments_is_said() {
    let directory = receiver("sealed-faults");
    let again = directory.refuse(&["keygen", "--encryption", "--out", "keys"]);
    assert!(again.contains("decryption-keys.json: expected no such file: keys are never overwritten"), "{again}");
    let unsaid = directory.refuse(&["rotate", "keys"]);
    assert!(unsaid.contains("use --encryption"), "{unsaid}");
    let none = directory.refuse(&["rotate", "signing", "--encryption"]);
    assert!(none.contains("`datakit-token keygen --encryption --out DIR` makes it"), "{none}");
    let used = directory.refuse(&["rotate", "keys", "--encryption", "--kid", "e1"]);
    assert!(used.contains("--kid: expected an id that no other key has"), "{used}");
    let seal = |file: &str| {
        directory.refuse(&["issue", "--key", "signing", "--issuer", "i", "--audience", "a", "--seal-for", file])
    };
    let signing = seal("signing/jwks.json");
    assert!(signing.contains("/keys: expected at least one key of `kty` `OKP` and `crv` `X25519`"), "{signing}");
    let private = seal("keys/decryption-keys.json");
    assert!(private.contains("/keys/0/d: expected a public key, found a private one"), "{private}");
    let mut ended = directory.read("keys/encryption-jwks.json");
    ended["keys"][0]["exp"] = json!(1);
    fs::write(directory.0.join("ended.json"), ended.to_string()).unwrap();
    assert!(seal("ended.json").contains("no key is for this time (`nbf`, `exp`)"));
    for (key, problem) in [
        (
            json!({ "x": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }),
            "/keys/0/x: expected a canonical X25519 key of large order",
        ),
        (json!({ "x": "AAAA" }), "/keys/0/x: expected 43 characters"),
        (json!({ "kid": 7 }), "/keys/0/kid: expected a string"),
    ] {
        let mut set = directory.read("keys/encryption-jwks.json");
        set["keys"][0].as_object_mut().unwrap().extend(key.as_object().unwrap().clone());
        fs::write(directory.0.join("set.json"), set.to_string()).unwrap();
        let said = seal("set.json");
        assert!(said.contains(problem), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn private_keys_are_nobody_elses() {
    use std::os::unix::fs::PermissionsExt;

    let directory = receiver("sealed-mode");
    let mode = |file: &str| fs::metadata(directory.0.join(file)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("keys"), mode("keys/decryption-keys.json")), (0o700, 0o600));
    fs::set_permissions(directory.0.join("keys/decryption-keys.json"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(directory.refuse(&["rotate", "keys", "--encryption"]).contains("expected mode 0600, found 0644"));
    assert!(!directory.run(&["keygen", "--encryption", "--out", "other"]).contains("\"d\""));
}
