//! Every way in which a key server can fail, for key sets and trust bundles, in real Envoy and in Node: never a wrong
//! accept, never more fetches than allowed, and back to normal within one refresh.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant, SystemTime},
};

use datakit_token_tests::{
    client::{self, Answer},
    envoy::Envoy,
    key_server::{Behaviour, KeyServer},
    mint,
    node::Node,
    upstream,
};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example.com";
/// Seconds; every cell refreshes this often.
const REFRESH: u64 = 2;
/// How long a fault lasts.
const FAULT: Duration = Duration::from_secs(5);

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

fn token(key: &str) -> String {
    let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": key }).to_string();
    let claims = json!({ "iss": ISSUER, "aud": "api", "iat": now() - 5, "exp": now() + 600, "permissions": ["p"] });
    mint::sign(&mint::key(key), header.as_bytes(), claims.to_string().as_bytes())
}

fn bearer(token: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    vec![(b"authorization".to_vec(), format!("Bearer {token}").into_bytes())]
}

fn set(keys: &[&str]) -> String {
    json!({ "keys": keys.iter().map(|name| mint::jwk(name)).collect::<Vec<_>>() }).to_string()
}

fn bundle(root: &str, seq: u64, keys: &[&str], change: &Value) -> String {
    let keys: Vec<_> = keys.iter().map(|name| mint::jwk(name)).collect();
    let mut members =
        json!({ "iss": ISSUER, "seq": seq, "iat": now(), "exp": now() + 3_600, "keys": keys, "roots": ["root-1"] });
    for (name, value) in change.as_object().unwrap() {
        members[name] = value.clone();
    }
    mint::bundle(root, &members)
}

/// One fault of one kind of document.
struct Cell {
    name: &'static str,
    bundle: bool,
    /// The fault is there from the start.
    at_start: bool,
    fault: Behaviour,
    /// What tokens of the key that was good before may be answered while the fault lasts.
    answers: &'static [&'static str],
}

impl Cell {
    fn good(&self, seq: u64, key: &str) -> Behaviour {
        if self.bundle {
            Behaviour::Document("application/jwt", bundle("root-1", seq, &[key], &json!({})))
        } else {
            Behaviour::Document("application/json", set(&[key]))
        }
    }

