//! Whether the time of an opening says what is wrong with an encrypted token: `bench-openings [COUNT]`.
//!
//! All kinds take turns in a random order, so whatever disturbs the machine disturbs them alike. Welch's t-test
//! compares each two; above 4.5 a difference counts as found (ISO/IEC 17825).

#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a measurement: nothing here meets hostile sizes"
)]

use std::{env, error::Error, hint::black_box, time::Instant};

use datakit_token::{Reason, UnixTime, Unseal};
use datakit_token_sealed::Unsealer;
use datakit_token_tests::mint::{self, Seal};
use serde_json::json;

/// Those without an interruption in them: of each kind the slowest part does not count.
const KEPT: f64 = 0.9;

fn main() -> Result<(), Box<dyn Error>> {
    let count: usize = env::args().nth(1).map_or(Ok(20_000), |count| count.parse())?;
    let now = UnixTime::from_secs(1_790_000_000).ok_or("a time")?;
    let mut unsealer = Unsealer::new();
    unsealer.add_keys(0, &json!({ "keys": [mint::private_jwk("e1")] }).to_string())?;
    let token = mint::sign(&mint::key("k1"), br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, &[b'x'; 300]);
    let padded = format!("{token}=");
    let good = format!("{token}A");
    let seal = |recipient: &str, content: &str| {
        let ephemeral = mint::ephemeral();
        let epk = json!({ "kty": "OKP", "crv": "X25519", "x": mint::encode(&ephemeral) });
        let header = json!({ "alg": "ECDH-ES", "enc": "A256GCM", "cty": "JWT", "kid": "e1", "epk": epk }).to_string();
        let key = mint::content_key(recipient, ephemeral, [b"A256GCM", b"", b""]);
        Seal { key, header: header.as_bytes(), iv: &[1; 12] }.around(content.as_bytes()).join(".")
    };
    let mut wrong_tag = seal("e1", &good);
    wrong_tag.replace_range(wrong_tag.len() - 22.., "AAAAAAAAAAAAAAAAAAAAAA");
    let kinds = [
        ("wrong tag", wrong_tag),
        ("wrong key", seal("e2", &good)),
        ("wrong padding inside", seal("e1", &padded)),
        ("a good one", seal("e1", &good)),
    ];
    for (name, token) in &kinds {
        let reason = unsealer.open(token.as_bytes(), now).err();
        let expected = name.starts_with("wrong ") && !name.ends_with("inside");
        if reason != expected.then_some(Reason::DecryptionFailed) {
            return Err(format!("{name}: {reason:?}").into());
        }
    }
    let mut times = vec![Vec::with_capacity(count); kinds.len()];
    let mut random = fastrand::Rng::with_seed(17);
    let mut order: Vec<usize> = (0..kinds.len()).collect();
    for round in 0..count + count / 10 {
        random.shuffle(&mut order);
        for kind in &order {
            // In a place of its own each time, so that no kind has the better one.
            let token = kinds[*kind].1.clone();
            let start = Instant::now();
            let opened = unsealer.open(black_box(token.as_bytes()), now);
            // What was opened is freed in any case: where nothing comes out, before the call ends.
            drop(black_box(opened));
            let time = start.elapsed();
            // The first ones warm the machine up.
            if round >= count / 10 {
                times[*kind].push(time.as_nanos() as f64);
            }
        }
    }
    println!("{count} openings of each kind, microseconds:");
    let moments: Vec<_> = times.into_iter().map(moments).collect();
    for ((name, _), (mean, variance, _)) in kinds.iter().zip(&moments) {
        println!("  {name:<22} {:>8.3}, standard deviation {:.3}", mean / 1e3, variance.sqrt() / 1e3);
    }
    println!("t between them, a difference above 4.5:");
    for one in 0..kinds.len() {
        for other in one + 1..kinds.len() {
            let ((a, av, an), (b, bv, bn)) = (moments[one], moments[other]);
            println!("  {:<22} {:<22} {:>7.2}", kinds[one].0, kinds[other].0, (a - b) / (av / an + bv / bn).sqrt());
        }
    }
    Ok(())
}

/// Mean, variance and count of what is kept.
fn moments(mut times: Vec<f64>) -> (f64, f64, f64) {
    times.sort_unstable_by(f64::total_cmp);
    times.truncate((times.len() as f64 * KEPT) as usize);
    let count = times.len() as f64;
    let mean = times.iter().sum::<f64>() / count;
    (mean, times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0), count)
}
