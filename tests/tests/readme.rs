//! The README's code, run as it stands there, and its map of the code.

use std::{
    collections::BTreeSet,
    env, fs,
    path::Path,
    process::{Command, Output},
    sync::LazyLock,
    time::{SystemTime, UNIX_EPOCH},
};

use datakit_token::{Decision, Request, UnixTime, Verifier};
use datakit_token_tests::{checkout::root, client, envoy, mint, upstream};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// The fenced blocks in this language.
fn blocks(language: &str) -> Vec<String> {
    let readme = readme();
    let mut parts = readme.split("```");
    let mut found = Vec::new();
    parts.next();
    while let (Some(block), _) = (parts.next(), parts.next()) {
        let (name, code) = block.split_once('\n').unwrap();
        if name == language {
            found.push(code.to_owned());
        }
    }
    assert!(!found.is_empty(), "the README has no {language}");
    found
}

/// The key that stands in for what the documents have in its place.
fn key() -> &'static SigningKey {
    static KEY: LazyLock<SigningKey> = LazyLock::new(mint::fresh_key);
    &KEY
}

/// The same text with a key that can be loaded; what stands in the document cannot.
fn with_key(text: &str) -> String {
    text.replace("YOUR PUBLIC KEY", &mint::encode(key().verifying_key().as_bytes()))
}

fn token(permission: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({ "iss": "https://id.example.com", "aud": "https://openway.example.com", "exp": now + 600,
        "sub": "acnt_7f3a", "permissions": [permission] });
    mint::sign(key(), br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, claims.to_string().as_bytes())
}

fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn the_javascript_runs() {
    let package = env::var("DATAKIT_TOKEN_PACKAGE").expect("run `cargo xtask test`");
    let code = blocks("js").concat();
    let as_it_stands =
        output(Command::new("node").args(["--input-type=module", "--eval", &code]).current_dir(&package));
    assert!(as_it_stands.2.contains("/keys/keys/0/x: expected 43 characters"), "{as_it_stands:?}");
    let packaged = fs::read_to_string(Path::new(&package).join("node_modules/datakit-token/README.md")).unwrap();
    assert!(packaged.contains(&code), "the package shows other code");
    let ask = |token: &str| {
        let code = format!("const token = {}\n{}", json!(token), with_key(&code));
        output(Command::new("node").args(["--input-type=module", "--eval", &code]).current_dir(&package))
    };
    assert_eq!(ask(&token("ingest.logging")), (Some(0), "acnt_7f3a\n".into(), String::new()));
    assert_eq!(ask(&token("ingest.metric")), (Some(0), "permission_denied\n".into(), String::new()));
    assert_eq!(ask("x"), (Some(0), "malformed\n".into(), String::new()));
}

#[test]
fn the_configurations_in_the_documents_compile() {
    let mut compiled = 0;
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for block in text.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("json\n")) {
            if block.contains("\"version\"") {
                let environment = |_: &str| Some("tkn_0123456789abcdef".into());
                assert!(Verifier::from_json_with(block.as_bytes(), &environment).is_err() || !block.contains("\"x\""));
                let verifier = Verifier::from_json_with(with_key(block).as_bytes(), &environment);
                let verifier = verifier.unwrap_or_else(|error| panic!("{}: {error}\n{block}", path.display()));
                assert!(verifier.warnings().is_empty(), "{}: {:?}", path.display(), verifier.warnings());
                compiled += 1;
            }
        }
    }
    assert!(compiled >= 4, "{compiled}");
}

#[test]
fn the_examples_of_matching_give_what_the_document_says() {
    let text = fs::read_to_string(root().join("docs/authorisation.md")).unwrap();
    let (_, section) = text.split_once("## Matching with the user's information").unwrap();
    let config = section.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let verifier = Verifier::from_json(with_key(config).as_bytes()).unwrap();
    let now = UnixTime::from_secs(1_790_000_000).unwrap();
    let mut answers = BTreeSet::new();
    let mut rows = 0;
    for row in section.lines().filter(|line| line.starts_with("| `{")) {
        let [claims, request, answer] = row.trim_matches('|').split(" | ").collect::<Vec<_>>().try_into().unwrap();
        let mut claims: Value = serde_json::from_str(claims.trim().trim_matches('`')).unwrap();
        claims["iss"] = json!("https://id.example.com");
        claims["aud"] = json!("api");
        claims["exp"] = json!(1_790_000_600);
        let token = mint::sign(key(), br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, claims.to_string().as_bytes());
        let mut parts = request.split('`').skip(1).step_by(2);
        let path = parts.next().unwrap();
        let bearer = format!("Bearer {token}");
        let mut headers = vec![(&b"authorization"[..], bearer.as_bytes())];
        let given: Vec<_> = parts
            .map(|part| part.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_lowercase(), value))
            .collect();
        headers.extend(given.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let found = match verifier.decide(&Request::new(b"POST", path.as_bytes(), headers), now) {
            Decision::Allow(_) => "passes".to_owned(),
            Decision::Deny(denial) => format!("`{}`", denial.reason().code()),
            Decision::Observe(..) => unreachable!(),
        };
        assert_eq!(found, answer.trim(), "{row}");
        answers.insert(found);
        rows += 1;
    }
    assert!(rows >= 13 && answers.len() == 4, "{rows} {answers:?}");
}