    fn config(&self, server: &KeyServer, path: &str) -> Value {
        let remote = json!({ "url": server.url(path), "cluster": "keys", "timeout": "1s", "cooldown": "1s",
            "refresh": format!("{REFRESH}s"), "stale_for": "10m" });
        let keys = if self.bundle {
            json!({ "bundle": { "roots": { "keys": [mint::jwk("root-1")] }, "remote": remote } })
        } else {
            json!({ "remote": remote })
        };
        json!({ "version": 1, "providers": [{ "name": "main", "issuer": ISSUER, "audiences": ["api"], "keys": keys }],
            "rules": [{ "match": { "path": { "prefix": "/" } }, "require": { "permission": "p" } }] })
    }
}

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for is_bundle in [false, true] {
        // `evil` is what the fault would bring in if somebody fell for it.
        let evil = |seq: u64| if is_bundle { bundle("root-1", seq, &["evil"], &json!({})) } else { set(&["evil"]) };
        let mut add =
            |name, fault, answers| cells.push(Cell { name, bundle: is_bundle, at_start: false, fault, answers });
        add("down later", Behaviour::Down, &["ok"]);
        add("500", Behaviour::Status(500, evil(6)), &["ok"]);
        add("404", Behaviour::Status(404, evil(6)), &["ok"]);
        add("redirect", Behaviour::Redirect("/evil".into()), &["ok"]);
        add("slow", Behaviour::Slow(Duration::from_secs(3), evil(6)), &["ok"]);
        add("truncated", Behaviour::Truncated(evil(6)), &["ok"]);
        add("20 MiB", Behaviour::Huge(20 << 20, evil(6)), &["ok"]);
        add("not JSON", Behaviour::Document("application/json", "<html>no</html>".into()), &["ok"]);
        let wrong_type = if is_bundle { token("evil") } else { evil(0) };
        add("wrong type", Behaviour::Document("text/html", wrong_type), &["ok"]);
        let foreign = r#"{"keys":[{"kty":"RSA","kid":"evil","n":"AQAB","e":"AQAB"}]}"#;
        if is_bundle {
            let document = |text: String| Behaviour::Document("application/jwt", text);
            let with = |change: Value| document(bundle("root-1", 6, &["evil"], &change));
            let foreign: Value = serde_json::from_str(foreign).unwrap();
            add("empty set", with(json!({ "keys": [] })), &["ok"]);
            add("foreign keys only", with(json!({ "keys": foreign["keys"] })), &["ok"]);
            add("lower seq", document(bundle("root-1", 4, &["evil"], &json!({}))), &["ok"]);
            add("same seq, other bytes", document(bundle("root-1", 5, &["evil"], &json!({}))), &["ok"]);
            add("wrong root", document(bundle("evil", 6, &["evil"], &json!({}))), &["ok"]);
            add(
                "root of another kid",
                document(bundle("evil", 6, &["evil"], &json!({ "roots": ["root-1", "evil"] }))),
                &["ok"],
            );
            add("expired", with(json!({ "iat": now() - 20, "exp": now() - 10 })), &["ok"]);
            add("from the future", with(json!({ "iat": now() + 300 })), &["ok"]);
            add("another issuer", with(json!({ "iss": "https://evil.example" })), &["ok"]);
            add("one bad rule", with(json!({ "rules": [{ "match": { "jti": "x" } }, {}] })), &["ok"]);
        } else {
            let document = |text: &str| Behaviour::Document("application/json", text.into());
            add("empty set", document(r#"{"keys":[]}"#), &["ok"]);
            add("foreign keys only", document(foreign), &["ok"]);
            let flip = vec![set(&["k1"]), set(&["k2"])];
            add("flips on each fetch", Behaviour::Flip(flip), &["ok", "unknown_key"]);
        }
        let mut first = |name, fault| {
            cells.push(Cell { name, bundle: is_bundle, at_start: true, fault, answers: &["keys_unavailable"] });
        };
        first("down at start", Behaviour::Down);
        first("500 at start", Behaviour::Status(500, evil(6)));
        first("slow at start", Behaviour::Slow(Duration::from_secs(3), evil(6)));
    }
    cells
}

/// Envoy or Node, asked about the tokens of every cell.
trait Verifier {
    fn name(&self) -> &'static str;
    /// The verdicts on this token in all of these cells.
    fn verdicts(&mut self, cells: &[usize], token: &str) -> Vec<String>;
}

impl Verifier for Envoy {
    fn name(&self) -> &'static str {
        "Envoy"
    }

    fn verdicts(&mut self, cells: &[usize], token: &str) -> Vec<String> {
        let headers = vec![(b"authorization".to_vec(), format!("Bearer {token}").into_bytes())];
        let ask = |cell: usize| {
            let answer = client::send(self.listener(cell), b"GET", b"/", &headers).unwrap();
            if answer.status == 200 {
                "ok".into()
            } else {
                answer.reason().unwrap_or_else(|| answer.status.to_string())
            }
        };
        thread::scope(|scope| {
            let asked: Vec<_> = cells.iter().map(|cell| scope.spawn(|| ask(*cell))).collect();
            asked.into_iter().map(|one| one.join().unwrap()).collect()
        })
    }
}

impl Verifier for Node {
    fn name(&self) -> &'static str {
        "Node"
    }

    fn verdicts(&mut self, cells: &[usize], token: &str) -> Vec<String> {
        let questions: Vec<_> = cells.iter().map(|cell| json!({ "verifier": cell, "token": token })).collect();
        self.ask_all(&questions).unwrap()
    }
}

/// What one verifier did in one cell.
#[derive(Clone, Default)]
struct Outcome {
    answers: BTreeSet<String>,
    fetches: usize,
    recovery: Option<Duration>,
    faults: Vec<String>,
}

