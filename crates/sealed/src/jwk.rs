//! Members of a JWK (RFC 7517) of an X25519 key (RFC 8037 section 2).

use alloc::{format, string::String};

use base64ct::{Base64UrlUnpadded, Encoding};
use datakit_token::{ConfigError, MAX_KEY_ID, MAX_KEYS, NumericDate};
use datakit_token_encoding::json::{Array, Object, Value};
use zeroize::Zeroizing;

/// What all keys say of themselves.
pub(crate) struct KeyInfo {
    pub(crate) id: String,
    /// The key is for the seconds from the first until before the second.
    pub(crate) period: (u64, u64),
}

impl KeyInfo {
    pub(crate) fn read(key: Object<'_>) -> Result<Self, ConfigError> {
        let id = text(key, "kid")?.filter(|id| !id.is_empty() && id.len() <= MAX_KEY_ID);
        let id = id.ok_or_else(|| ConfigError::new(format!("expected 1 to {MAX_KEY_ID} bytes")).within("kid"))?;
        let from = date(key, "nbf")?.map_or(0, NumericDate::ceil);
        let until = date(key, "exp")?.map_or(u64::MAX, NumericDate::floor);
        if until <= from {
            return Err(ConfigError::new("expected a time after `nbf`").within("exp"));
        }
        Ok(Self { id: id.into(), period: (from, until) })
    }

    /// Whether the key is for this second. No clock skew: both ends are the key owner's.
    pub(crate) const fn is_active(&self, now: u64) -> bool {
        self.period.0 <= now && now < self.period.1
    }
}

/// The members of `{"keys": [...]}`.
pub(crate) fn members(set: Value<'_>) -> Result<Array<'_>, ConfigError> {
    let members = set.as_object().and_then(|set| set.get("keys")).and_then(Value::as_array);
    let members = members.ok_or_else(|| ConfigError::new("expected a JWK Set: an object with the array `keys`"))?;
    if members.len() > MAX_KEYS {
        return Err(ConfigError::new(format!("expected at most {MAX_KEYS} keys")).within("keys"));
    }
    Ok(members)
}

/// Whether this is an X25519 key, and what it says that it is for: never signatures (RFC 8725 section 3.1), and this
/// one algorithm.
pub(crate) fn check_use(key: Object<'_>) -> Result<(), ConfigError> {
    for (name, expected) in [("kty", "OKP"), ("crv", "X25519")] {
        if text(key, name)? != Some(expected) {
            return Err(ConfigError::new(format!("expected `{expected}`")).within(name));
        }
    }
    for (name, expected) in [("use", "enc"), ("alg", "ECDH-ES")] {
        if text(key, name)?.is_some_and(|found| found != expected) {
            return Err(ConfigError::new(format!("expected `{expected}`, or none")).within(name));
        }
    }
    // RFC 7517 section 4.3, RFC 8037 section 2: what a private key of an agreement is for.
    let derives = |operations: Array<'_>| {
        operations.iter().all(|operation| matches!(operation.as_str(), Some("deriveKey" | "deriveBits")))
    };
    match key.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if derives(operations) => Ok(()),
        Some(_) => {
            Err(ConfigError::new("expected `deriveKey`, `deriveBits` and nothing else, or none").within("key_ops"))
        }
    }
}

/// 32 bytes in canonical base64url, decoded in constant time, as they may be secret.
pub(crate) fn key_bytes(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    let length = Base64UrlUnpadded::decode(text, bytes.as_mut()).ok()?.len();
    (length == 32).then_some(bytes)
}

/// Whether these bytes are the one spelling of a coordinate: below 2^255 - 19, so without the top bit. RFC 7748 section
/// 5 would have others reduced; two readers then see two keys where we see one.
pub(crate) fn is_canonical(coordinate: &[u8; 32]) -> bool {
    let [low, rest @ .., high] = coordinate;
    let is_above = *high == 0x7f && rest.iter().all(|byte| *byte == 0xff) && *low >= 0xed;
    *high < 0x80 && !is_above
}

pub(crate) fn text<'k>(key: Object<'k>, name: &str) -> Result<Option<&'k str>, ConfigError> {
    match key.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ConfigError::new("expected a string").within(name)),
    }
}

fn date(key: Object<'_>, name: &str) -> Result<Option<NumericDate>, ConfigError> {
    let Some(member) = key.get(name) else { return Ok(None) };
    let date = member.as_number().and_then(NumericDate::from_number).map(Some);
    date.ok_or_else(|| ConfigError::new("expected seconds since 1970 as a number").within(name))
}

#[cfg(test)]
mod tests {
    use super::is_canonical;

    #[test]
    fn a_coordinate_has_one_spelling() {
        let mut prime = [0xff; 32];
        prime[31] = 0x7f;
        for low in 0..=0xff {
            prime[0] = low;
            assert_eq!(is_canonical(&prime), low < 0xed, "{low:x}");
        }
        for place in 1..31 {
            let mut smaller = prime;
            smaller[place] = 0xfe;
            assert!(is_canonical(&smaller), "{place}");
        }
        let mut top = [0; 32];
        assert!(is_canonical(&top));
        top[31] = 0x80;
        assert!(!is_canonical(&top));
    }
}
