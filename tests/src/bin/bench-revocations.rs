//! What revocation rules cost: a whole verification with 10 to 100,000 rules, interleaved in one run. Part of
//! `cargo xtask bench`.

#![expect(clippy::arithmetic_side_effects, reason = "a measurement: nothing here meets hostile sizes")]

use std::{error::Error, fs, hint::black_box, time::Instant};

use datakit_token::{Answer, Moment, UnixTime, Verifier};
use datakit_token_tests::mint;
use serde_json::json;

const NOW: u64 = 1_790_000_000;
const ROUNDS: usize = 60;
const EACH: u32 = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let now = UnixTime::from_secs(NOW).ok_or("no time")?;
    let claims = json!({ "iss": "i", "aud": "a", "iat": NOW, "exp": NOW + 600, "sub": "acnt_7f3a", "jti": "01J8ZQ6T7Y3V5W9X2R4K",
        "workspace": "wksp_5b8d", "roles": ["general", "ops"] });
    let header = br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#;
    let token = mint::sign(&mint::key("k1"), header, claims.to_string().as_bytes());
    let mut rows = Vec::new();
    for count in [10, 100, 1_000, 10_000, 100_000] {
        let (verifier, bytes, loading, grown) = verifier(count, now)?;
        rows.push((count, verifier, bytes, loading, grown, Vec::new()));
    }
    for _ in 0..ROUNDS {
        for (_, verifier, _, _, _, times) in &mut rows {
            let start = Instant::now();
            for _ in 0..EACH {
                if verifier.verify(black_box(token.as_bytes()), now).is_err() {
                    return Err("the token must pass".into());
                }
            }
            times.push(start.elapsed().as_nanos() / u128::from(EACH));
        }
    }
    println!(
        "{:>8} {:>14} {:>10} {:>14} {:>16} {:>6}",
        "rules", "bundle, bytes", "load, ms", "memory, KiB", "verification, µs", "ratio"
    );
    let mut base = None;
    for (count, _, bytes, loading, grown, mut times) in rows {
        times.sort_unstable();
        let median = times.get(ROUNDS / 2).copied().ok_or("no rounds")?;
        let base = *base.get_or_insert(median);
        println!(
            "{count:>8} {bytes:>14} {loading:>10} {:>14} {:>13}.{} {:>3}.{:02}",
            grown / 1024,
            median / 1000,
            median % 1000 / 100,
            median / base,
            median * 100 / base % 100
        );
    }
    Ok(())
}

/// A verifier with that many rules in its bundle: half of them single tokens, the rest users and workspaces.
fn verifier(count: usize, now: UnixTime) -> Result<(Verifier, usize, u128, usize), Box<dyn Error>> {
    // As text, so that the memory seen is the verifier's.
    let mut rules = String::new();
    for number in 0..count {
        let rule = match number % 4 {
            0 | 1 => format!(r#"{{"match":{{"jti":"01J8ZQ6T7Y3V5W9X{number:04}"}}}}"#),
            2 => format!(r#"{{"match":{{"sub":"acnt_{number:06}"}},"issued_before":{NOW}}}"#),
            _ => {
                format!(r#"{{"match":{{"workspace":"wksp_{number:06}"}},"issued_before":{NOW},"from":{}}}"#, NOW + 600)
            }
        };
        rules.push_str(if number == 0 { "" } else { "," });
        rules.push_str(&rule);
    }
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
    let answer = Answer { status: 200, content_type: None, cache_control: None, age: None, body: bundle.as_bytes() };
    let start = Instant::now();
    source.begin(0);
    source.finish(Some(&answer), Moment { now, uptime: 0, jitter: 0 })?;
    let loading = start.elapsed().as_millis();
    Ok((verifier, bundle.len(), loading, resident()?.saturating_sub(before)))
}

/// Bytes of this process in memory.
fn resident() -> Result<usize, Box<dyn Error>> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    Ok(statm.split(' ').nth(1).ok_or("no statm")?.parse::<usize>()? * 4096)
}
