//! Keys over their life: rotation, replacement, revocation, publication, and crashes in the middle.

mod directory;

use std::{
    fs,
    process::{Command, Output},
    thread,
    time::Duration,
};

use datakit_token::{UnixTime, Verifier};
use serde_json::{Value, json};

use crate::directory::Directory;

const NOW: u64 = 1_790_000_000;

/// A directory with keys in it.
fn keys(name: &str) -> Directory {
    let directory = Directory::new(name);
    directory.run(&["keygen", "--out", "keys", "--kid", "k1"]);
    directory
}

impl Directory {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_datakit-token"));
        command.args(arguments).current_dir(&self.0);
        command
    }

    fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must succeed.
    fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn at(&self, now: u64, arguments: &[&str]) -> String {
        self.run(&[arguments, &["--now", &now.to_string()]].concat())
    }

    fn issue(&self, now: u64) -> String {
        self.at(now, &["issue", "--key", "keys", "--issuer", "i", "--audience", "a", "--workspace", "w", "--jti", "j1"])
    }

    fn publish(&self, now: u64) {
        self.at(now, &["publish", "keys", "--issuer", "i", "--out", "public"]);
    }

    fn read(&self, file: &str) -> Value {
        serde_json::from_slice(&fs::read(self.0.join(file)).unwrap()).unwrap()
    }

    /// The verdict with the published bundle.
    fn verdict(&self, token: &str, now: u64) -> &'static str {
        let bundle = fs::read_to_string(self.0.join("public/bundle.jwt")).unwrap();
        let config = json!({ "version": 1, "providers": [{ "name": "main", "issuer": "i", "audiences": ["a"],
            "keys": { "bundle": { "roots": self.read("keys/roots.json"), "inline": bundle } } }] });
        let verifier = Verifier::from_json(config.to_string().as_bytes()).unwrap();
        let outcome = verifier.verify(token.as_bytes(), UnixTime::from_secs(now).unwrap());
        outcome.map_or_else(|refusal| refusal.code(), |_| "ok")
    }

    fn states(&self, now: u64) -> Vec<Value> {
        self.at(now, &["status", "keys"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn key_id(token: &str) -> String {
    use base64ct::{Base64UrlUnpadded, Encoding};
    let header = Base64UrlUnpadded::decode_vec(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().into()
}

#[test]
fn a_rotation_leads_overlaps_and_ends() {
    let directory = keys("rotate");
    let old = directory.at(NOW, &["issue", "--key", "keys", "--issuer", "i", "--audience", "a", "--ttl", "7d"]);
    let rotate = ["rotate", "keys", "--lead", "10m", "--security-period", "1d", "--kid", "k2", "--end-tokens-early"];
    directory.at(NOW, &rotate);
    directory.publish(NOW);
    // The new key is known before it signs.
    let set = directory.read("public/jwks.json");
    assert_eq!((set["keys"][0]["exp"].as_u64(), &set["keys"][1]["kid"]), (Some(NOW + 87_000), &json!("k2")));
    assert!(set["keys"].as_array().unwrap().iter().all(|key| key.get("d").is_none()));
    assert_eq!(key_id(&directory.issue(NOW + 599)), "k1");
    let new = directory.issue(NOW + 600);
    assert_eq!(key_id(&new), "k2");
    directory.publish(NOW + 80_000);
    assert_eq!(directory.verdict(&old, NOW + 86_999), "ok");
    assert_eq!(directory.verdict(&old, NOW + 87_000), "key_inactive");
    assert_eq!(directory.verdict(&new, NOW + 700), "keys_unavailable", "the bundle is of a later time");
    let states = directory.states(NOW + 90_000);
    assert_eq!((&states[0]["state"], &states[1]["state"]), (&json!("ended"), &json!("signs")));
    // Ended keys go with the next rotation.
    directory.at(NOW + 90_000, &["rotate", "keys", "--kid", "k3"]);
    let states = directory.states(NOW + 90_000);
    assert_eq!((&states[0]["key"], &states[1]["state"]), (&json!("k2"), &json!("waits")));
    let again = directory.output(&["rotate", "keys", "--kid", "k3"]);
    assert_eq!(again.status.code(), Some(2));
}

#[test]
fn no_key_ends_before_its_last_token_unless_told_so() {
    let directory = keys("last-token");
    let issue = |now: u64, ttl: &str| {
        let now = now.to_string();
        let arguments = ["issue", "--key", "keys", "--issuer", "i", "--audience", "a", "--ttl", ttl, "--now", &now];
        directory.output(&arguments)
    };
    let week = String::from_utf8(issue(NOW, "7d").stdout).unwrap();
    assert!(issue(NOW, "1h").status.success());
    directory.at(NOW, &["rotate", "keys", "--lead", "10m", "--security-period", "1h", "--kid", "k2"]);
    let states = directory.states(NOW);
    assert_eq!((&states[0]["ends"], &states[0]["last_token"]), (&json!(NOW + 604_800), &json!(NOW + 604_800)));
    directory.at(NOW + 604_000, &["publish", "keys", "--issuer", "i", "--out", "public"]);
    assert_eq!(directory.verdict(week.trim(), NOW + 604_799), "ok");

    // The key that signs during the lead has an end by then: a token that would outlive it is refused, and nothing is
    // noted.
    let directory = keys("last-token-lead");
    directory.at(NOW, &["rotate", "keys", "--lead", "10m", "--security-period", "1h", "--kid", "k2"]);
    let before = fs::read(directory.0.join("keys/keys.json")).unwrap();
    let now = (NOW + 100).to_string();
    for (ttl, longest) in [("7d", Some("at most 4100s")), ("4101s", Some("at most 4100s")), ("4100s", None)] {
        let arguments = ["issue", "--key", "keys", "--issuer", "i", "--audience", "a", "--ttl", ttl, "--now", &now];
        let output = directory.output(&arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(if longest.is_some() { 2 } else { 0 }), "{ttl}: {said}");
        if let Some(longest) = longest {
            assert!(said.contains("--ttl") && said.contains(longest) && output.stdout.is_empty(), "{said}");
            assert_eq!(fs::read(directory.0.join("keys/keys.json")).unwrap(), before);
        }
    }
    // `replace` signs as well.
    let replace =
        ["replace", "--key", "keys", "--issuer", "i", "--audience", "a", "--workspace", "w", "--grace", "now"];
    let output = directory.output(&[&replace[..], &["--ttl", "7d", "--now", &now]].concat());
    assert_eq!(output.status.code(), Some(2));
    // A directory from before tokens were noted down goes on.
    let old = String::from_utf8(before).unwrap();
    assert!(!old.contains("last_token"));
}

#[test]
fn a_token_is_one_of_rfc_9068() {
    let directory = keys("rfc-9068");
    let claims = |more: &[&str]| -> Value {
        use base64ct::{Base64UrlUnpadded, Encoding};
        let issue = ["issue", "--key", "keys", "--issuer", "i", "--audience", "a"];
        let token = directory.at(NOW, &[&issue[..], more].concat());
        let payload = Base64UrlUnpadded::decode_vec(token.split('.').nth(1).unwrap()).unwrap();
        serde_json::from_slice(&payload).unwrap()
    };
    let plain = claims(&[]);
    for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        assert!(plain[name].is_string() || plain[name].is_number(), "{name}: {plain}");
    }
    assert_eq!((&plain["sub"], &plain["client_id"]), (&json!("datakit-token"), &json!("datakit-token")));
    let named = claims(&["--client-id", "host-7"]);
    assert_eq!((&named["sub"], &named["client_id"]), (&json!("host-7"), &json!("host-7")));
    let person = claims(&["--client-id", "web", "--subject", "acnt_1"]);
    assert_eq!((&person["sub"], &person["client_id"]), (&json!("acnt_1"), &json!("web")));
    for wrong in [["--client-id", ""], ["--subject", ""], ["--workspace", "a\nb"]] {
        let issue = ["issue", "--key", "keys", "--issuer", "i", "--audience", "a"];
        assert_eq!(directory.output(&[&issue[..], &wrong].concat()).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn a_replacement_takes_back_the_credential_and_nobody_elses_token() {
    let issue = ["--key", "keys", "--issuer", "i", "--audience", "a", "--ttl", "1d", "--workspace", "w", "--client-id"];
    for (whole, others) in [(false, "ok"), (true, "revoked")] {
        let directory = keys(&format!("credential-{whole}"));
        let token = |client: &str| directory.at(NOW, &[&["issue"][..], &issue, &[client]].concat());
        let (machine, person) = (token("host-7"), token("web"));
        let more: &[&str] = if whole { &["--whole-workspace"] } else { &[] };
        let new = directory.at(NOW, &[&["replace", "--grace", "now"][..], &issue, &["host-7"], more].concat());
        directory.publish(NOW);
        assert_eq!(directory.verdict(&new, NOW + 1), "ok");
        assert_eq!(directory.verdict(&machine, NOW + 1), "revoked");
        assert_eq!(directory.verdict(&person, NOW + 1), others);
    }
}

#[test]
fn a_replacement_gives_grace_and_then_ends_the_old_token() {
    for (grace, seconds) in [("now", 0), ("10m", 600), ("6h", 21_600), ("12h", 43_200), ("24h", 86_400)] {
        let directory = keys(&format!("replace-{grace}"));
        let issue = ["--key", "keys", "--issuer", "i", "--audience", "a", "--ttl", "7d", "--workspace", "w"];
        let old = directory.at(NOW, &[&["issue"][..], &issue].concat());
        let other = directory.at(
            NOW,
            &["issue", "--key", "keys", "--issuer", "i", "--audience", "a", "--ttl", "7d", "--workspace", "v"],
        );
        let new = directory.at(NOW, &[&["replace", "--grace", grace][..], &issue].concat());
        directory.at(NOW, &["publish", "keys", "--issuer", "i", "--out", "public", "--valid-for", "7d"]);
        for token in [&new, &other] {
            assert_eq!((directory.verdict(token, NOW + 1), directory.verdict(token, NOW + 90_000)), ("ok", "ok"));
        }
        if seconds > 0 {
            assert_eq!(directory.verdict(&old, NOW + seconds), "ok", "{grace}");
        }
        assert_eq!(directory.verdict(&old, NOW + 1 + seconds), "revoked", "{grace}");
    }
    let directory = keys("replace-faults");
    let before = fs::read(directory.0.join("keys/keys.json")).unwrap();
    for wrong in [&["--grace", "soon", "--workspace", "w"][..], &["--grace", "10m"], &["--workspace", "w"]] {
        let arguments = [&["replace", "--key", "keys", "--issuer", "i", "--audience", "a"], wrong].concat();
        assert_eq!(directory.output(&arguments).status.code(), Some(2), "{wrong:?}");
    }
    assert_eq!(fs::read(directory.0.join("keys/keys.json")).unwrap(), before);
}

#[test]
fn a_revocation_names_a_token_a_user_a_key_or_any_claim() {
    for (arguments, expected) in [
        (&["--jti", "j1"][..], "revoked"),
        (&["--jti", "j2"], "ok"),
        (&["--sub", "nobody"], "ok"),
        (&["--kid", "k1"], "revoked"),
        (&["--claim", "workspace=w"], "revoked"),
        (&["--claim", "workspace=w", "--jti", "j2"], "ok"),
        (&["--claim", "workspace:=1"], "ok"),
        (&["--jti", "j1", "--from", "1790000100"], "ok"),
        (&["--jti", "j1", "--issued-before", "1790000000"], "ok"),
        (&["--jti", "j1", "--issued-before", "1790000001"], "revoked"),
    ] {
        let directory = keys("revoke");
        let token = directory.issue(NOW);
        directory.run(&[&["revoke", "keys"], arguments].concat());
        directory.run(&[&["revoke", "keys"], arguments].concat());
        assert_eq!(directory.read("keys/keys.json")["rules"].as_array().unwrap().len(), 1, "said twice, kept once");
        directory.publish(NOW);
        assert_eq!(directory.verdict(&token, NOW + 10), expected, "{arguments:?}");
    }
    let directory = keys("revoke-faults");
    for wrong in [
        &[][..],
        &["--kid", "k1", "--issued-before", "1"],
        &["--claim", "x"],
        &["--claim", "x:=1.5"],
        &["--claim", "=x"],
    ] {
        assert_eq!(directory.output(&[&["revoke", "keys"], wrong].concat()).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn every_bundle_has_a_number_of_its_own() {
    let directory = keys("publish");
    directory.publish(NOW);
    directory.publish(NOW);
    assert_eq!(directory.states(NOW).last().unwrap()["bundle"], 2);
    let output = directory.output(&["publish", "keys", "--issuer", "i", "--out", "public", "--root", "keys/keys.json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!String::from_utf8_lossy(&output.stderr).contains("\"d\""));
    let missing = directory.output(&["status", "elsewhere"]);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("keygen"), "{missing:?}");
}

#[cfg(unix)]
#[test]
fn loose_modes_are_refused() {
    use std::os::unix::fs::PermissionsExt;

    let directory = keys("modes");
    for (file, command) in [
        ("keys/keys.json", &["rotate", "keys"][..]),
        ("keys/root.jwk", &["publish", "keys", "--issuer", "i", "--out", "public"]),
    ] {
        let path = directory.0.join(file);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let output = directory.output(command);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("expected mode 0600"), "{output:?}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(directory.output(command).status.success());
    }
}

#[test]
fn a_kill_at_any_point_loses_no_key() {
    let kills: u64 = 200;
    let directory = keys("kill");
    let token = directory.issue(NOW);
    let mut known: Vec<Value> = Vec::new();
    let (mut killed, mut rules) = (0, 0);
    let mut delay = 0;
    for number in 0..kills {
        let name = format!("killed-{number}");
        let rotate = ["rotate", "keys", "--kid", &name, "--lead", "1s", "--security-period", "1s", "--now"];
        // Keys end after two seconds of this clock, so that there are never too many.
        let now = (NOW + number * 400).to_string();
        let replace = [
            "replace",
            "--grace",
            "now",
            "--key",
            "keys",
            "--issuer",
            "i",
            "--audience",
            "a",
            "--workspace",
            &name,
            "--now",
        ];
        let arguments = if number % 2 == 0 { &rotate[..] } else { &replace[..] };
        let mut child = directory
            .command(&[arguments, &[&now]].concat())
            .stderr(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // From before its first line to after its last, in steps that never repeat.
        delay = (delay + 377) % 6_000;
        thread::sleep(Duration::from_micros(delay));
        killed += u64::from(child.try_wait().unwrap().is_none());
        let _ = child.kill();
        let _ = child.wait();
        let state = directory.read("keys/keys.json");
        let keys = state["keys"].as_array().unwrap();
        assert!(state["rules"].as_array().unwrap().len() >= rules, "a rule is lost");
        rules = state["rules"].as_array().unwrap().len();
        // Every key of before is there, or has ended.
        let ended = |key: &Value| key["ends"].as_u64().is_some_and(|ends| ends <= NOW + number * 400);
        for key in &known {
            let kept = keys.iter().any(|other| other["jwk"] == key["jwk"]);
            let successor = keys.iter().any(|other| other["jwk"]["kid"] == json!(name));
            assert!(kept || ended(key) && successor, "a key is lost: {}", key["jwk"]["kid"]);
        }
        known.clone_from(keys);
        assert_eq!(
            directory
                .at(NOW + number * 400 + 2, &["status", "keys"])
                .lines()
                .filter(|line| line.contains("signs\""))
                .count(),
            1
        );
    }
    directory.publish(NOW);
    println!("{kills} runs, {killed} killed under way, {rules} rules kept");
    assert!(killed > kills / 10, "{killed} of {kills} were killed under way");
    assert!(!token.is_empty());
}