fn run(
    cells: &[Cell],
    server: &KeyServer,
    path: impl Fn(usize) -> String,
    verifier: &mut dyn Verifier,
) -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::default(); cells.len()];
    let (good, next, evil) = (token("k1"), token("k2"), token("evil"));
    let all: Vec<usize> = (0..cells.len()).collect();
    let loaded: Vec<usize> = all.iter().copied().filter(|index| !cells[*index].at_start).collect();
    let deadline = Instant::now() + Duration::from_secs(5);
    while verifier.verdicts(&loaded, &good).iter().any(|answer| answer != "ok") {
        assert!(Instant::now() < deadline, "{}: not all of the good documents load", verifier.name());
        thread::sleep(Duration::from_millis(100));
    }
    let start = Instant::now();
    for (index, cell) in cells.iter().enumerate() {
        server.set(&path(index), cell.fault.clone());
    }
    while start.elapsed() < FAULT {
        for (index, answer) in verifier.verdicts(&all, &good).into_iter().enumerate() {
            if !cells[index].answers.contains(&answer.as_str()) {
                outcomes[index].faults.push(format!("answered {answer}"));
            }
            outcomes[index].answers.insert(answer);
        }
        for (index, answer) in verifier.verdicts(&all, &evil).into_iter().enumerate() {
            if !matches!(answer.as_str(), "unknown_key" | "keys_unavailable") {
                outcomes[index].faults.push(format!("answered {answer} to the key of the fault"));
            }
        }
        thread::sleep(Duration::from_millis(100));
    }
    let lasted = start.elapsed();
    for (index, cell) in cells.iter().enumerate() {
        outcomes[index].fetches = server.fetches(&path(index));
        // One per cool-down of a second, and one that was under way.
        let allowed = usize::try_from(lasted.as_secs()).unwrap() + 2;
        if outcomes[index].fetches > allowed || outcomes[index].fetches == 0 {
            let fault = format!("{} fetches in {} s", outcomes[index].fetches, lasted.as_secs());
            outcomes[index].faults.push(fault);
        }
        server.set(&path(index), cell.good(9, "k2"));
    }
    // One refresh, a slow answer still under way, and the tests' own time.
    let start = Instant::now();
    let limit = Duration::from_secs(REFRESH) + Duration::from_millis(1_500);
    while start.elapsed() < limit + Duration::from_secs(4) && outcomes.iter().any(|outcome| outcome.recovery.is_none())
    {
        let waiting: Vec<usize> = all.iter().copied().filter(|index| outcomes[*index].recovery.is_none()).collect();
        let (joined, left) = (verifier.verdicts(&waiting, &next), verifier.verdicts(&waiting, &good));
        for ((index, joined), left) in waiting.into_iter().zip(joined).zip(left) {
            if joined == "ok" && left == "unknown_key" {
                outcomes[index].recovery = Some(start.elapsed());
            }
        }
        thread::sleep(Duration::from_millis(50));
    }
    for outcome in &mut outcomes {
        match outcome.recovery {
            None => outcome.faults.push("no recovery".into()),
            Some(recovery) if recovery > limit => outcome.faults.push(format!("recovery after {recovery:?}")),
            Some(_) => {}
        }
    }
    outcomes
}

