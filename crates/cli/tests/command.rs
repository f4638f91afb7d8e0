//! The built command, as its users call it.

mod directory;

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::directory::Directory;

impl Directory {
    fn file(&self, name: &str, contents: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, contents).unwrap();
        path.display().to_string()
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_datakit-token"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that ends before it reads closes the pipe; its status tells.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn keys(directory: &Directory) -> (String, Value) {
    let output = run(&["keygen", "--out", &directory.path("keys"), "--kid", "k1"], "");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let keys = fs::read(directory.path("keys/jwks.json")).unwrap();
    (directory.path("keys"), serde_json::from_slice(&keys).unwrap())
}

fn config(directory: &Directory, keys: &Value) -> String {
    let config = json!({
        "version": 1,
        "providers": [{ "name": "main", "issuer": "https://id.example.com", "audiences": ["api"],
            "from": { "params": ["token"] }, "keys": { "inline": keys } }],
        "rules": [{ "match": { "path": { "prefix": "/a" } }, "require": { "permission": "p" } }],
    });
    directory.file("config.json", &config.to_string())
}

fn issue(key: &str, more: &[&str]) -> String {
    let mut arguments =
        vec!["issue", "--key", key, "--issuer", "https://id.example.com", "--audience", "api", "--now", "1790000000"];
    arguments.extend(more);
    let output = run(&arguments, "");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert_eq!(text.lines().count(), 1, "the token stands alone");
    text
}

