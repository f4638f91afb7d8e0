//! The keys of an issuer, its revocation rules and the number of its last bundle: what has to last, as one value.

use alloc::{string::String, vec::Vec};

use datakit_token::MAX_KEYS;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    error::IssuerError,
    private_key::{PrivateKey, jwk_id},
    prune::{Pruned, prune},
    rule::rule_key_id,
};

/// The keys of an issuer and what belongs to them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRing {
    version: u8,
    /// Of the last bundle. Each bundle has a higher one than all before it.
    pub sequence: u64,
    keys: Vec<StoredKey>,
    /// Revocation rules, as they stand in a bundle.
    pub rules: Vec<Value>,
}

/// A key and its time, in seconds since 1970.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredKey {
    /// The private JWK.
    jwk: Value,
    signs_from: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ends: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_token: Option<u64>,
}

impl KeyRing {
    /// With one key, that signs at once.
    #[must_use]
    pub fn new(key: &PrivateKey) -> Self {
        Self { version: 1, sequence: 0, keys: Vec::from([StoredKey::new(key, 0)]), rules: Vec::new() }
    }

    /// Reads what [`KeyRing::to_json`] wrote.
    ///
    /// # Errors
    /// [`IssuerError::InvalidKeyRing`] or [`IssuerError::UnknownVersion`]; neither shows anything of the text.
    pub fn from_json(text: &[u8]) -> Result<Self, IssuerError> {
        let ring: Self = serde_json::from_slice(text)
            .map_err(|error| IssuerError::InvalidKeyRing { line: error.line(), column: error.column() })?;
        if ring.version == 1 { Ok(ring) } else { Err(IssuerError::UnknownVersion) }
    }

    /// All of it, secret keys included.
    ///
    /// # Errors
    /// [`IssuerError::InvalidKeyRing`], which does not come to pass.
    pub fn to_json(&self) -> Result<Zeroizing<String>, IssuerError> {
        let text = serde_json::to_string_pretty(self).map(Zeroizing::new);
        text.map_err(|error| IssuerError::InvalidKeyRing { line: error.line(), column: error.column() })
    }

    /// All keys, the oldest first.
    #[must_use]
    pub fn keys(&self) -> &[StoredKey] {
        &self.keys
    }

    /// The key that signs now: the last whose time has come.
    ///
    /// # Errors
    /// [`IssuerError::NoSigner`], or [`IssuerError::InvalidJwk`] for a key that somebody has changed.
    pub fn signer(&self, now: u64) -> Result<PrivateKey, IssuerError> {
        let keys = self.keys.iter().filter(|key| key.signs_from <= now && key.ends.is_none_or(|ends| now < ends));
        keys.max_by_key(|key| key.signs_from).ok_or(IssuerError::NoSigner)?.private()
    }

    /// Notes down that a key has signed a token which ends then. Whoever keeps the ring has to do so before anybody
    /// gets the token: what is not noted down does not keep the key.
    ///
    /// # Errors
    /// [`IssuerError::OutlivesKey`] for a token that would outlive its key.
    pub fn note(&mut self, key_id: &str, token_ends: u64) -> Result<(), IssuerError> {
        let Some(key) = self.keys.iter_mut().find(|key| key.id() == key_id) else { return Ok(()) };
        if let Some(ends) = key.ends.filter(|ends| token_ends > *ends) {
            return Err(IssuerError::OutlivesKey { key_id: key_id.into(), ends });
        }
        key.last_token = key.last_token.max(Some(token_ends));
        Ok(())
    }

    /// Adds a key that signs from `from` on. Those before it end `period` seconds later, or with their last tokens if
    /// those end later. Keys that have ended go.
    ///
    /// # Errors
    /// [`IssuerError::TooManyKeys`], [`IssuerError::KeyIdInUse`], [`IssuerError::KeyIdRevoked`]; only ended keys are
    /// gone then.
    pub fn rotate(&mut self, key: &PrivateKey, now: u64, from: u64, period: u64) -> Result<(), IssuerError> {
        self.add(key, now, from)?;
        self.end_others(key.id(), |last_token| last_token.max(from.saturating_add(period)));
        Ok(())
    }

    /// The same, but the keys before it end after the period even if tokens that they have signed live longer.
    ///
    /// # Errors
    /// As [`KeyRing::rotate`].
    pub fn rotate_early(&mut self, key: &PrivateKey, now: u64, from: u64, period: u64) -> Result<(), IssuerError> {
        self.add(key, now, from)?;
        self.end_others(key.id(), |_| from.saturating_add(period));
        Ok(())
    }

    /// The public JWKs, each with its end.
    ///
    /// # Errors
    /// [`IssuerError::InvalidJwk`] for a key that somebody has changed.
    pub fn public_keys(&self) -> Result<Vec<Value>, IssuerError> {
        let public = |stored: &StoredKey| {
            let mut jwk = stored.private()?.public();
            if let (Some(ends), Some(members)) = (stored.ends, jwk.as_object_mut()) {
                members.insert("exp".into(), json!(ends));
            }
            Ok(jwk)
        };
        self.keys.iter().map(public).collect()
    }

    /// Takes out the rules that nothing can match any more; `roots` are the ids of all roots in office. A rule on
    /// claims goes only if somebody says how long tokens live, in seconds: who has not said it knows of no last token.
    pub fn prune(&mut self, roots: &[&str], max_lifetime: Option<u64>, now: u64) -> Pruned {
        let key_ids: Vec<_> = self.keys.iter().map(StoredKey::id).chain(roots.iter().copied()).collect();
        prune(&mut self.rules, &key_ids, max_lifetime, now)
    }

    fn add(&mut self, key: &PrivateKey, now: u64, from: u64) -> Result<(), IssuerError> {
        self.keys.retain(|key| key.ends.is_none_or(|ends| now < ends));
        if self.keys.len() >= MAX_KEYS {
            return Err(IssuerError::TooManyKeys);
        }
        if self.keys.iter().any(|other| other.id() == key.id()) {
            return Err(IssuerError::KeyIdInUse);
        }
        if self.rules.iter().any(|rule| rule_key_id(rule) == Some(key.id())) {
            return Err(IssuerError::KeyIdRevoked);
        }
        self.keys.push(StoredKey::new(key, from));
        Ok(())
    }

    /// Gives an end to all keys without one but this; the ends are made of those of their last tokens.
    fn end_others(&mut self, key_id: &str, end: impl Fn(u64) -> u64) {
        for key in self.keys.iter_mut().filter(|key| key.ends.is_none() && key.id() != key_id) {
            key.ends = Some(end(key.last_token.unwrap_or(0)));
        }
    }
}

impl StoredKey {
    fn new(key: &PrivateKey, signs_from: u64) -> Self {
        Self { jwk: key.private_jwk(), signs_from, ends: None, last_token: None }
    }

    /// The key id.
    #[must_use]
    pub fn id(&self) -> &str {
        jwk_id(&self.jwk)
    }

    /// It is published at once, and signs from this second on.
    #[must_use]
    pub const fn signs_from(&self) -> u64 {
        self.signs_from
    }

    /// Its tokens are good until here; it has a successor then.
    #[must_use]
    pub const fn ends(&self) -> Option<u64> {
        self.ends
    }

    /// The latest `exp` that it has signed, as far as this has been noted down.
    #[must_use]
    pub const fn last_token(&self) -> Option<u64> {
        self.last_token
    }

    fn private(&self) -> Result<PrivateKey, IssuerError> {
        PrivateKey::from_jwk(&self.jwk)
    }
}