#[test]
fn the_filter_of_the_first_screen_loads_in_envoy() {
    let filter = envoy::filter().unwrap();
    let block = with_key(&blocks("yaml").concat())
        .replace("filename: datakit_token.wasm", &format!("filename: {}", filter.display()));
    let block: String = block.lines().map(|line| format!("            {line}\n")).collect();
    let upstream = upstream::start().unwrap();
    let envoy = envoy::Envoy::launch(|_| {
        format!(
            "admin: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }} }}
static_resources:
  listeners:
  - name: listener-0
    address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ingress
          route_config:
            virtual_hosts:
            - {{ name: all, domains: [\"*\"], routes: [{{ match: {{ prefix: / }}, route: {{ cluster: upstream }} }}] }}
          http_filters:
{block}
            - name: envoy.filters.http.router
              typed_config: {{ \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }}
  clusters:
  - name: upstream
    load_assignment:
      cluster_name: upstream
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {} }} }} }}
",
            upstream.port()
        )
    })
    .unwrap();
    for (token, status) in [(token("ingest.logging"), 200), (token("ingest.metric"), 403), ("x".into(), 401)] {
        let header = (b"authorization".to_vec(), format!("Bearer {token}").into_bytes());
        assert_eq!(client::send(envoy.listener(0), b"POST", b"/v1/write/logging", &[header]).unwrap().status, status);
    }
}

#[test]
fn the_commands_run() {
    let dist = env::var("DATAKIT_TOKEN_DIST").expect("run `cargo xtask test`");
    let directory = env::temp_dir().join(format!("datakit-token-readme-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let path = format!("{dist}:{}", env::var("PATH").unwrap());
    let commands: Vec<_> = blocks("sh").concat().replace("\\\n", "").lines().map(str::to_owned).collect();
    let commands = commands.iter().filter(|line| line.starts_with("datakit-token "));
    let mut ran = 0;
    for command in commands {
        if directory.join("keys/jwks.json").exists() && !directory.join("config.json").exists() {
            let keys: Value = serde_json::from_slice(&fs::read(directory.join("keys/jwks.json")).unwrap()).unwrap();
            let config = json!({
                "version": 1,
                "providers": [{ "name": "main", "issuer": "https://id.example.com",
                    "audiences": ["https://openway.example.com"], "keys": { "inline": keys } }],
                "rules": [{ "match": { "path": { "prefix": "/v1" } }, "require": { "permission": "ingest.logging" } }],
            });
            fs::write(directory.join("config.json"), config.to_string()).unwrap();
        }
        if let Ok(token) = fs::read_to_string(directory.join("token")) {
            let bearer = format!("Bearer {}", token.trim_end());
            let request =
                json!({ "method": "POST", "path": "/v1/write/logging", "headers": [["authorization", bearer]] });
            fs::write(directory.join("request.json"), request.to_string()).unwrap();
        }
        let (code, stdout, stderr) =
            output(Command::new("sh").args(["-c", command]).current_dir(&directory).env("PATH", &path));
        assert_eq!(code, Some(0), "{command}\n{stdout}{stderr}");
        ran += 1;
    }
    fs::remove_dir_all(&directory).unwrap();
    assert_eq!(ran, 10);
}

#[test]
fn the_map_names_what_is_there_and_all_of_it() {
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let name = format!("crates/{}", entry.unwrap().file_name().to_str().unwrap());
        assert!(architecture.contains(&name), "the map does not show {name}");
    }
    for word in architecture.split('`').filter(|word| word.contains('/') && !word.contains(['\n', ' '])) {
        // Some are named within the core.
        let places = [root().join(word), root().join("crates/token/src").join(word)];
        assert!(places.iter().any(|place| place.exists()), "the map names {word}, which is not there");
    }
    let core = root().join("crates/token/src");
    for word in architecture.split(|character: char| !character.is_ascii_alphanumeric() && !"_./".contains(character)) {
        if word.ends_with(".rs") && !word.starts_with("tests/") && !word.starts_with("crates/") {
            assert!(core.join(word).exists(), "the map names {word}, which is not there");
        }
    }
}

#[test]
fn contributing_names_what_is_there() {
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let mut named = 0;
    for word in text.split('`').filter(|word| word.contains('/') && !word.contains(['*', ' ', '\n'])) {
        // Some are named within the core.
        let places = [root().join(word), root().join("crates/token/src").join(word)];
        assert!(places.iter().any(|place| place.exists()), "CONTRIBUTING.md names {word}, which is not there");
        named += 1;
    }
    assert!(named > 25, "{named}");
}
