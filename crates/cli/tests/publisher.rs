//! What the publisher writes is what verifiers take; what they would refuse never replaces it.

mod directory;

use std::{
    fs,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use datakit_token::{UnixTime, Verifier};
use serde_json::{Value, json};

use crate::directory::Directory;

const NOW: u64 = 1_790_000_000;
const PUBLISH: [&str; 6] = ["publish", "keys", "--issuer", "i", "--out", "public"];

/// A directory with keys in it, published once.
fn published(name: &str) -> Directory {
    let directory = Directory::new(name);
    directory.good(&["keygen", "--out", "keys", "--kid", "k1"]);
    directory.publish(NOW, &[]);
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

    /// Runs a command that must succeed; what it prints, and what it says beside that.
    fn good(&self, arguments: &[&str]) -> (String, String) {
        let output = self.output(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {said}");
        (String::from_utf8(output.stdout).unwrap().trim_end().to_owned(), said)
    }

    fn publish(&self, now: u64, more: &[&str]) -> String {
        self.good(&[&PUBLISH, more, &["--now", &now.to_string()]].concat()).1
    }

    /// Runs a command that must be refused in these words, and change nothing.
    fn refused(&self, arguments: &[&str], words: &[&str]) {
        let before = self.files();
        let output = self.output(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        for word in words {
            assert!(said.contains(word), "{arguments:?}: expected {word}, found {said}");
        }
        assert_eq!(self.files(), before, "{arguments:?}");
    }

    fn files(&self) -> Vec<Option<Vec<u8>>> {
        let names = ["keys/keys.json", "public/jwks.json", "public/bundle.jwt"];
        names.iter().map(|name| fs::read(self.0.join(name)).ok()).collect()
    }

    fn json(&self, file: &str) -> Value {
        serde_json::from_slice(&fs::read(self.0.join(file)).unwrap()).unwrap()
    }

    fn root(&self) -> String {
        self.json("keys/roots.json")["keys"][0]["kid"].as_str().unwrap().into()
    }

    fn rules(&self) -> Vec<Value> {
        self.json("keys/keys.json")["rules"].as_array().unwrap().clone()
    }

    /// Puts rules where only the command itself writes, for what it would take too long to write or refuses to.
    fn keep(&self, rules: Vec<Value>) {
        let mut state = self.json("keys/keys.json");
        state["rules"] = rules.into();
        fs::write(self.0.join("keys/keys.json"), state.to_string()).unwrap();
    }

    fn number(&self) -> u64 {
        self.json("keys/keys.json")["sequence"].as_u64().unwrap()
    }

    fn verifier(&self, roots: &Value) -> Verifier {
        let bundle = fs::read_to_string(self.0.join("public/bundle.jwt")).unwrap();
        let config = json!({ "version": 1, "providers": [{ "name": "main", "issuer": "i", "audiences": ["a"],
            "keys": { "bundle": { "roots": roots, "inline": bundle } } }] });
        Verifier::from_json(config.to_string().as_bytes()).unwrap()
    }

    /// The verdict with the published bundle.
    fn verdict(&self, token: &str, now: u64) -> &'static str {
        let verifier = self.verifier(&self.json("keys/roots.json"));
        let outcome = verifier.verify(token.as_bytes(), UnixTime::from_secs(now).unwrap());
        outcome.map_or_else(|refusal| refusal.code(), |_| "ok")
    }

    fn issue(&self, now: u64, claims: &Value) -> String {
        let mut all = json!({ "iss": "i", "aud": "a", "iat": now, "exp": now + 3_600 });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        fs::write(self.0.join("claims.json"), all.to_string()).unwrap();
        self.good(&["issue", "--key", "keys", "--claims", "claims.json", "--now", &now.to_string()]).0
    }
}

#[test]
fn a_bundle_that_no_verifier_takes_replaces_nothing() {
    let directory = published("no-verifier");
    let root = directory.root();
    fs::copy(directory.0.join("keys/root.jwk"), directory.0.join("keys/named.jwk")).unwrap();
    let mut named = directory.json("keys/named.jwk");
    named["kid"] = json!("k1");
    fs::write(directory.0.join("keys/named.jwk"), named.to_string()).unwrap();
    let token_key = directory.json("keys/keys.json")["keys"][0]["jwk"].clone();
    let mut shared = token_key;
    shared["kid"] = json!("other");
    fs::copy(directory.0.join("keys/root.jwk"), directory.0.join("keys/shared.jwk")).unwrap();
    fs::write(directory.0.join("keys/shared.jwk"), shared.to_string()).unwrap();
    let eight: Vec<String> = (0..8).flat_map(|number| ["--next-root".into(), format!("r{number}")]).collect();
    let eight: Vec<&str> = eight.iter().map(String::as_str).collect();
    let long = "x".repeat(257);
    for (arguments, words) in [
        (&["--valid-for", "60d"][..], &["--valid-for", "31 days"][..]),
        (&["--valid-for", "992930000d"], &["--valid-for"]),
        (&["--ttl", "2d"], &["--ttl", "86400"]),
        (&eight, &["--next-root", "8 roots"]),
        (&["--next-root", ""], &["--next-root", "1 to 256 bytes"]),
        (&["--next-root", &long], &["--next-root", "1 to 256 bytes"]),
        (&["--next-root", "k1"], &["--next-root", "token key"]),
        (&["--next-root", &root], &["--next-root", "other roots"]),
        (&["--next-root", "r", "--next-root", "r"], &["--next-root", "once"]),
        (&["--issuer", ""], &["--issuer"]),
        (&["--root", "keys/named.jwk"], &["--root", "token key"]),
        (&["--root", "keys/shared.jwk"], &["--root", "no root key"]),
        (&["--now", "253402300800"], &["the time"]),
        (&["--now", "253402300799"], &["--valid-for"]),
    ] {
        let publish: Vec<&str> =
            if arguments.contains(&"--issuer") { vec!["publish", "keys", "--out", "public"] } else { PUBLISH.to_vec() };
        let now = ["--now".to_owned(), NOW.to_string()];
        let now: Vec<&str> =
            if arguments.contains(&"--now") { Vec::new() } else { now.iter().map(String::as_str).collect() };
        directory.refused(&[&publish, arguments, &now].concat(), words);
    }
    // Nothing was used up, and at the bounds it works.
    directory.publish(NOW, &[&["--valid-for", "31d", "--ttl", "1d"], &eight[..14]].concat());
    assert_eq!(directory.number(), 2);
    assert_eq!(directory.verdict(&directory.issue(NOW, &json!({})), NOW), "ok");
}

#[test]
fn a_rule_that_no_verifier_takes_is_not_kept() {
    let directory = published("no-rule");
    let root = directory.root();
    let nine: Vec<String> = (0..9).flat_map(|number| ["--claim".into(), format!("c{number}=x")]).collect();
    let nine: Vec<&str> = nine.iter().map(String::as_str).collect();
    let long = "x".repeat(257);
    for (arguments, words) in [
        (&nine[..], &["--claim", "1 to 8 claims"][..]),
        (&["--kid", &root], &["--kid", "root"]),
        (&["--kid", ""], &["--kid", "1 to 256 bytes"]),
        (&["--kid", &long], &["--kid", "1 to 256 bytes"]),
        (&["--kid", "k2"], &["--kid", "`status`"]),
        (&["--jti", "a", "--from", "253402300800"], &["--from", "253402300799"]),
        (&["--jti", "a", "--issued-before", "253402300800"], &["--issued-before", "253402300799"]),
        (&["--claim", "n:=-0"], &["--claim", "integer"]),
        (&["--claim", "n:= -0 "], &["--claim", "integer"]),
        (&["--claim", "n:=1.5"], &["--claim", "integer"]),
        (&["--claim", "n:=18446744073709551616"], &["--claim", "integer"]),
        (&["--claim", "n:=null"], &["--claim", "integer"]),
    ] {
        directory.refused(&[&["revoke", "keys"], arguments].concat(), words);
    }
    // At the bounds it works.
    for arguments in [
        &nine[..16],
        &["--jti", "a", "--from", "253402300799"],
        &["--jti", "a", "--issued-before", "253402300799"],
        &["--claim", "n:=-1"],
        &["--claim", "n:=18446744073709551615"],
        &["--jti", ""],
        &["--kid", "k1", "--from", "253402300799"],
    ] {
        directory.good(&[&["revoke", "keys"], arguments].concat());
        directory.publish(NOW, &[]);
    }
}

#[test]
fn a_claim_that_is_named_twice_is_an_error() {
    let directory = published("twice");
    for arguments in [
        &["--claim", "a=1", "--claim", "a=2"][..],
        &["--claim", "a=1", "--claim", "a=1"],
        &["--claim", "a=1", "--claim", "a:=1"],
        &["--claim", "jti=a", "--jti", "b"],
        &["--claim", "sub=a", "--sub", "a"],
        &["--claim", "/jti=a", "--jti", "b"],
        &["--claim", "/a~1b=x", "--claim", "a/b=y"],
        &["--claim", "/realm/a~b=x", "--claim", "/realm/a~0b=y"],
    ] {
        directory.refused(&[&["revoke", "keys"], arguments].concat(), &["--", "is named twice"]);
    }
    // Other claims of similar names are others.
    directory.good(&["revoke", "keys", "--claim", "/a/b=x", "--claim", "a/b=y", "--claim", "/a=z"]);
    assert_eq!(directory.rules()[0]["match"], json!({ "/a/b": "x", "a/b": "y", "a": "z" }));
    let token = directory.issue(NOW, &json!({ "a/b": "y", "a": "z" }));
    directory.publish(NOW, &[]);
    assert_eq!(directory.verdict(&token, NOW), "ok");
}

#[test]
fn a_rule_kept_before_rules_were_read_is_named_with_its_way_out() {
    let directory = published("before");
    let root = directory.root();
    let good = json!({ "match": { "jti": "a" } });
    for bad in
        [json!({ "match": { "n": 1.5 } }), json!({ "match": {} }), json!({ "match": { "jti": "b" }, "until": 1 })]
    {
        directory.keep(vec![good.clone(), bad.clone()]);
        for arguments in [&PUBLISH[..], &["revoke", "keys", "--jti", "b"], &["rotate", "keys"]] {
            directory.refused(arguments, &["no verifier takes the rule", "unrevoke DIR --id"]);
        }
        let said = String::from_utf8(directory.output(&PUBLISH).stderr).unwrap();
        let id = said.split("--id ").nth(1).unwrap().split('`').next().unwrap();
        directory.good(&["unrevoke", "keys", "--id", id]);
        directory.publish(NOW, &[]);
        assert_eq!(directory.rules(), vec![good.clone()]);
    }
    directory.keep(vec![good, json!({ "header": { "kid": root } })]);
    directory.refused(&PUBLISH, &["--root", "unrevoke"]);
    directory.good(&["unrevoke", "keys", "--kid", &root]);
    directory.publish(NOW, &[]);
}

#[test]
fn unrevoke_takes_back_one_rule_and_no_other() {
    let directory = published("unrevoke");
    let token = directory.issue(NOW, &json!({ "jti": "j1", "sub": "alice" }));
    let rules = [
        &["--jti", "j1"][..],
        &["--jti", "j1", "--from", "1790000100"],
        &["--jti", "j1", "--issued-before", "1790000100"],
        &["--claim", "/sub=alice", "--claim", "level:=7"],
        &["--kid", "k1"],
    ];
    for rule in rules {
        directory.good(&[&["revoke", "keys"], rule].concat());
    }
    directory.publish(NOW, &[]);
    assert_eq!(directory.verdict(&token, NOW), "revoked");
    for absent in [&["--jti", "j2"][..], &["--jti", "j1", "--from", "1790000101"], &["--sub", "alice"], &["--id", "x"]]
    {
        directory.refused(&[&["unrevoke", "keys"], absent].concat(), &["no such rule", "`status`"]);
    }
    for wrong in [&[][..], &["--id", "x", "--jti", "j1"], &["--id", "x", "--from", "1"], &["--from", "1790000100"]] {
        directory.refused(&[&["unrevoke", "keys"], wrong].concat(), &["--id"]);
    }
    // By the arguments of `revoke`, in another spelling too.
    let left = directory.rules();
    let (_, said) = directory.good(&["unrevoke", "keys", "--claim", "level:=7", "--sub", "alice"]);
    assert!(
        said.contains("removed: {\"match\":{\"level\":7,\"sub\":\"alice\"}}") && said.contains("publish"),
        "{said}"
    );
    assert_eq!(directory.rules(), [&left[..3], &left[4..]].concat());
    directory.good(&["unrevoke", "keys", "--kid", "k1"]);
    directory.good(&["unrevoke", "keys", "--jti", "j1"]);
    assert_eq!(directory.rules(), left[1..3]);
    // By its id, which does not change when others go.
    let line = |index: usize| -> Value {
        let status = directory.good(&["status", "keys"]).0;
        serde_json::from_str(status.lines().filter(|line| line.contains("\"rule\"")).nth(index).unwrap()).unwrap()
    };
    let id = line(1)["id"].as_str().unwrap().to_owned();
    directory.good(&["unrevoke", "keys", "--jti", "j1", "--from", "1790000100"]);
    assert_eq!(line(0)["id"], json!(id));
    // Not before the next publication.
    directory.publish(NOW, &[]);
    assert_eq!(directory.verdict(&token, NOW), "revoked");
    directory.good(&["unrevoke", "keys", "--id", &id]);
    assert_eq!(directory.verdict(&token, NOW), "revoked");
    directory.publish(NOW, &[]);
    assert_eq!(directory.verdict(&token, NOW), "ok");
}

/// One of 64 thumbprints and random ids does.
#[test]
fn ids_that_begin_with_a_hyphen_are_ids() {
    let directory = Directory::new("hyphen");
    directory.good(&["keygen", "--out", "keys", "--kid", "-k1"]);
    directory.good(&["rotate", "keys", "--kid", "-k2"]);
    for rule in [["--kid", "-k1"], ["--jti", "-j"], ["--kid", "-k2"]] {
        directory.good(&[&["revoke", "keys"][..], &rule].concat());
    }
    directory.publish(NOW, &["--next-root", "-r"]);
    for rule in [["--kid", "-k1"], ["--jti", "-j"]] {
        directory.good(&[&["unrevoke", "keys"][..], &rule].concat());
    }
    assert_eq!(directory.rules(), [json!({ "header": { "kid": "-k2" } })]);
}

#[test]
fn rules_that_nothing_can_match_any_more_are_pruned() {
    let directory = published("prune");
    let rotate = ["rotate", "keys", "--lead", "0s", "--security-period", "1h", "--end-tokens-early", "--now"];
    let old = directory.issue(NOW, &json!({ "workspace": "w" }));
    for rule in [
        &["--kid", "k1"][..],
        &["--kid", "k1", "--claim", "workspace=w"],
        &["--claim", "workspace=w", "--issued-before", "1790000001"],
        &["--jti", "j1"],
        &["--jti", "j1", "--from", "1790000001"],
    ] {
        directory.good(&[&["revoke", "keys"], rule].concat());
    }
    let all = directory.rules();
    directory.good(&[&rotate[..], &[&NOW.to_string(), "--kid", "k2"]].concat());
    // Ended, but still in the bundle: a clock that is behind would take it.
    let said = directory.publish(NOW + 7_200, &[]);
    assert!(!said.contains("gone"), "{said}");
    directory.good(&[&rotate[..], &[&(NOW + 7_200).to_string(), "--kid", "k3"]].concat());
    let said = directory.publish(NOW + 7_200, &[]);
    assert!(
        said.contains("2 rules that nothing can match any more are gone: 2 on keys that have left, 0 on"),
        "{said}"
    );
    assert_eq!(directory.rules(), all[2..]);
    assert_eq!(directory.verdict(&old, NOW + 7_200), "unknown_key");
    // Without `iat` a token counts as the oldest, so a rule on claims can match for ever, whatever key has signed.
    let undated = directory.issue(NOW + 7_200, &json!({ "workspace": "w", "iat": null }));
    assert_eq!(directory.verdict(&undated, NOW + 7_200), "claim_invalid");
    fs::write(directory.0.join("claims.json"), format!(r#"{{"iss":"i","aud":"a","exp":{},"workspace":"w"}}"#, NOW * 2))
        .unwrap();
    let undated = directory.good(&["issue", "--key", "keys", "--claims", "claims.json", "--now", "1790007200"]).0;
    directory.publish(NOW + 100 * 86_400, &[]);
    assert_eq!(directory.verdict(&undated, NOW + 100 * 86_400), "revoked");
    // Unless every verifier has `max_lifetime`, which needs `iat`: 7 d, and 600 s for the clocks.
    let over = NOW + 1 + 7 * 86_400 + 600;
    let said = directory.publish(over - 1, &["--max-lifetime", "7d"]);
    assert!(!said.contains("gone"), "{said}");
    let said = directory.publish(over, &["--max-lifetime", "7d"]);
    assert!(
        said.contains("1 rules that nothing can match any more are gone: 0 on keys that have left, 1 on"),
        "{said}"
    );
    assert_eq!(directory.rules(), all[3..]);
    // A key of that name is another key.
    directory.good(&["revoke", "keys", "--kid", "k3"]);
    directory.good(&[&rotate[..], &[&over.to_string(), "--kid", "k4"]].concat());
    directory.good(&[&rotate[..], &[&(over + 7_200).to_string(), "--kid", "k5"]].concat());
    directory.refused(&[&rotate[..], &[&(over + 7_200).to_string(), "--kid", "k3"]].concat(), &["--kid", "revokes"]);
}

#[test]
fn honest_use_of_more_than_16_sets_of_claim_names_works() {
    let directory = published("sets");
    let names = ["jti", "sub", "workspace", "level", "tenant", "device"];
    let claims = json!({ "jti": "v", "sub": "v", "workspace": "v", "level": "v", "tenant": "v", "device": "v" });
    let token = directory.issue(NOW, &claims);
    for set in 1..64_u32 {
        let chosen: Vec<&str> =
            names.iter().enumerate().filter(|(bit, _)| set >> bit & 1 == 1).map(|(_, name)| *name).collect();
        let claims: Vec<String> = chosen
            .iter()
            .enumerate()
            .map(|(index, name)| format!("{name}={}", if index + 1 == chosen.len() { "other" } else { "v" }))
            .collect();
        let arguments: Vec<&str> = claims.iter().flat_map(|claim| ["--claim", claim]).collect();
        directory.good(&[&["revoke", "keys"], &arguments[..]].concat());
    }
    directory.publish(NOW, &[]);
    assert_eq!(directory.verdict(&token, NOW), "ok");
    directory
        .good(&["revoke", "keys", "--claim", "jti=v", "--claim", "level=v", "--claim", "device=v", "--claim", "z=v"]);
    directory.publish(NOW, &[]);
    assert_eq!(directory.verdict(&token, NOW), "ok");
    directory.good(&["revoke", "keys", "--claim", "jti=v", "--claim", "level=v", "--claim", "device=v"]);
    directory.publish(NOW, &[]);
    assert_eq!(directory.verdict(&token, NOW), "revoked");
}

#[test]
fn the_bounds_of_a_set_of_rules_are_said_when_a_rule_is_added() {
    let directory = published("bounds");
    directory.keep((0..256).map(|number| json!({ "match": { format!("c{number}"): "v" } })).collect());
    directory.refused(&["revoke", "keys", "--claim", "c256=v"], &["256 different names"]);
    directory.good(&["revoke", "keys", "--claim", "c255=w"]);
    directory.publish(NOW, &[]);
    directory.keep((0..100_000).map(|number| json!({ "match": { "j": number } })).collect());
    directory.refused(&["revoke", "keys", "--jti", "a"], &["100000 rules"]);
    // Longer than a verifier takes that is told nothing.
    let said = directory.publish(NOW, &[]);
    assert!(said.contains("warning: the bundle has ") && said.contains("`max_bytes`"), "{said}");
    directory.keep((0..80_000).map(|number| json!({ "match": { "j": format!("{number:0>160}") } })).collect());
    directory.refused(&PUBLISH, &["the bundle", "16777216 bytes"]);
}

#[test]
fn a_replacement_that_would_be_refused_leaves_the_old_token_alone() {
    let directory = published("replacement");
    let replace =
        ["replace", "--key", "keys", "--issuer", "i", "--audience", "a", "--grace", "now", "--now", "1790000000"];
    for (arguments, words) in [
        (&["--workspace", ""][..], &["--workspace"][..]),
        (&["--workspace", "w", "--ttl", "2930000d"], &["claim_invalid"]),
        (&["--workspace", "w", "--not-before", "1790086400"], &["expired"]),
        (&["--workspace", "w", "--subject", "a\u{7}"], &["--subject"]),
        (&["--workspace", "w", "--jti", "a\u{7}"], &["claim_invalid"]),
        (&["--workspace", "w", "--typ", "keybundle+jwt"], &["--typ"]),
    ] {
        directory.refused(&[&replace, arguments].concat(), words);
    }
    let mut other = replace;
    other[4] = "";
    directory.refused(&[&other[..], &["--workspace", "w"]].concat(), &["--issuer"]);
    let mut grace = replace;
    grace[8] = "2930000d";
    directory.refused(&[&grace[..], &["--workspace", "w"]].concat(), &["--grace", "seconds since 1970"]);
    directory.good(&["revoke", "keys", "--claim", "workspace=w"]);
    directory.refused(&[&replace[..], &["--workspace", "w"]].concat(), &["revoked"]);
    directory.good(&["unrevoke", "keys", "--claim", "workspace=w"]);
    let new = directory.good(&[&replace[..], &["--workspace", "w"]].concat()).0;
    directory.publish(NOW, &[]);
    assert_eq!(directory.verdict(&new, NOW), "ok");
}

#[test]
fn a_key_that_no_verifier_takes_is_not_kept() {
    let directory = published("no-key");
    let root = directory.root();
    for (arguments, words) in [
        (&["--security-period", "2930000d"][..], &["/exp", "seconds since 1970"][..]),
        (&["--kid", &root], &["--kid", "no root"]),
        (&["--kid", "k1"], &["--kid", "no other key"]),
        (&["--kid", ""], &["--kid", "1 to 256 bytes"]),
    ] {
        directory.refused(&[&["rotate", "keys"], arguments].concat(), words);
    }
}

#[test]
fn tokens_that_nobody_takes_are_said_when_publishing() {
    let directory = published("warnings");
    assert!(!directory.publish(NOW, &[]).contains("warning"));
    directory.good(&["revoke", "keys", "--kid", "k1"]);
    let said = directory.publish(NOW, &[]);
    assert!(said.contains("warning: verifiers refuse every token that is signed now: revoked"), "{said}");
    directory.good(&["rotate", "keys", "--lead", "0s", "--now", "1790000000"]);
    assert!(!directory.publish(NOW, &[]).contains("warning"));
}

#[test]
fn an_old_copy_of_the_keys_uses_no_number_again() {
    let directory = published("copy");
    let copy = fs::read(directory.0.join("keys/keys.json")).unwrap();
    directory.publish(NOW, &[]);
    directory.publish(NOW, &[]);
    assert_eq!(directory.number(), 3);
    fs::write(directory.0.join("keys/keys.json"), copy).unwrap();
    let said = directory.publish(NOW, &[]);
    assert!(said.contains("warning: public/bundle.jwt has number 3, keys.json knows of 1 only"), "{said}");
    assert_eq!(directory.number(), 4);
}

#[test]
fn bundles_that_running_verifiers_would_refuse_are_said() {
    let directory = published("running");
    // A slip of the issuer, which is that of the file unless the file goes.
    let other = ["publish", "keys", "--issuer", "j", "--out", "public", "--now", "1790000000"];
    directory.refused(&other, &["--issuer", "public/bundle.jwt"]);
    // A root that the bundle before has not named, and one that it has.
    directory.good(&["keygen", "--out", "next"]);
    let next = directory.json("next/roots.json")["keys"][0]["kid"].as_str().unwrap().to_owned();
    let by_next = ["--root", "next/root.jwk"];
    let said = directory.publish(NOW, &by_next);
    assert!(said.contains("warning: verifiers that have the bundle before this one refuse this one"), "{said}");
    fs::remove_file(directory.0.join("public/bundle.jwt")).unwrap();
    directory.publish(NOW, &["--next-root", &next]);
    let said = directory.publish(NOW, &by_next);
    assert!(!said.contains("warning"), "{said}");
    fs::write(directory.0.join("public/bundle.jwt"), "not a bundle").unwrap();
    let said = directory.publish(NOW, &[]);
    assert!(said.contains("warning: public/bundle.jwt, which this replaces, is none of this root's"), "{said}");
}

#[test]
fn commands_at_once_keep_every_rule_and_use_every_number_once() {
    let directory = published("at-once");
    let spawn = |number: usize| {
        let (name, out) = (format!("n{number}"), format!("public-{number}"));
        let arguments = match number % 7 {
            0 => vec!["rotate", "keys", "--kid", &name],
            1..4 => vec!["revoke", "keys", "--jti", &name],
            _ => vec!["publish", "keys", "--issuer", "i", "--out", &out],
        };
        directory.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let children: Vec<_> = (0..70).map(spawn).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let state = directory.json("keys/keys.json");
    let count = |name: &str| state[name].as_array().unwrap().len();
    assert_eq!((count("rules"), count("keys"), directory.number()), (30, 11, 31));
    let mut numbers: Vec<u64> = Vec::new();
    for number in (0..70).filter(|number| number % 7 > 3) {
        let bundle = fs::read_to_string(directory.0.join(format!("public-{number}/bundle.jwt"))).unwrap();
        numbers.push(sequence(&bundle));
    }
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(2..=31));
}

#[test]
fn a_kill_while_publishing_leaves_a_whole_bundle_and_no_number_falls() {
    use std::collections::BTreeMap;

    let directory = published("kill-publish");
    let roots = directory.json("keys/roots.json");
    let mut seen: BTreeMap<u64, String> = BTreeMap::new();
    let start = Instant::now();
    directory.publish(NOW, &[]);
    // From before its first line to after its last, however slow the machine is.
    let whole = u64::try_from(start.elapsed().as_micros()).unwrap() * 3 / 2;
    let (mut killed, mut last, mut delay) = (0, 2, 0);
    for run in 0..150_u64 {
        let mut child = directory.command(&PUBLISH).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        delay = (delay + whole * 5 / 13) % whole;
        thread::sleep(Duration::from_micros(delay));
        killed += u64::from(child.try_wait().unwrap().is_none());
        let _ = child.kill();
        let _ = child.wait();
        let bundle = fs::read_to_string(directory.0.join("public/bundle.jwt")).unwrap();
        directory.verifier(&roots);
        let number = sequence(&bundle);
        assert!(directory.number() >= number && directory.number() >= last, "run {run}");
        last = directory.number();
        // One number, one document.
        assert_eq!(*seen.entry(number).or_insert_with(|| bundle.clone()), bundle, "run {run}");
        let set = directory.json("public/jwks.json");
        assert_eq!(set["keys"][0]["kid"], "k1");
    }
    println!("150 runs, {killed} killed under way, {} bundles, last number {last}", seen.len());
    assert!(killed > 15 && seen.len() > 15, "{killed} killed, {} bundles", seen.len());
}

fn sequence(bundle: &str) -> u64 {
    use base64ct::{Base64UrlUnpadded, Encoding};

    let payload = Base64UrlUnpadded::decode_vec(bundle.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&payload).unwrap()["seq"].as_u64().unwrap()
}
