//! What rules and roles cost: a whole decision with 10 to 10,000 rules and 10 to 1,000 roles, interleaved in one run.
//! Part of `cargo xtask bench`.

#![expect(clippy::arithmetic_side_effects, reason = "a measurement: nothing here meets hostile sizes")]

use std::{error::Error, hint::black_box, time::Instant};

use datakit_token::{Decision, Request, UnixTime, Verifier};
use datakit_token_tests::{mint, worker::Worker};
use serde_json::{Map, Value, json};

const NOW: u64 = 1_790_000_000;
const ROUNDS: usize = 200;
const EACH: u32 = 200;

struct Row {
    rules: usize,
    roles: usize,
    worker: Worker,
    path: String,
    times: Vec<u128>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let now = UnixTime::from_secs(NOW).ok_or("no time")?;
    let header = br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#;
    let claims = json!({ "iss": "i", "aud": "a", "iat": NOW, "exp": NOW + 600, "workspace": "w", "roles": ["role-0", "role-7"] });
    let authorization = format!("Bearer {}", mint::sign(&mint::key("k1"), header, claims.to_string().as_bytes()));
    let mut rows = Vec::new();
    for (rules, roles) in [(10, 10), (100, 10), (1_000, 100), (10_000, 1_000)] {
        let worker = Worker::new(Verifier::from_json(config(rules, roles).to_string().as_bytes())?);
        // The last rule: whoever asks one after the other asks all.
        rows.push(Row { rules, roles, worker, path: format!("/v1/area{}/w/x", rules - 1), times: Vec::new() });
    }
    for _ in 0..ROUNDS {
        for row in &mut rows {
            let start = Instant::now();
            for _ in 0..EACH {
                let headers = vec![(&b"authorization"[..], authorization.as_bytes())];
                let request = Request::new(b"GET", row.path.as_bytes(), headers);
                if !matches!(row.worker.decide(black_box(&request), now), Decision::Allow(_)) {
                    return Err("the request must pass".into());
                }
            }
            row.times.push(start.elapsed().as_nanos() / u128::from(EACH));
        }
    }
    println!("a decision about a token that is in the cache, this machine's own code");
    println!("{:>8} {:>8} {:>12} {:>6}", "rules", "roles", "nanoseconds", "ratio");
    let mut base = None;
    for mut row in rows {
        row.times.sort_unstable();
        let median = row.times.get(ROUNDS / 2).copied().ok_or("no rounds")?;
        let base = *base.get_or_insert(median);
        println!(
            "{:>8} {:>8} {median:>12} {:>3}.{:02}",
            row.rules,
            row.roles,
            median / base,
            median * 100 / base % 100
        );
    }
    Ok(())
}

/// Half of the rules have a template; each asks for a permission of its own, which two roles grant, and for a matching
/// workspace.
fn config(rules: usize, roles: usize) -> Value {
    let grants: Map<String, Value> = (0..roles)
        .map(|role| {
            let own = (role..rules).step_by(roles).map(|rule| format!("p.{rule}"));
            let mut grants: Vec<_> = own.collect();
            grants.extend((role == 7).then(|| format!("p.{}", rules - 1)));
            (format!("role-{role}"), json!(grants))
        })
        .collect();
    let rule = |rule: usize| {
        if rule.is_multiple_of(2) {
            json!({ "match": { "path": { "prefix": format!("/v1/area{rule}") } }, "require": { "permission": format!("p.{rule}") } })
        } else {
            json!({ "match": { "methods": ["GET"], "path": { "template": format!("/v1/area{rule}/{{workspace}}/**") } },
                "require": { "all": [{ "permission": format!("p.{rule}") }, { "claim": "/workspace", "equals": { "path_param": "workspace" } }] } })
        }
    };
    json!({
        "version": 1, "limits": { "cached_tokens": 10 },
        "providers": [{ "name": "main", "issuer": "i", "audiences": ["a"], "keys": { "inline": { "keys": [mint::jwk("k1")] } } }],
        "roles": grants, "rules": (0..rules).map(rule).collect::<Vec<_>>(),
    })
}
