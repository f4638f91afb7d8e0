//! JWK Sets (RFC 7517) of Ed25519 keys (RFC 8037).

use alloc::{boxed::Box, format, string::String, vec::Vec};

use datakit_token_encoding::{
    base64url,
    json::{Object, Value},
};

use crate::{
    error::ConfigError,
    reason::Reason,
    signature::ed25519::PublicKey,
    time::{NumericDate, UnixTime, ValidityPeriod},
    token::header::MAX_KEY_ID,
};

/// Operations of one key: RFC 7517 section 4.3 has eight.
const MAX_OPERATIONS: usize = 16;
/// Keys that a set may have.
pub const MAX_KEYS: usize = 64;

/// The usable keys of one issuer; never empty once read.
#[derive(Debug, Default)]
pub(crate) struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    public: PublicKey,
    /// The key's own security period, without clock skew.
    period: ValidityPeriod,
}

/// What becomes of one member of `keys`.
enum Entry {
    Usable(Box<Key>),
    /// Of another type or for another use: RFC 7517 section 5 says to ignore it.
    Foreign(&'static str),
}

impl KeySet {
    /// Reads `{"keys":[...]}`. Keys of other types or uses are skipped and named in the second part of the result; a
    /// key that is broken, weak, private or named twice is an error, as is a set without a usable key.
    pub(crate) fn read(set: Value<'_>) -> Result<(Self, Vec<ConfigError>), ConfigError> {
        let members = set
            .as_object()
            .and_then(|set| set.get("keys"))
            .and_then(Value::as_array)
            .ok_or_else(|| ConfigError::new("expected a JWK Set: an object with the array `keys`"))?;
        if members.len() > MAX_KEYS {
            return Err(ConfigError::new(format!("expected at most {MAX_KEYS} keys")).within("keys"));
        }
        let mut keys: Vec<Key> = Vec::new();
        let mut skipped = Vec::new();
        for (index, member) in members.iter().enumerate() {
            let place = |error: ConfigError| error.within_element(index).within("keys");
            match read_key(member).map_err(place)? {
                Entry::Foreign(why) => skipped.push(place(ConfigError::new(format!("key skipped: {why}")))),
                Entry::Usable(key) => {
                    // RFC 7517 section 4.5: distinct keys have distinct ids.
                    if keys.iter().any(|other| (other.id.is_some() && other.id == key.id) || other.public == key.public)
                    {
                        return Err(place(ConfigError::new(
                            "expected a key id and a key that no other key of the set has",
                        )));
                    }
                    keys.push(*key);
                }
            }
        }
        if keys.is_empty() {
            return Err(ConfigError::new("expected at least one usable Ed25519 key").within("keys"));
        }
        Ok((Self(keys), skipped))
    }

    /// How many keys there are.
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The key with this id, whatever the time.
    pub(crate) fn named(&self, id: &str) -> Option<&PublicKey> {
        self.0.iter().find(|key| key.id.as_deref() == Some(id)).map(|key| &key.public)
    }

    /// The ids of the keys that have one.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|key| key.id.as_deref())
    }

    /// Whether one of them is this key.
    pub(crate) fn has(&self, public: &[u8; 32]) -> bool {
        self.0.iter().any(|key| key.public.as_bytes() == public)
    }

    /// Whether both sets have the same key, under whatever id.
    pub(crate) fn shares_a_key_with(&self, other: &Self) -> bool {
        self.0.iter().any(|key| other.0.iter().any(|root| root.public == key.public))
    }

    /// The bytes of all keys.
    pub(crate) fn fingerprints(&self) -> Vec<String> {
        self.0.iter().map(|key| base64url::encode(key.public.as_bytes())).collect()
    }

    /// Roots are named, and end by leaving the configuration or a bundle's `roots`.
    pub(crate) fn check_roots(&self) -> Result<(), ConfigError> {
        if self.0.iter().all(|key| key.id.is_some() && key.period == ValidityPeriod::new(0, u64::MAX)) {
            return Ok(());
        }
        Err(ConfigError::new("expected roots with `kid`, and without `nbf` and `exp`").within("keys"))
    }

