//! A trust bundle in the making.

use datakit_token::BUNDLE_TYPE;
use serde_json::{Value, json};

use crate::key::PrivateKey;

/// What a bundle says.
pub(crate) struct Bundle<'b> {
    pub(crate) issuer: &'b str,
    pub(crate) sequence: u64,
    pub(crate) issued_at: u64,
    pub(crate) expires_at: u64,
    pub(crate) ttl: Option<u64>,
    pub(crate) keys: &'b [Value],
    pub(crate) rules: &'b [Value],
    /// Key ids of further roots in office.
    pub(crate) next_roots: &'b [String],
}

impl Bundle<'_> {
    /// The document, signed.
    pub(crate) fn sign(&self, root: &PrivateKey) -> String {
        let roots: Vec<_> = [&root.id].into_iter().chain(self.next_roots).collect();
        let mut members = json!({
            "iss": self.issuer, "seq": self.sequence, "iat": self.issued_at, "exp": self.expires_at,
            "keys": self.keys, "rules": self.rules, "roots": roots,
        });
        if let (Some(ttl), Some(members)) = (self.ttl, members.as_object_mut()) {
            members.insert("ttl".into(), json!(ttl));
        }
        let header = json!({ "alg": "EdDSA", "typ": BUNDLE_TYPE, "kid": root.id });
        root.sign(&header, members.to_string().as_bytes())
    }
}
