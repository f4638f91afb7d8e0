//! The demonstration: the same tokens before real Envoy and the npm package. Run by `cargo xtask demo`.

#![expect(clippy::indexing_slicing, reason = "a missing member of a JSON value is null")]

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    thread,
    time::{Duration, SystemTime},
};

use datakit_token_tests::{client, envoy::Envoy, upstream};
use serde_json::{Value, json};

const PATH: &str = "/v1/write/logging";

/// Asks the installed package; reads `{config, requests}` from standard input.
const ASK: &str = "
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
const { createVerifier } = createRequire(process.cwd() + '/')('datakit-token')
const { config, requests } = JSON.parse(readFileSync(0, 'utf8'))
const verifier = createVerifier(config)
const verdict = (d) => d.verdict === 'allow' ? { reason: 'ok', path: d.upstream.path } : { reason: d.reason }
console.log(JSON.stringify(requests.map((request) => verdict(verifier.decideSync(request)))))
";

struct Case {
    name: &'static str,
    token: String,
    expected: &'static str,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool, Box<dyn Error>> {
    let keep = env::args().any(|argument| argument == "--keep");
    let directory = env::temp_dir().join(format!("datakit-token-demo-{}", std::process::id()));
    let result = demonstrate(&directory, keep);
    fs::remove_dir_all(&directory)?;
    result
}

fn demonstrate(directory: &Path, keep: bool) -> Result<bool, Box<dyn Error>> {
    println!("==> make a key, issue tokens");
    datakit_token(&["keygen", "--out", &directory.display().to_string(), "--kid", "demo"])?;
    let keys: Value = serde_json::from_slice(&fs::read(directory.join("jwks.json"))?)?;
    let config = json!({
        "version": 1,
        "providers": [{ "name": "main", "issuer": "https://id.example.com", "audiences": ["https://openway.example.com"],
            "from": { "headers": [{ "name": "authorization", "scheme": "Bearer" }], "params": ["token"] },
            "keys": { "inline": keys }, "claims_to_headers": [{ "claim": "/sub", "header": "x-user" }] }],
        "rules": [{ "match": { "path": { "prefix": PATH } }, "require": { "permission": "ingest.logging" } }],
    });
    let cases = cases(directory)?;

    println!("==> start Envoy with the filter before a small upstream");
    let envoy = Envoy::start(&[config.to_string()], upstream::start()?)?;
    let request =
        |token: &str| json!({ "method": "POST", "path": format!("{PATH}?token={token}&precision=ms"), "headers": [] });
    let requests: Vec<_> = cases.iter().map(|case| request(&case.token)).collect();
    let asked = ask(&json!({ "config": config, "requests": requests }))?;

    println!("\n{:<22} {:<27} {:<27} what reached the upstream", "token", "Envoy", "npm package");
    let mut good = true;
    for ((case, request), npm) in cases.iter().zip(&requests).zip(&asked) {
        let path = request["path"].as_str().ok_or("no path")?;
        let answer = client::send(envoy.listener(0), b"POST", path.as_bytes(), &[])?;
        let (reason, reached) = if answer.status == 200 {
            let got: Value = serde_json::from_str(&answer.body)?;
            let user = got["headers"].as_array().into_iter().flatten().find(|header| header[0] == "x-user");
            good &= npm["path"] == got["path"] && !answer.body.contains(&case.token);
            (
                "ok".into(),
                format!(
                    "{} x-user: {}",
                    got["path"].as_str().unwrap_or("?"),
                    user.map_or("-", |user| user[1].as_str().unwrap_or("?"))
                ),
            )
        } else {
            (answer.reason().unwrap_or_default(), "nothing".into())
        };
        let npm = npm["reason"].as_str().unwrap_or_default();
        good &= reason == case.expected && npm == case.expected;
        let mark = if reason == npm { "" } else { "   <- DISAGREE" };
        println!("{:<22} {:<27} {npm:<27} {reached}{mark}", case.name, format!("{} {reason}", answer.status));
    }
    println!("\n{}", if good { "Envoy and the npm package agree on every token." } else { "NOT as expected." });
    if keep {
        let token = &cases.first().ok_or("no token")?.token;
        let address = envoy.listener(0);
        println!("\nEnvoy runs until you press Ctrl-C. Try:");
        println!("  curl -i -X POST 'http://{address}{PATH}' -H 'authorization: Bearer {token}'");
        println!("  curl -i -X POST 'http://{address}{PATH}?token={token}&precision=ms'");
        println!("  curl -i -X POST 'http://{address}{PATH}'");
        println!("  curl -s 'http://{}/stats?filter=datakit_token'", envoy.admin());
        loop {
            thread::sleep(Duration::from_secs(3600));
        }
    }
    Ok(good)
}

fn cases(directory: &Path) -> Result<Vec<Case>, Box<dyn Error>> {
    let key = directory.display().to_string();
    let issue = |more: &[&str]| {
        let mut arguments =
            vec!["issue", "--key", &key, "--issuer", "https://id.example.com", "--subject", "acnt_7f3a"];
        arguments.extend(["--workspace", "wksp_5b8d", "--role", "general"]);
        arguments.extend(more);
        datakit_token(&arguments)
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let yesterday = now.saturating_sub(86_400).to_string();
    let audience = ["--audience", "https://openway.example.com"];
    let permission = ["--permission", "ingest.logging"];
    let token = issue(&[audience, permission].concat())?;
    let mut segments = token.split('.');
    let (header, payload, signature) = (segments.next(), segments.next(), segments.next());
    let (Some(_), Some(payload), Some(signature)) = (header, payload, signature) else { return Err("no token".into()) };
    let elsewhere = issue(&[audience, ["--permission", "ingest.metric"]].concat())?;
    let other_payload = elsewhere.split('.').nth(1).ok_or("no token")?;
    let tampered = token.replace(payload, other_payload);
    // {"alg":"none","typ":"at+jwt"}
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{payload}.{signature}");
    let case = |name, token, expected| Case { name, token, expected };
    Ok(vec![
        case("good", token.clone(), "ok"),
        case("expired", issue(&[&audience[..], &permission, &["--now", &yesterday]].concat())?, "expired"),
        case("tampered", tampered, "bad_signature"),
        case(
            "wrong audience",
            issue(&[["--audience", "https://api.example.com"], permission].concat())?,
            "audience_mismatch",
        ),
        case("without permission", elsewhere, "permission_denied"),
        case("unsigned (alg: none)", unsigned, "unsupported_algorithm"),
    ])
}

fn datakit_token(arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let command = PathBuf::from(env::var("DATAKIT_TOKEN_DIST")?).join("datakit-token");
    let output = Command::new(command).args(arguments).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

fn ask(question: &Value) -> Result<Vec<Value>, Box<dyn Error>> {
    let mut node = Command::new("node")
        .args(["--input-type=module", "--eval", ASK])
        .current_dir(env::var("DATAKIT_TOKEN_PACKAGE")?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    serde_json::to_writer(node.stdin.take().ok_or("no standard input")?, question)?;
    let output = node.wait_with_output()?;
    if !output.status.success() {
        return Err("the npm package failed".into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
