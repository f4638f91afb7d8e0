//! What revocation rules cost: a whole verification with 10 to 100,000 rules, and with rules of 1 to 255 sets of names,
//! interleaved in one run. Part of `cargo xtask bench`.

#![expect(clippy::arithmetic_side_effects, reason = "a measurement: nothing here meets hostile sizes")]

use std::{error::Error, fs, hint::black_box, time::Instant};

use datakit_token::{Answer, FetchTime, UnixTime, Verifier};
use datakit_token_tests::{mint, worker::Worker};
use serde_json::json;

const NOW: u64 = 1_790_000_000;
const ROUNDS: usize = 60;
const EACH: u32 = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let now = UnixTime::from_secs(NOW).ok_or("no time")?;
    let mut rows = Vec::new();
    for count in [10, 100, 1_000, 10_000, 100_000] {
        let rules = (0..count).map(rule).collect();
        rows.push((format!("{count}"), Row::new(rules, now)?));
    }
    measure(&mut rows, now)?;
    println!("\n100,000 rules of that many sets of names; the token has all names, and half of the values");
    let mut rows = Vec::new();
    for sets in [1, 16, 17, 64, 255] {
        let rules = (0..100_000).map(|number| rule_of_set(number % sets + 1, number)).collect();
        rows.push((format!("{sets}"), Row::new(rules, now)?));
    }
    measure(&mut rows, now)?;
    println!("\n100,000 rules on that many different claims, of which the token has eight");
    let mut rows = Vec::new();
    for names in [8, 64, 256] {
        let name = |number: usize| if number < 8 { format!("c{number}") } else { format!("absent_{number}") };
        let rule = |number: usize| format!(r#"{{"match":{{"{}":"v{number:06}"}}}}"#, name(number % names));
        rows.push((format!("{names}"), Row::new((0..100_000).map(rule).collect(), now)?));
    }
    measure(&mut rows, now)
}

/// Half of them single tokens, the rest users and workspaces.
fn rule(number: usize) -> String {
    match number % 4 {
        0 | 1 => format!(r#"{{"match":{{"jti":"01J8ZQ6T7Y3V5W9X{number:04}"}}}}"#),
        2 => format!(r#"{{"match":{{"sub":"acnt_{number:06}"}},"issued_before":{NOW}}}"#),
        _ => format!(r#"{{"match":{{"workspace":"wksp_{number:06}"}},"issued_before":{NOW},"from":{}}}"#, NOW + 600),
    }
}

/// A rule on the claims that the bits of `set` stand for. The values of the first four are the token's, so that a
/// look-up goes on behind them; the last is nobody's.
fn rule_of_set(set: usize, number: usize) -> String {
    let names: Vec<usize> = (0..8).filter(|bit| set >> bit & 1 == 1).collect();
    let last = names.last().copied();
    let members: Vec<_> = names
        .iter()
        .map(|name| {
            let own = *name < 4 && Some(*name) != last;
            if own { format!(r#""c{name}":"v""#) } else { format!(r#""c{name}":"v{number:06}""#) }
        })
        .collect();
    format!(r#"{{"match":{{{}}}}}"#, members.join(","))
}

/// One worker and what was measured of it.
struct Row {
    worker: Worker,
    bytes: usize,
    loading: u128,
    grown: usize,
    times: Vec<u128>,
}

fn measure(rows: &mut [(String, Row)], now: UnixTime) -> Result<(), Box<dyn Error>> {
    let mut claims = json!({ "iss": "i", "aud": "a", "iat": NOW, "exp": NOW + 600, "sub": "acnt_7f3a", "jti": "01J8ZQ6T7Y3V5W9X2R4K",
        "workspace": "wksp_5b8d", "roles": ["general", "ops"] });
    if let Some(claims) = claims.as_object_mut() {
        claims.extend((0..8).map(|number| (format!("c{number}"), json!("v"))));
    }
    let header = br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#;
    let token = mint::sign(&mint::key("k1"), header, claims.to_string().as_bytes());
    for _ in 0..ROUNDS {
        for (_, row) in &mut *rows {
            let start = Instant::now();
            for _ in 0..EACH {
                if row.worker.verify(black_box(token.as_bytes()), now).is_err() {
                    return Err("the token must pass".into());
                }
            }
            row.times.push(start.elapsed().as_nanos() / u128::from(EACH));
        }
    }
    println!(
        "{:>8} {:>14} {:>10} {:>14} {:>16} {:>6}",
        "", "bundle, bytes", "load, ms", "memory, KiB", "verification, µs", "ratio"
    );
    let mut base = None;
    for (name, row) in rows {
        row.times.sort_unstable();
        let median = row.times.get(ROUNDS / 2).copied().ok_or("no rounds")?;
        let base = *base.get_or_insert(median);
        println!(
            "{name:>8} {:>14} {:>10} {:>14} {:>13}.{} {:>3}.{:02}",
            row.bytes,
            row.loading,
            row.grown / 1024,
            median / 1000,
            median % 1000 / 100,
            median / base,
            median * 100 / base % 100
        );
    }
    Ok(())
}

impl Row {
    /// A verifier with these rules in its bundle; they are texts, so that the memory seen is the verifier's.
    fn new(rules: Vec<String>, now: UnixTime) -> Result<Self, Box<dyn Error>> {
        let rules = rules.join(",");
        let key = mint::jwk("k1");
        let payload = format!(
            r#"{{"iss":"i","seq":1,"iat":{NOW},"exp":{},"keys":[{key}],"roots":["root-1"],"rules":[{rules}]}}"#,
            NOW + 600
        );
        let header = br#"{"alg":"EdDSA","typ":"keybundle+jwt","kid":"root-1"}"#;
        let bundle = mint::sign(&mint::key("root-1"), header, payload.as_bytes());
        let before = resident()?;
        let config = json!({ "version": 1, "providers": [{ "name": "main", "issuer": "i", "audiences": ["a"], "keys": { "bundle": {
        "roots": { "keys": [mint::jwk("root-1")] }, "remote": { "url": "https://id.example.com/b", "max_bytes": 16_777_216 } } } }] });
        let mut verifier = Verifier::from_json(config.to_string().as_bytes())?;
        let source = verifier.remote_sources_mut().next().ok_or("no source")?;
        let answer = Answer::new(200, bundle.as_bytes());
        let start = Instant::now();
        source.begin(0);
        source.finish(Ok(&answer), FetchTime::new(now, 0, 0))?;
        let loading = start.elapsed().as_millis();
        let grown = resident()?.saturating_sub(before);
        Ok(Self { worker: Worker::without_cache(verifier), bytes: bundle.len(), loading, grown, times: Vec::new() })
    }
}

/// Bytes of this process in memory.
fn resident() -> Result<usize, Box<dyn Error>> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    Ok(statm.split(' ').nth(1).ok_or("no statm")?.parse::<usize>()? * 4096)
}