#[test]
fn keygen_protects_and_never_overwrites() {
    let directory = Directory::new("keygen");
    let (private, set) = keys(&directory);
    assert_eq!(set["keys"][0]["kid"], "k1");
    assert!(set["keys"][0].get("d").is_none());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for name in ["keys.json", "root.jwk"] {
            let file = format!("{private}/{name}");
            assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
    let private = format!("{private}/keys.json");
    let before = fs::read(&private).unwrap();
    let again = run(&["keygen", "--out", &directory.path("keys")], "");
    assert_eq!(again.status.code(), Some(2));
    assert_eq!(fs::read(&private).unwrap(), before);
    let secret: Value = serde_json::from_slice(&before).unwrap();
    assert!(!stderr(&again).contains(secret["keys"][0]["jwk"]["d"].as_str().unwrap()));
}

#[cfg(unix)]
#[test]
fn a_key_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let directory = Directory::new("mode");
    let (private, _) = keys(&directory);
    fs::set_permissions(format!("{private}/keys.json"), fs::Permissions::from_mode(0o644)).unwrap();
    let output = run(&["issue", "--key", &private, "--issuer", "i", "--audience", "a"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("expected mode 0600"), "{}", stderr(&output));
}

#[cfg(unix)]
#[test]
fn a_key_whose_halves_do_not_belong_together_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let directory = Directory::new("halves");
    let (private, _) = keys(&directory);
    let mut jwk: Value = serde_json::from_slice(&fs::read(format!("{private}/root.jwk")).unwrap()).unwrap();
    jwk["x"] = json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    let forged = directory.file("forged.jwk", &jwk.to_string());
    fs::set_permissions(Path::new(&forged), fs::Permissions::from_mode(0o600)).unwrap();
    let output = run(&["issue", "--key", &forged, "--issuer", "i", "--audience", "a"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(!stderr(&output).contains(jwk["d"].as_str().unwrap()));
}

#[cfg(unix)]
#[test]
fn a_key_whose_private_half_is_published_signs_nothing_and_verifies_nothing() {
    use std::os::unix::fs::PermissionsExt;

    let directory = Directory::new("published");
    // RFC 8037 appendix A.1.
    let mut jwk = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A" });
    let copied = directory.file("copied.jwk", &jwk.to_string());
    fs::set_permissions(Path::new(&copied), fs::Permissions::from_mode(0o600)).unwrap();
    let output = run(&["issue", "--key", &copied, "--issuer", "i", "--audience", "a"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("a key of your own, as `datakit-token keygen` makes them"), "{}", stderr(&output));
    jwk.as_object_mut().unwrap().remove("d");
    let config = config(&directory, &json!({ "keys": [jwk] }));
    let output = run(&["verify", "--config", &config], "x");
    assert_eq!(output.status.code(), Some(2));
    let expected = "/providers/0/keys/inline/keys/0/x: expected a key of your own, as `datakit-token keygen --out keys` makes them";
    assert!(stderr(&output).contains(expected), "{}", stderr(&output));
}

#[test]
fn verify_prints_one_line_and_tells_by_its_status() {
    let directory = Directory::new("verify");
    let (private, set) = keys(&directory);
    let config = config(&directory, &set);
    let token = issue(&private, &["--permission", "p", "--subject", "alice", "--ttl", "10m"]);
    let verify = |now: &str, token: &str| run(&["verify", "--config", &config, "--now", now], token);

    let good = verify("1790000000", &token);
    assert_eq!(good.status.code(), Some(0), "{}", stderr(&good));
    let report: Value = serde_json::from_str(&stdout(&good)).unwrap();
    assert_eq!((&report["verdict"], &report["status"]), (&json!("allow"), &json!(200)));
    assert_eq!(report["claims"]["sub"], "alice");
    assert_eq!(stdout(&good).lines().count(), 1);

    let file = directory.file("token", &token);
    let from_file = run(&["verify", "--config", &config, "--now", "1790000000", "--token-file", &file], "");
    assert_eq!(stdout(&from_file), stdout(&good));

    let expired = verify("1790000630", &token);
    assert_eq!(expired.status.code(), Some(1));
    assert_eq!(stdout(&expired), "{\"verdict\":\"deny\",\"reason\":\"expired\",\"claim\":\"exp\",\"status\":401}\n");

    // One newline ends the line; a second one is part of the token.
    assert_eq!(verify("1790000000", &format!("{token}\n")).status.code(), Some(1));
}

#[test]
fn what_is_wrong_with_a_configuration_is_named_by_pointer() {
    let directory = Directory::new("config");
    let (_, set) = keys(&directory);
    let good: Value = serde_json::from_slice(&fs::read(config(&directory, &set)).unwrap()).unwrap();
    for (pointer, member, value) in [
        ("/providers/0", "isuer", json!("x")),
        ("/providers/0", "clock_skew", json!("301s")),
        ("/providers/0", "audiences", json!([])),
        ("/providers/0", "max_age", json!(60)),
        ("/providers/0", "issuer", json!(null)),
        ("/rules/0/match/path", "prefix", json!("/a/../b")),
        ("/rules/0/require", "permission", json!("a.*")),
        ("/limits", "token_bytes", json!(0)),
        ("", "version", json!(2)),
        ("/providers/0/keys/inline/keys/0", "x", json!("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        ("/providers/0/keys/inline/keys/0", "d", json!("canary-secret")),
    ] {
        let mut bad = good.clone();
        bad["limits"] = json!({});
        bad.pointer_mut(pointer).unwrap()[member] = value;
        let file = directory.file("bad.json", &bad.to_string());
        let output = run(&["verify", "--config", &file], "x");
        assert_eq!(output.status.code(), Some(2), "{pointer}/{member}");
        assert!(stdout(&output).is_empty());
        let text = stderr(&output);
        assert!(text.contains(&format!("{pointer}/{member}: ")), "{text}");
        assert!(!text.contains("canary-secret"), "{text}");
    }
}

#[test]
fn usage_errors_have_status_2() {
    for arguments in [&["verify"][..], &["nonsense"], &["verify", "--config", "missing.json"], &["keygen", "--out"]] {
        assert_eq!(run(arguments, "x").status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn inspect_says_loudly_that_nothing_was_verified() {
    let directory = Directory::new("inspect");
    let (private, _) = keys(&directory);
    let token = issue(&private, &["--subject", "alice"]);
    let output = run(&["inspect"], &token);
    assert!(stderr(&output).contains("NOT VERIFIED"));
    let shown: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&shown["verified"], &shown["claims"]["sub"]), (&json!(false), &json!("alice")));
}

/// Escapes as a terminal or a log viewer would obey them, and what turns text round or hides it.
#[test]
fn no_control_character_of_a_token_reaches_the_terminal() {
    let directory = Directory::new("control");
    let (private, set) = keys(&directory);
    let config = config(&directory, &set);
    let hidden = "\u{1b}]0;x\u{7}\u{9b}2J\u{7f}\u{85}\u{ad}\u{200b}\u{202e}\u{2066}\u{2028}\u{feff}\u{e0041}é😀";
    let claims = json!({ "iss": "https://id.example.com", "aud": "api", "exp": 1_790_003_600_u64, "permissions": ["p"],
        "name": hidden, hidden: [hidden] });
    let file = directory.file("claims.json", &claims.to_string());
    let arguments = ["issue", "--key", &private, "--claims", &file];
    let token = stdout(&run(&arguments, ""));
    let visible = |text: &str| {
        let invisible = |c: char| {
            c.is_control() && c != '\n' || "\u{ad}\u{200b}\u{202e}\u{2066}\u{2028}\u{feff}\u{e0041}".contains(c)
        };
        assert!(!text.contains(invisible), "{}", text.escape_debug());
        assert!(text.contains("é😀"), "what can be seen stays: {text}");
    };
    let inspected = run(&["inspect"], &token);
    visible(&stdout(&inspected));
    let shown: Value = serde_json::from_str(&stdout(&inspected)).unwrap();
    assert_eq!(shown["claims"], claims);
    let verified = run(&["verify", "--config", &config, "--now", "1790000000"], &token);
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    visible(&stdout(&verified));
    let shown: Value = serde_json::from_str(&stdout(&verified)).unwrap();
    assert_eq!(shown["claims"], claims);

    let name = directory.file("kid\u{9b}é😀", &token);
    visible(&stderr(&run(&["issue", "--key", &private, "--claims", &name], "")));
    let revoke = run(&["revoke", &private, "--claim", &format!("name={hidden}")], "");
    visible(&stderr(&revoke));
    let status = stdout(&run(&["status", &private], ""));
    visible(&status);
    let rule: Value = serde_json::from_str(status.lines().nth(1).unwrap()).unwrap();
    assert_eq!(rule["rule"]["match"]["name"], hidden);
    visible(&stderr(&run(&["unrevoke", &private, "--claim", &format!("name={hidden}")], "")));

    // What the request itself has comes through as bytes.
    let token = stdout(&run(
        &[
            "issue",
            "--key",
            &private,
            "--issuer",
            "https://id.example.com",
            "--audience",
            "api",
            "--permission",
            "p",
            "--now",
            "1790000000",
        ],
        "",
    ));
    let path = format!("/a?token={}", token.trim_end());
    let request = json!({ "method": "GET", "path": path, "headers": [["x-note", "\u{9b}2J\u{85}"]] });
    let file = directory.file("request.json", &request.to_string());
    let decided = stdout(&run(&["decide", "--config", &config, "--request", &file, "--now", "1790000000"], ""));
    assert!(decided.contains("\\u009b2J\\u0085") && !decided.contains('\u{9b}'), "{}", decided.escape_debug());
}

#[test]
fn issue_signs_a_file_byte_for_byte() {
    let directory = Directory::new("claims");
    let (private, set) = keys(&directory);
    let config = config(&directory, &set);
    let claims =
        "{ \"iss\":\"https://id.example.com\", \"aud\":\"api\",\n \"exp\":1790003600, \"n\":9007199254740993 }";
    let file = directory.file("claims.json", claims);
    let output = run(&["issue", "--key", &private, "--claims", &file, "--alg", "Ed25519"], "");
    let report = run(&["verify", "--config", &config, "--now", "1790000000"], &stdout(&output));
    assert_eq!(report.status.code(), Some(0));
    assert!(stdout(&report).contains("\"n\":9007199254740993"), "{}", stdout(&report));
}

#[test]
fn decide_shows_what_the_upstream_gets() {
    let directory = Directory::new("decide");
    let (private, set) = keys(&directory);
    let config = config(&directory, &set);
    let token = issue(&private, &["--permission", "p"]);
    let path = format!("/a?x=1&token={}&y", token.trim_end());
    let request = json!({ "method": "GET", "path": path, "headers": [["accept", "*/*"]] });
    let file = directory.file("request.json", &request.to_string());
    let output = run(&["decide", "--config", &config, "--request", &file, "--now", "1790000000"], "");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(report["upstream"], json!({ "path": "/a?x=1&y", "headers": [["accept", "*/*"]] }));

    let file = directory.file("request.json", r#"{"method":"GET","path":"/b?token=x","headers":[]}"#);
    let output = run(&["decide", "--config", &config, "--request", &file, "--now", "1790000000"], "");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "{\"verdict\":\"deny\",\"reason\":\"malformed\",\"status\":401}\n");
}