    /// The key that a token names, or the only one active now if it names none (RFC 7515 appendix D). An unknown id
    /// never falls back to another key. Also: its own id, and for how long this is the answer.
    pub(crate) fn find(
        &self,
        id: Option<&str>,
        now: UnixTime,
    ) -> Result<(&PublicKey, Option<&str>, ValidityPeriod), Reason> {
        let now = now.as_secs();
        let active = |key: &&Key| key.period.contains(now);
        let (key, window) = match id {
            Some(id) => {
                let key = self.0.iter().find(|key| key.id.as_deref() == Some(id)).ok_or(Reason::UnknownKey)?;
                (key, key.period)
            }
            None => match self.0.as_slice() {
                [only] => (only, only.period),
                keys => {
                    let mut candidates = keys.iter().filter(active);
                    match (candidates.next(), candidates.next()) {
                        // In the next second another key may be active as well.
                        (Some(only), None) => (only, ValidityPeriod::new(now, now.saturating_add(1))),
                        _ => return Err(Reason::UnknownKey),
                    }
                }
            },
        };
        if active(&key) { Ok((&key.public, key.id.as_deref(), window)) } else { Err(Reason::KeyInactive) }
    }
}

fn read_key(member: Value<'_>) -> Result<Entry, ConfigError> {
    let key = member.as_object().ok_or_else(|| ConfigError::new("expected a JWK: an object"))?;
    // RFC 8037 section 2, RFC 7518 section 6: private or symmetric material has no place where tokens are verified.
    if let Some(name) = ["d", "k", "p", "q", "dp", "dq", "qi", "oth"].into_iter().find(|name| key.has(name)) {
        return Err(ConfigError::new("expected a public key, found private or symmetric key material").within(name));
    }
    if text(key, "kty")? != Some("OKP") || text(key, "crv")? != Some("Ed25519") {
        return Ok(Entry::Foreign("`kty` and `crv` are not `OKP` and `Ed25519`"));
    }
    // RFC 7517 sections 4.2 to 4.4
    if !matches!(text(key, "use")?, None | Some("sig")) {
        return Ok(Entry::Foreign("`use` is not `sig`"));
    }
    if !allows_verify(key)? {
        return Ok(Entry::Foreign("`key_ops` does not have `verify`"));
    }
    if !matches!(text(key, "alg")?, None | Some("EdDSA" | "Ed25519")) {
        return Ok(Entry::Foreign("`alg` is not `EdDSA` or `Ed25519`"));
    }
    let id = text(key, "kid")?;
    if id.is_some_and(|id| id.is_empty() || id.len() > MAX_KEY_ID) {
        return Err(ConfigError::new("expected 1 to 256 bytes").within("kid"));
    }
    let public = text(key, "x")?
        .and_then(|x| base64url::decode(x.as_bytes()).ok())
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
        .ok_or_else(|| ConfigError::new("expected 43 characters of canonical base64url").within("x"))?;
    let public = PublicKey::from_bytes(&public)
        .map_err(|error| ConfigError::new(format!("expected another key: {error}")).within("x"))?;
    if public.is_published() && !matches!(key.get("for_tests"), Some(Value::Bool(true))) {
        let problem = "expected a key of your own, as `datakit-token keygen --out keys` makes them: the private half of this one is published, so anyone can sign with it";
        return Err(ConfigError::new(problem).within("x"));
    }
    let not_before = date(key, "nbf")?.map_or(0, NumericDate::ceil);
    let not_after = date(key, "exp")?.map_or(u64::MAX, NumericDate::floor);
    if not_after <= not_before {
        return Err(ConfigError::new("expected a time after `nbf`").within("exp"));
    }
    Ok(Entry::Usable(Box::new(Key {
        id: id.map(String::from),
        public,
        period: ValidityPeriod::new(not_before, not_after),
    })))
}

/// RFC 7517 section 4.3.
fn allows_verify(key: Object<'_>) -> Result<bool, ConfigError> {
    let Some(operations) = key.get("key_ops") else {
        return Ok(true);
    };
    let invalid = || {
        ConfigError::new(format!("expected an array of at most {MAX_OPERATIONS} distinct strings")).within("key_ops")
    };
    // Before they are compared with one another: whoever serves the set must not stop every worker.
    let operations = operations.as_array().filter(|operations| operations.iter().nth(MAX_OPERATIONS).is_none());
    let operations = operations.ok_or_else(invalid)?;
    for (index, operation) in operations.iter().enumerate() {
        let operation = operation.as_str().ok_or_else(invalid)?;
        if operations.iter().take(index).any(|other| other.as_str() == Some(operation)) {
            return Err(invalid());
        }
    }
    Ok(operations.iter().any(|operation| operation.as_str() == Some("verify")))
}

fn text<'k>(key: Object<'k>, name: &str) -> Result<Option<&'k str>, ConfigError> {
    match key.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ConfigError::new("expected a string").within(name)),
    }
}

fn date(key: Object<'_>, name: &str) -> Result<Option<NumericDate>, ConfigError> {
    let Some(member) = key.get(name) else {
        return Ok(None);
    };
    member
        .as_number()
        .and_then(NumericDate::from_number)
        .map(Some)
        .ok_or_else(|| ConfigError::new("expected seconds since 1970 as a number").within(name))
}
