//! What the fuzz targets share. Each target asserts a verdict, not only that nothing crashes.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a panic is how a fuzz target reports")]

use datakit_token::{UnixTime, Verifier};
use datakit_token_tests::{mint, vectors};
use serde_json::{Value, json};

/// The time of all targets.
pub const NOW: u64 = 1_790_000_000;

/// [`NOW`] as the core takes it.
#[must_use]
pub fn now() -> UnixTime {
    UnixTime::from_secs(NOW).unwrap()
}

/// A configuration with everything in it that looks at a request.
#[must_use]
pub fn configuration() -> Value {
    json!({
        "version": 1,
        "providers": [{
            "name": "main", "issuer": "https://id.example.com", "audiences": ["https://openway.example.com"],
            "from": { "headers": [{ "name": "authorization", "scheme": "Bearer" }, { "name": "x-token" }], "params": ["token"] },
            "keys": { "inline": { "keys": [mint::jwk("k1"), mint::jwk("k2")] } },
            "claims_to_headers": [
                { "claim": "/sub", "header": "x-user" },
                { "claim": "/roles", "header": "x-roles", "format": "csv" },
                { "claim": "/deep", "header": "x-deep", "format": "json" }],
        }],
        "rules": [{ "match": { "path": { "prefix": "/v1/write/logging" } }, "require": { "permission": "ingest.logging" } }],
    })
}

/// The verifier of [`configuration`].
#[must_use]
pub fn verifier() -> Verifier {
    Verifier::from_json(configuration().to_string().as_bytes()).unwrap()
}

/// The same, which opens tokens for `e1`, and takes longer ones.
#[must_use]
pub fn sealed_verifier() -> Verifier {
    let mut configuration = configuration();
    configuration["providers"][0]["encryption"] =
        json!({ "keys": { "inline": { "keys": [mint::private_jwk("e1")] } } });
    configuration["limits"] = json!({ "token_bytes": 1 << 20 });
    vectors::verifier(&configuration).unwrap()
}
