//! What a snapshot says of its own age is believed only as far as it can do no harm.

#![expect(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]

use datakit_token::{Answer, FetchTime, UnixTime, Verifier};
use datakit_token_tests::{mint, worker};
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;
const STALE_FOR: u64 = 3_600;

/// One worker, with a remote key set of its own.
struct Worker(worker::Worker);

impl Worker {
    fn new() -> Self {
        let config = json!({ "version": 1, "providers": [{ "name": "main", "issuer": "i", "audiences": ["a"],
            "keys": { "remote": { "url": "https://id.example.com/jwks.json", "stale_for": format!("{STALE_FOR}s") } } }] });
        Self(worker::Worker::new(Verifier::from_json(config.to_string().as_bytes()).unwrap()))
    }

    fn fetch(&mut self, keys: &[&str], now: u64) {
        let set = json!({ "keys": keys.iter().map(|name| mint::jwk(name)).collect::<Vec<_>>() }).to_string();
        let answer = Answer::new(200, set.as_bytes()).with_content_type(Some(b"application/json"));
        let source = self.0.verifier.remote_sources_mut().next().unwrap();
        source.begin(uptime(now));
        source.finish(Ok(&answer), moment(now)).unwrap();
    }

    fn snapshot(&mut self) -> Vec<u8> {
        self.0.verifier.remote_sources_mut().next().unwrap().snapshot().unwrap()
    }

    /// Whether keys have changed.
    fn restore(&mut self, snapshot: &[u8], now: u64) -> bool {
        self.0.verifier.remote_sources_mut().next().unwrap().restore(snapshot, moment(now)).unwrap()
    }

    fn is_due(&mut self, now: u64) -> bool {
        self.0.verifier.remote_sources_mut().next().unwrap().is_due(uptime(now))
    }

    fn verify(&mut self, key: &str, now: u64) -> &'static str {
        let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": key }).to_string();
        let claims = json!({ "iss": "i", "aud": "a", "exp": now + 60 }).to_string();
        let token = mint::sign(&mint::key(key), header.as_bytes(), claims.as_bytes());
        let verdict = self.0.verify(token.as_bytes(), UnixTime::from_secs(now).unwrap());
        verdict.map_or_else(|refusal| refusal.code(), |_| "ok")
    }
}

const fn uptime(now: u64) -> u64 {
    (now - NOW) * 1000
}

fn moment(now: u64) -> FetchTime {
    FetchTime::new(UnixTime::from_secs(now).unwrap(), uptime(now), 0)
}

/// The snapshot with another time in its first line.
fn fetched_at(snapshot: &[u8], fetched: u64) -> Vec<u8> {
    let text = std::str::from_utf8(snapshot).unwrap();
    let (head, document) = text.split_once('\n').unwrap();
    let mut head: Value = serde_json::from_str(head).unwrap();
    assert!(head["fetched"].is_u64());
    head["fetched"] = json!(fetched);
    format!("{head}\n{document}").into_bytes()
}

#[test]
fn a_snapshot_from_the_future_keeps_no_keys_fresh() {
    let mut first = Worker::new();
    first.fetch(&["k1"], NOW);
    for ahead in [1, STALE_FOR, 5 * 365 * 86_400] {
        let snapshot = fetched_at(&first.snapshot(), NOW + ahead);
        let mut restarted = Worker::new();
        assert!(restarted.restore(&snapshot, NOW));
        assert_eq!(restarted.verify("k1", NOW + STALE_FOR - 1), "ok");
        assert_eq!(restarted.verify("k1", NOW + STALE_FOR), "keys_unavailable", "{ahead}");
        // Neither does it put off the next fetch, nor stand in the way of what another worker fetches meanwhile.
        assert!(restarted.is_due(NOW + 300));
        let mut other = Worker::new();
        other.fetch(&["k2"], NOW + 1);
        assert!(restarted.restore(&other.snapshot(), NOW + 1), "{ahead}");
        assert_eq!((restarted.verify("k1", NOW + 1), restarted.verify("k2", NOW + 1)), ("unknown_key", "ok"));
    }
}

#[test]
fn an_older_snapshot_brings_no_removed_key_back() {
    let mut late = Worker::new();
    late.fetch(&["stolen", "k1"], NOW);
    let old = late.snapshot();
    let mut worker = Worker::new();
    worker.fetch(&["k1"], NOW + 1);
    assert_eq!((worker.verify("stolen", NOW + 1), worker.verify("k1", NOW + 1)), ("keys_unavailable", "ok"));
    assert!(!worker.restore(&old, NOW + 1));
    assert_eq!((worker.verify("stolen", NOW + 1), worker.verify("k1", NOW + 1)), ("keys_unavailable", "ok"));
    // Nor does it make the keys older than they are.
    assert_eq!(worker.verify("k1", NOW + STALE_FOR), "ok");
    assert_eq!(worker.verify("k1", NOW + 1 + STALE_FOR), "keys_unavailable");
    // The other way round the newer one is taken.
    assert!(late.restore(&worker.snapshot(), NOW + 1));
    assert_eq!((late.verify("stolen", NOW + 1), late.verify("k1", NOW + 1)), ("unknown_key", "ok"));
}
