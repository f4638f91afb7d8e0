//! The vectors, and what only a gateway can get wrong, through real Envoy.
//!
//! Run by `cargo xtask test`, which builds the filter, installs Envoy and names both in the environment.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use datakit_token::Reason;
use datakit_token_tests::{client, corpora, envoy::Envoy, hostile, mint, upstream, vectors};
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;

fn bytes(text: &Value) -> Vec<u8> {
    text.as_str().unwrap().chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect()
}

fn config() -> Value {
    json!({
        "version": 1,
        "providers": [{ "name": "main", "issuer": "https://id.example.com", "audiences": ["api"],
            "from": { "headers": [{ "name": "authorization", "scheme": "Bearer" }], "params": ["token"] },
            "keys": { "inline": { "keys": [mint::jwk("k1")] } } }],
        "rules": [{ "match": { "path": { "prefix": "/v1/write" } }, "require": { "permission": "ingest.logging" } }],
    })
}

fn token() -> String {
    let claims =
        json!({ "iss": "https://id.example.com", "aud": "api", "exp": NOW + 600, "permissions": ["ingest.logging"] });
    mint::sign(&mint::key("k1"), br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, claims.to_string().as_bytes())
}

fn start(config: &Value) -> Envoy {
    let envoy = Envoy::start(&[config.to_string()], upstream::start().unwrap()).unwrap();
    envoy.set_time(NOW).unwrap();
    envoy
}

#[test]
fn vectors_through_envoy() {
    let mut vectors = vectors::load().unwrap();
    // The same verdict everywhere, also on tokens that nobody here made.
    vectors.extend(corpora::hostile().unwrap().into_iter().map(|hostile| hostile.vector));
    let mut configs: Vec<String> = Vec::new();
    for vector in &vectors {
        let config = vector.config.to_string();
        if !configs.contains(&config) {
            configs.push(config);
        }
    }
    let encrypted = |vector: &&vectors::Vector| !vector.request["connection"]["tls_version"].is_null();
    let encrypted = vectors.iter().filter(encrypted).map(|vector| vector.config.to_string()).collect::<Vec<_>>();
    let envoy = Envoy::start_with_tls(&configs, &encrypted, upstream::start().unwrap()).unwrap();
    let mut faults = Vec::new();
    for vector in &vectors {
        envoy.set_time(vector.now).unwrap();
        let index = configs.iter().position(|config| *config == vector.config.to_string()).unwrap();
        let mut headers: Vec<_> = vector.request["headers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|header| (bytes(&header[0]), bytes(&header[1])))
            .collect();
        let connection = &vector.request["connection"];
        if let Some(address) = connection["client_address"].as_str() {
            // The Envoys under test believe a hop before them.
            headers.push((b"x-forwarded-for".to_vec(), address.as_bytes().to_vec()));
        }
        let encrypted = !connection["tls_version"].is_null();
        let answer = client::send(
            if encrypted { envoy.tls_listener(index).unwrap() } else { envoy.listener(index) },
            &bytes(&vector.request["method"]),
            &bytes(&vector.request["path"]),
            &headers,
        );
        let fault = match (answer, &vector.reason) {
            (Err(error), _) => Some(error),
            (Ok(answer), Some(_)) if vector.observed && answer.status == 200 => {
                check_upstream(vector.upstream.as_ref(), &answer.body)
            }
            (Ok(answer), Some(_)) if vector.response.is_some() => {
                let expected = vector.response.as_ref().unwrap();
                vectors::check_response(expected, answer.status, &answer.headers, &answer.body).err()
            }
            (Ok(answer), Some(reason)) => {
                let found = answer.reason();
                // Envoy itself refuses what is no HTTP before a filter sees it.
                let by_envoy = found.is_none() && answer.status == 400 && reason == "invalid_request";
                // Only problem details have it.
                let is_problem = answer.header("content-type") == Some("application/problem+json");
                let other_claim = is_problem
                    && vector.claim.as_ref().is_some_and(|claim| claim.as_str() != answer.claim().as_deref());
                (!by_envoy && (found.as_ref() != Some(reason) || other_claim)).then(|| {
                    format!(
                        "expected {reason} {:?}, found {} {found:?} {:?}",
                        vector.claim,
                        answer.status,
                        answer.claim()
                    )
                })
            }
            (Ok(answer), None) if answer.status == 200 => check_upstream(vector.upstream.as_ref(), &answer.body),
            (Ok(answer), None) => Some(format!("expected allow, found {} {}", answer.status, answer.body)),
        };
        faults.extend(fault.map(|fault| format!("{}: {fault}", vector.name)));
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), vectors.len(), faults.join("\n"));
    println!("envoy: {} vectors", vectors.len());
}

fn check_upstream(expected: Option<&Value>, body: &str) -> Option<String> {
    let got: Value = serde_json::from_str(body).ok()?;
    vectors::check_upstream(expected?, &got).err()
}

