//! What a refusal costs, against a good verification: `cargo xtask bench` prints the ratios.

#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a measurement: nothing here meets hostile sizes"
)]

use std::{error::Error, hint::black_box, time::Instant};

use datakit_token::{Request, UnixTime, Verifier, report_decide};
use datakit_token_tests::{hostile, mint, worker::Worker};
use serde_json::{Value, json};

const LIMIT: usize = 8192;
const ROUNDS: usize = 400;

fn main() -> Result<(), Box<dyn Error>> {
    let mut one = Worker::without_cache(Verifier::from_json(hostile::config().to_string().as_bytes())?);
    let now = UnixTime::from_secs(hostile::NOW).ok_or("no time")?;
    let header = br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#;
    let claims = |more: &str| {
        format!(r#"{{"iss":"https://id.example.com","aud":"api","exp":1790000600,"permissions":["p"]{more}}}"#)
    };
    let sign = |key: &str, payload: &str| mint::sign(&mint::key(key), header, payload.as_bytes());
    // The longest token with this filler, repeated.
    let fill = |key: &str, open: &str, filler: &dyn Fn(usize) -> String, close: &str| {
        let mut inner = String::new();
        for number in 0.. {
            let next = format!("{inner}{}", filler(number));
            if sign(key, &claims(&format!("{open}{next}{close}"))).len() > LIMIT {
                break;
            }
            inner = next;
        }
        sign(key, &claims(&format!("{open}{inner}{close}")))
    };
    let long_header = {
        let members: String = (0..500).map(|number| format!(r#","m{number}":1"#)).collect();
        let text =
            format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"nobody"{}}}"#, members.get(..5900).unwrap_or(&members));
        let text = text.rsplit_once(',').map_or(text.clone(), |(head, _)| format!("{head}}}"));
        mint::sign(&mint::key("thief"), text.as_bytes(), b"{}")
    };
    let member = |number: usize| format!(r#","m{number}":1"#);
    let numbers_header = {
        let mut text = String::from(r#"{"alg":"EdDSA","typ":"at+jwt","kid":"nobody","x":[0"#);
        while text.len() < 5_900 {
            text.push_str(",1");
        }
        text.push_str("]}");
        mint::sign(&mint::key("thief"), text.as_bytes(), b"{}")
    };
    let cases = [
        ("good", sign("k1", &claims(""))),
        ("8 KiB, signed by nobody", fill("thief", r#","x":""#, &|_| "a".repeat(8), "\"")),
        ("8 KiB header, unknown key", long_header),
        ("8 KiB header of numbers, unknown key", numbers_header),
        ("8 KiB of members, then expired", fill("k1", r#","nbf":1790009999"#, &member, "")),
        ("8 KiB of nesting, well signed", fill("k1", r#","x":["#, &|_| "[[[[[[[[".into(), "")),
        ("8 KiB of escapes, then a wrong type", fill("k1", r#","sub":1,"x":""#, &|_| "\\u00e9".into(), "\"")),
        ("8 KiB of numbers, a member twice at the end", fill("k1", r#","x":[0"#, &|_| ",1e9".into(), r#"],"x":1"#)),
        ("8 KiB of dots", ".".repeat(LIMIT)),
        ("1 MiB", "A".repeat(1 << 20)),
    ];
    // A second provider: now the claims say whose keys to take, before any signature is checked.
    let mut config = hostile::config();
    let mut other = config["providers"][0].clone();
    (other["name"], other["issuer"]) = ("other".into(), "https://other.example.com".into());
    config["providers"].as_array_mut().ok_or("no providers")?.push(other);
    let mut several = Worker::without_cache(Verifier::from_json(config.to_string().as_bytes())?);
    let unsigned = |token: &str| {
        let (signed, _) = token.rsplit_once('.').unwrap_or_default();
        format!("{signed}.{}", "A".repeat(86))
    };
    let stolen = [
        ("two providers, 8 KiB of members, signed by nobody", unsigned(&cases[4].1)),
        ("two providers, 8 KiB of numbers, signed by nobody", unsigned(&cases[7].1)),
    ];
    let cases: Vec<_> = cases
        .into_iter()
        .map(|(name, token)| (name, token, false))
        .chain(stolen.into_iter().map(|(name, token)| (name, token, true)))
        .collect();
    let mut times = vec![Vec::new(); cases.len()];
    for _ in 0..ROUNDS {
        for ((_, token, has_two), times) in cases.iter().zip(&mut times) {
            let worker = if *has_two { &mut several } else { &mut one };
            let start = Instant::now();
            black_box(worker.verify(black_box(token.as_bytes()), now).is_ok());
            times.push(start.elapsed().as_nanos());
        }
    }
    let median = |times: &mut Vec<u128>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    let good = median(&mut times[0]);
    println!("{:<50} {:>12} {:>7}", "core, this machine's own code", "nanoseconds", "ratio");
    for ((name, token, has_two), times) in cases.iter().zip(&mut times) {
        let time = median(times);
        let worker = if *has_two { &mut several } else { &mut one };
        let verdict = worker.verify(token.as_bytes(), now).map_or_else(|refusal| refusal.code(), |_| "ok");
        println!("{name:<50} {time:>12} {:>4}.{:02} {verdict}", time / good, time * 100 / good % 100);
    }
    requests(&sign("k1", &claims(r#","tenant":"t1","workspace":"w1""#)), good)
}

/// Whole requests, as long as Envoy lets them be.
fn requests(token: &str, good: u128) -> Result<(), Box<dyn Error>> {
    let mut config = hostile::config();
    let provider = &mut config["providers"][0];
    provider["swap"] = json!({ "secrets": { "w1": { "value": "secret" } }, "to": { "param": "tkn" } });
    config["rules"] = json!([{ "match": { "path": { "prefix": "/v1" } }, "require": {
        "claim": "/tenant", "equals": { "query_param": "tenant" } } }]);
    let mut worker = Worker::without_cache(Verifier::from_json(config.to_string().as_bytes())?);
    let now = UnixTime::from_secs(hostile::NOW).ok_or("no time")?;
    let path = |query: &str| format!("/v1/write?tenant=t1&{query}");
    let headers = |count: usize, name: &dyn Fn(usize) -> String| {
        (0..count).map(|number| (name(number), "x".into())).collect::<Vec<_>>()
    };
    let spellings = |number: usize| {
        let mark = |place: u32| char::from(b"-_.~!*|^'`+#$%&"[number / 15_usize.pow(place) % 15]);
        format!("x{}http{}method{}override", mark(0), mark(1), mark(2))
    };
    // A stranger has no token; what a good one lets through is written for the upstream as well.
    let (stranger, known) = (false, true);
    let cases = [
        ("no token: a plain request", stranger, path("a=1"), Vec::new()),
        ("no token: 60 KB of `&`", stranger, path(&"&".repeat(60_000)), Vec::new()),
        ("no token: 999 times `&`", stranger, path(&"&".repeat(998)), Vec::new()),
        ("no token: a parameter 5,000 times", stranger, path(&"&token".repeat(5_000)), Vec::new()),
        ("no token: a parameter escaped 900 times", stranger, path(&"&%74%6f%6b%65".repeat(900)), Vec::new()),
        ("no token: a query of 16 KB of escapes", stranger, path(&format!("a={}", "%41".repeat(5_000))), Vec::new()),
        ("no token: a path of 16 KB of escapes", stranger, format!("/v1/{}", "%c3%a9".repeat(2_500)), Vec::new()),
        ("no token: a path of 8,000 segments", stranger, format!("/v1{}", "/a".repeat(8_000)), Vec::new()),
        ("no token: 1,000 headers", stranger, path("a=1"), headers(1_000, &|number| format!("x-{number}"))),
        ("good token: a plain request", known, path("a=1"), Vec::new()),
        ("good token: the secret's parameter 5,000 times", known, path(&"&tkn=x".repeat(5_000)), Vec::new()),
        ("good token: the secret's parameter 900 times", known, path(&"&tkn=x".repeat(900)), Vec::new()),
        ("good token: 450 spellings of a header", known, path("a=1"), headers(450, &spellings)),
        ("good token: 900 spellings of a header", known, path("a=1"), headers(900, &spellings)),
    ];
    let bearer = format!("Bearer {token}");
    let mut times = vec![Vec::new(); cases.len()];
    let mut verdicts = vec![String::new(); cases.len()];
    for _ in 0..ROUNDS / 4 {
        for (number, (_, known, path, headers)) in cases.iter().enumerate() {
            let mut all: Vec<(&[u8], &[u8])> = Vec::new();
            all.extend(known.then_some((&b"authorization"[..], bearer.as_bytes())));
            all.extend(headers.iter().map(|(name, value): &(String, String)| (name.as_bytes(), value.as_bytes())));
            let request = Request::new(b"GET", path.as_bytes(), all);
            let start = Instant::now();
            let decision = worker.decide(black_box(&request), now);
            let report = report_decide(&request, &decision);
            times[number].push(start.elapsed().as_nanos());
            verdicts[number] = serde_json::from_str::<Value>(&report)?["reason"].to_string();
        }
    }
    for (((name, ..), times), verdict) in cases.iter().zip(&mut times).zip(&verdicts) {
        times.sort_unstable();
        let time = times[times.len() / 2];
        println!("{name:<50} {time:>12} {:>4}.{:02} {verdict}", time / good, time * 100 / good % 100);
    }
    Ok(())
}
