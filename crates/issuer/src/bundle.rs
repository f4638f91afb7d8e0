//! A trust bundle in the making.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use datakit_token::BUNDLE_TYPE;
use serde_json::{Value, json};

use crate::private_key::PrivateKey;

/// What a bundle says. Times are seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Bundle<'b> {
    /// `iss`.
    pub issuer: &'b str,
    /// `seq`: higher than that of every bundle before.
    pub sequence: u64,
    /// `iat`.
    pub issued_at: u64,
    /// `exp`: verifiers take it for 31 days at most.
    pub expires_at: u64,
    /// How often verifiers should ask, in seconds.
    pub ttl: Option<u64>,
    /// Public JWKs.
    pub keys: &'b [Value],
    /// Revocation rules.
    pub rules: &'b [Value],
    /// Key ids of further roots in office.
    pub next_roots: &'b [String],
}

impl Bundle<'_> {
    /// The document, signed.
    #[must_use]
    pub fn sign(&self, root: &PrivateKey) -> String {
        let roots: Vec<_> = [root.id()].into_iter().chain(self.next_roots.iter().map(String::as_str)).collect();
        let mut members = json!({
            "iss": self.issuer, "seq": self.sequence, "iat": self.issued_at, "exp": self.expires_at,
            "keys": self.keys, "rules": self.rules, "roots": roots,
        });
        if let (Some(ttl), Some(members)) = (self.ttl, members.as_object_mut()) {
            members.insert("ttl".into(), json!(ttl));
        }
        let header = json!({ "alg": "EdDSA", "typ": BUNDLE_TYPE, "kid": root.id() });
        root.sign(&header, members.to_string().as_bytes())
    }
}