#[test]
fn hostile_requests_are_answered_and_the_vm_survives() {
    let envoy = start(&config());
    let address = envoy.listener(0);
    let good = vec![(b"authorization".to_vec(), format!("Bearer {}", token()).into_bytes())];
    assert_eq!(client::send(address, b"POST", b"/v1/write", &good).unwrap().status, 200);

    let bad_bytes = vec![(b"authorization".to_vec(), b"Bearer \xff\xfe".to_vec())];
    let answer = client::send(address, b"POST", b"/v1/write", &bad_bytes).unwrap();
    assert_eq!((answer.status, answer.reason().as_deref()), (401, Some("malformed")));

    let mut elsewhere = good.clone();
    elsewhere.push((b"x-bad".to_vec(), b"\xff\xfe".to_vec()));
    assert_eq!(client::send(address, b"POST", b"/v1/write", &elsewhere).unwrap().status, 200);

    // 40 KiB reach the filter; 8 MiB are refused by Envoy itself.
    for size in [40 << 10, 8 << 20] {
        let huge = vec![(b"authorization".to_vec(), format!("Bearer {}", "A".repeat(size)).into_bytes())];
        let status = client::send(address, b"POST", b"/v1/write", &huge).unwrap().status;
        assert!((400..500).contains(&status), "{size}: {status}");
    }
    let connect = client::send(address, b"CONNECT", b"host:443", &[]).unwrap();
    assert!((400..500).contains(&connect.status), "{}", connect.status);

    assert_eq!(client::send(address, b"POST", b"/v1/write", &good).unwrap().status, 200);
}

/// `DATAKIT_TOKEN_HOSTILE_REQUESTS` says how many: 100000 take a minute and a half.
#[test]
fn generated_hostile_requests_get_the_verdict_of_the_core() {
    let count = std::env::var("DATAKIT_TOKEN_HOSTILE_REQUESTS").map_or(5_000, |count| count.parse::<usize>().unwrap());
    let envoy = start(&hostile::config());
    envoy.set_time(hostile::NOW).unwrap();
    let resident = || {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", envoy.id())).unwrap();
        statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    };
    let mut connection = client::Connection::new(envoy.listener(0));
    let mut generator = hostile::Generator::new(7);
    let (mut by_filter, mut by_envoy, mut early) = (0, 0, 0);
    for number in 0..count {
        let request = generator.next_request();
        assert_ne!(request.reason, "ok", "{number}: the core let {request:?} pass");
        let answer = connection.send(request.method.as_bytes(), &request.path, &request.headers).unwrap();
        assert!((400..504).contains(&answer.status), "{number}: {answer:?} for {request:?}");
        match answer.reason() {
            Some(reason) => {
                let known = Reason::ALL.iter().any(|known| known.code() == reason);
                let same = reason == request.reason || !client::is_one_request(&request.path, &request.headers);
                assert!(known && same, "{number}: {reason}, but {request:?}");
                by_filter += 1;
            }
            // HEAD has no body; else Envoy refused what is no HTTP, before the filter.
            None if request.method == "HEAD" => by_filter += 1,
            None => {
                assert!(matches!(answer.status, 400 | 431), "{number}: {answer:?}");
                by_envoy += 1;
            }
        }
        if number == count / 10 {
            early = resident();
        }
    }
    let grown = resident().saturating_sub(early);
    println!(
        "{count} hostile requests: {by_filter} refused by the filter, {by_envoy} by Envoy itself, {grown} bytes grown"
    );
    assert!(by_filter > count / 2 && grown < 16 << 20, "{grown}");
}

#[test]
fn a_denial_says_why_in_challenge_details_and_counters() {
    let envoy = start(&config());
    let answer = client::send(envoy.listener(0), b"GET", b"/v1/write", &[]).unwrap();
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer realm="datakit""#));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    envoy.set_time(NOW + 631).unwrap();
    let token = vec![(b"authorization".to_vec(), format!("Bearer {}", token()).into_bytes())];
    let answer = client::send(envoy.listener(0), b"GET", b"/v1/write", &token).unwrap();
    assert_eq!(answer.reason().as_deref(), Some("expired"));
    assert!(answer.header("www-authenticate").unwrap().contains(r#"error="invalid_token""#));
    assert_eq!(envoy.statistic("datakit_token.denied.expired").unwrap(), 1);
    let deadline = std::time::Instant::now() + Duration::from_secs(15);
    while !envoy.access_log().contains("401 token_denied{expired}") {
        assert!(std::time::Instant::now() < deadline, "{}", envoy.access_log());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_misspelt_member_refuses_the_start_and_names_the_place() {
    let mut misspelt = config();
    misspelt["providers"][0]["isuer"] = json!("x");
    let error = Envoy::start(&[misspelt.to_string()], upstream::start().unwrap()).err().unwrap();
    assert!(error.contains("/providers/0/isuer: unknown member, expected one of"), "{error}");
}

#[test]
fn requests_on_one_connection_are_judged_one_by_one() {
    let envoy = start(&config());
    let mut stream = TcpStream::connect(envoy.listener(0)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let good = format!("GET /v1/write HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\r\n", token());
    let bad = "GET /v1/write HTTP/1.1\r\nhost: a\r\n\r\n";
    for (request, status) in [(good.as_str(), "200"), (bad, "401"), (good.as_str(), "200")] {
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = vec![0; 65536];
        let count = stream.read(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer[..count]).into_owned();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        // The body may come in a packet of its own; it ends before the next request.
        std::thread::sleep(Duration::from_millis(50));
        stream.set_nonblocking(true).unwrap();
        let _ = stream.read(&mut [0; 65536]);
        stream.set_nonblocking(false).unwrap();
    }
}