#[test]
fn fault_matrix() {
    let cells = cells();
    let server = KeyServer::start().unwrap();
    let path = |target: &str, index: usize| format!("/{target}/{index}");
    server.set("/evil", Behaviour::Document("application/json", set(&["evil"])));
    for target in ["envoy", "node"] {
        for (index, cell) in cells.iter().enumerate() {
            let first = if cell.at_start { cell.fault.clone() } else { cell.good(5, "k1") };
            server.set(&path(target, index), first);
        }
    }
    let configs = |target: &str| -> Vec<Value> {
        cells.iter().enumerate().map(|(index, cell)| cell.config(&server, &path(target, index))).collect()
    };
    let documents: Vec<String> = configs("envoy").iter().map(Value::to_string).collect();
    let mut envoy = Envoy::start_with_keys(&documents, upstream::start().unwrap(), Some(server.address()), 2).unwrap();
    let mut node = Node::start().unwrap();
    for (index, config) in configs("node").into_iter().enumerate() {
        assert_eq!(node.ask(&json!({ "create": index, "config": config })).unwrap(), "ok");
    }
    let (in_envoy, in_node) = thread::scope(|scope| {
        let one = scope.spawn(|| run(&cells, &server, |index| path("envoy", index), &mut envoy));
        let other = scope.spawn(|| run(&cells, &server, |index| path("node", index), &mut node));
        (one.join(), other.join())
    });
    let (in_envoy, in_node) = (in_envoy.unwrap(), in_node.unwrap());
    println!(
        "{:<12} {:<24} | {:<25} fetches recovery | {:<25} fetches recovery",
        "document", "fault", "Envoy answers", "Node answers"
    );
    let mut faults = Vec::new();
    for ((cell, envoy), node) in cells.iter().zip(&in_envoy).zip(&in_node) {
        let kind = if cell.bundle { "trust bundle" } else { "key set" };
        let show = |outcome: &Outcome| {
            let answers: Vec<_> = outcome.answers.iter().map(String::as_str).collect();
            let recovery =
                outcome.recovery.map_or_else(|| "never".into(), |time| format!("{:.1} s", time.as_secs_f32()));
            format!("{:<25} {:>7} {recovery:>8}", answers.join(", "), outcome.fetches)
        };
        println!("{kind:<12} {:<24} | {} | {}", cell.name, show(envoy), show(node));
        for (target, outcome) in [("Envoy", envoy), ("Node", node)] {
            faults.extend(outcome.faults.iter().map(|fault| format!("{kind}, {}, {target}: {fault}", cell.name)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Envoy with two workers and one key set.
fn envoy_with(server: &KeyServer, remote: &Value, limits: &Value) -> Envoy {
    let mut document = json!({ "url": server.url("/set"), "cluster": "keys" });
    for (name, value) in remote.as_object().unwrap() {
        document[name] = value.clone();
    }
    let config = json!({ "version": 1, "limits": limits,
        "providers": [{ "name": "main", "issuer": ISSUER, "audiences": ["api"], "keys": { "remote": document } }],
        "rules": [{ "match": { "path": { "prefix": "/" } }, "require": { "permission": "p" } }] });
    Envoy::start_with_keys(&[config.to_string()], upstream::start().unwrap(), Some(server.address()), 2).unwrap()
}

#[test]
fn a_flood_of_unknown_key_ids_costs_one_fetch_per_cool_down_over_all_workers() {
    let server = KeyServer::start().unwrap();
    server.set("/set", Behaviour::Document("application/json", set(&["k1"])));
    let mut envoy = envoy_with(&server, &json!({ "cooldown": "2s" }), &json!({}));
    while envoy.verdicts(&[0], &token("k1")) != ["ok"] {
        thread::sleep(Duration::from_millis(50));
    }
    let start = Instant::now();
    let address = envoy.listener(0);
    let (sent, fetches, genuine) = thread::scope(|scope| {
        let flood = |seed: usize| {
            let mut connection = client::Connection::new(address);
            let mut sent = 0;
            while start.elapsed() < Duration::from_secs(7) {
                let headers = bearer(&token(&format!("{seed}-{sent}")));
                let answer = connection.send(b"GET", b"/", &headers).unwrap();
                // Its key may be in the next document, or is known to be absent.
                let reason = answer.reason().unwrap();
                assert!(matches!(reason.as_str(), "keys_unavailable" | "unknown_key"), "{reason}");
                sent += 1;
            }
            sent
        };
        let floods: Vec<_> = (0..4).map(|seed| scope.spawn(move || flood(seed))).collect();
        // Just after a fetch, so that the flood's next one has to wait for the cool-down, a key joins.
        thread::sleep(Duration::from_millis(2_500));
        let before = server.fetches("/set");
        while server.fetches("/set") == before {
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(Duration::from_millis(300));
        let before = server.fetches("/set");
        server.set("/set", Behaviour::Document("application/json", set(&["k1", "k2"])));
        let mut genuine = Vec::new();
        while genuine.last().is_none_or(|answer: &Answer| answer.status != 200) {
            assert!(start.elapsed() < Duration::from_secs(7), "{genuine:?}");
            genuine.push(client::send(address, b"GET", b"/", &bearer(&token("k2"))).unwrap());
            thread::sleep(Duration::from_millis(50));
        }
        let sent: usize = floods.into_iter().map(|flood| flood.join().unwrap()).sum();
        (sent, before + server.fetches("/set"), genuine)
    });
    println!("a new key: {} times 503, then 200", genuine.len() - 1);
    assert!(genuine.len() > 1, "the key joined too late to see anything");
    for answer in &genuine[..genuine.len() - 1] {
        let head = (answer.status, answer.header("retry-after"), answer.reason());
        assert_eq!(head, (503, Some("5"), Some("keys_unavailable".into())));
    }
    println!("{sent} tokens with unknown key ids in 7 s, cool-down 2 s: {fetches} fetches");
    assert!((2..=5).contains(&fetches), "{fetches}");
    assert_eq!(envoy.verdicts(&[0], &token("k1")), ["ok"]);
}

#[test]
fn a_removed_key_stops_working_at_the_next_refresh_cache_on_or_off() {
    let server = KeyServer::start().unwrap();
    let serve = |keys: &[&str]| server.set("/set", Behaviour::Document("application/json", set(keys)));
    serve(&["k1", "k2"]);
    let times = json!({ "refresh": "2s", "cooldown": "1s" });
    let limits = [json!({}), json!({ "cached_tokens": 100 }), json!({ "cached_tokens": 0 })];
    let mut envoys: Vec<_> = limits.iter().map(|limits| envoy_with(&server, &times, limits)).collect();
    let mut node = Node::start().unwrap();
    for (index, limits) in limits.iter().enumerate() {
        let remote = json!({ "url": server.url("/set"), "refresh": "2s", "cooldown": "1s" });
        let config = json!({ "version": 1, "limits": limits,
            "providers": [{ "name": "main", "issuer": ISSUER, "audiences": ["api"], "keys": { "remote": remote } }] });
        assert_eq!(node.ask(&json!({ "create": index.to_string(), "config": config })).unwrap(), "ok");
    }
    let mut verdicts = |token: &str| {
        let mut found: Vec<_> = envoys.iter_mut().flat_map(|envoy| envoy.verdicts(&[0], token)).collect();
        for index in 0..limits.len() {
            found.push(node.ask(&json!({ "verifier": index.to_string(), "token": token })).unwrap());
        }
        found
    };
    let (leaves, stays) = (token("k1"), token("k2"));
    for token in [&leaves, &stays].into_iter().cycle().take(20) {
        assert_eq!(verdicts(token), ["ok"; 6]);
    }
    serve(&["k2"]);
    let start = Instant::now();
    while verdicts(&leaves) != ["unknown_key"; 6] {
        assert_eq!(verdicts(&stays), ["ok"; 6]);
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", verdicts(&leaves));
        thread::sleep(Duration::from_millis(50));
    }
    println!("a removed key is refused everywhere after {} ms, refresh 2 s", start.elapsed().as_millis());
    assert_eq!(verdicts(&stays), ["ok"; 6]);
}

#[test]
fn what_envoy_answers_itself_counts_as_unreachable_and_the_servers_own_errors_as_bad_status() {
    let late = Behaviour::Slow(Duration::from_secs(3), set(&["k1"]));
    let cases = [
        ("slower than the timeout", late, "unreachable"),
        ("closes without an answer", Behaviour::Down, "unreachable"),
        ("its own 503", Behaviour::Status(503, "upstream connect error".into()), "bad_status"),
        ("its own 504", Behaviour::Status(504, "upstream request timeout".into()), "bad_status"),
    ];
    for (name, behaviour, fault) in cases {
        let server = KeyServer::start().unwrap();
        server.set("/set", behaviour);
        let envoy = envoy_with(&server, &json!({ "timeout": "1s" }), &json!({}));
        let counted = |fault: &str| envoy.statistic(&format!("datakit_token.fetch.{fault}")).unwrap();
        let deadline = Instant::now() + Duration::from_secs(8);
        while counted(fault) == 0 {
            assert!(Instant::now() < deadline, "{name}: no {fault}\n{}", envoy.log());
            thread::sleep(Duration::from_millis(50));
        }
        let other = if fault == "unreachable" { "bad_status" } else { "unreachable" };
        assert_eq!(counted(other), 0, "{name}");
    }
}

#[test]
fn requests_wait_for_the_first_keys_up_to_a_number() {
    let server = KeyServer::start().unwrap();
    let body = set(&["k1"]);
    server.set("/set", Behaviour::Slow(Duration::from_secs(3), body));
    let envoy = envoy_with(&server, &json!({}), &json!({ "parked_requests": 2 }));
    let address = envoy.listener(0);
    let start = Instant::now();
    let answers: Vec<_> = thread::scope(|scope| {
        let ask = || {
            let headers = vec![(b"authorization".to_vec(), format!("Bearer {}", token("k1")).into_bytes())];
            (client::send(address, b"GET", b"/", &headers).unwrap(), start.elapsed())
        };
        let asked: Vec<_> = (0..20).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (allowed, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|(answer, _)| answer.status == 200);
    // Two for each worker that has got any.
    assert!(allowed.len() == 2 || allowed.len() == 4, "{}", allowed.len());
    for (answer, time) in refused {
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
        assert!(*time < Duration::from_secs(2), "{time:?}");
    }
    assert_eq!(server.fetches("/set"), 1);
}

#[test]
fn keys_and_sequence_numbers_survive_a_new_configuration_of_envoy() {
    let server = KeyServer::start().unwrap();
    let serve = |seq: u64, key: &str| {
        let text = bundle("root-1", seq, &[key], &json!({}));
        server.set("/bundle", Behaviour::Document("application/jwt", text));
    };
    let config = |realm: &str| {
        let remote = json!({ "url": server.url("/bundle"), "cluster": "keys", "refresh": "1s", "cooldown": "1s" });
        let keys = json!({ "bundle": { "roots": { "keys": [mint::jwk("root-1")] }, "remote": remote } });
        json!({ "version": 1, "responses": { "realm": realm },
            "providers": [{ "name": "main", "issuer": ISSUER, "audiences": ["api"], "keys": keys }],
            "rules": [{ "match": { "path": { "prefix": "/" } }, "require": { "permission": "p" } }] })
        .to_string()
    };
    serve(5, "k1");
    let mut envoy = Envoy::start_reloadable(&config("before"), upstream::start().unwrap(), server.address()).unwrap();
    assert_eq!(envoy.verdicts(&[0], &token("k1")), ["ok"]);
    server.set("/bundle", Behaviour::Down);
    envoy.reload(&config("after")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    // Old connections may end with the old configuration; new ones have the new one, and keys at once.
    loop {
        let answer = client::send(envoy.listener(0), b"GET", b"/", &[]).unwrap();
        assert_eq!(envoy.verdicts(&[0], &token("k1")), ["ok"]);
        if answer.header("www-authenticate") == Some(r#"Bearer realm="after""#) {
            break;
        }
        assert!(Instant::now() < deadline, "{answer:?}");
        thread::sleep(Duration::from_millis(50));
    }
    serve(4, "evil");
    thread::sleep(Duration::from_secs(3));
    assert!(server.fetches("/bundle") > 0);
    // No document that is taken settles that this key is absent.
    assert_eq!(envoy.verdicts(&[0], &token("evil")), ["keys_unavailable"]);
    assert_eq!(envoy.verdicts(&[0], &token("k1")), ["ok"]);
    assert!(envoy.statistic("datakit_token.fetch.rolled_back").unwrap() > 0);
}
