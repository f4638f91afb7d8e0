//! The keys of a receiver, that tokens are encrypted for (RFC 8037 section 2): what has to last, as one JWK Set.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use base64ct::{Base64UrlUnpadded, Encoding};
use datakit_token::MAX_KEYS;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use crate::{
    error::IssuerError,
    private_key::{check_key_id, jwk_id},
};

/// From when on issuers should encrypt for a key, in seconds since 1970: a member of our own, which verifiers ignore.
const FROM: &str = "encrypts_from";

/// The private keys of a receiver. Its text is a JWK Set, as configurations have it in `encryption.keys`.
pub struct DecryptionRing(Vec<Value>);

impl DecryptionRing {
    /// With one key, that tokens are encrypted for at once: 32 random bytes that nobody else has. Without an id it gets
    /// its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// [`IssuerError::InvalidKeyId`]
    pub fn new(seed: &[u8; 32], id: Option<&str>) -> Result<Self, IssuerError> {
        Ok(Self(Vec::from([private_jwk(seed, id)?])))
    }

    /// Reads what [`DecryptionRing::to_json`] wrote.
    ///
    /// # Errors
    /// [`IssuerError::InvalidKeyRing`], which shows nothing of the text.
    pub fn from_json(text: &[u8]) -> Result<Self, IssuerError> {
        let set: Value = serde_json::from_slice(text)
            .map_err(|error| IssuerError::InvalidKeyRing { line: error.line(), column: error.column() })?;
        let keys = set.get("keys").and_then(Value::as_array).filter(|keys| !keys.is_empty());
        let keys = keys.ok_or(IssuerError::InvalidKeyRing { line: 0, column: 0 })?;
        Ok(Self(keys.clone()))
    }

    /// All of it, private keys included: a JWK Set.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{:#}\n", json!({ "keys": self.0 })))
    }

    /// The id of each key, from when on tokens are encrypted for it, and when it ends, if it has a successor: the
    /// oldest first, in seconds since 1970.
    pub fn keys(&self) -> impl Iterator<Item = (&str, u64, Option<u64>)> {
        self.0.iter().map(|key| (jwk_id(key), seconds(key, FROM).unwrap_or(0), seconds(key, "exp")))
    }

    /// The public JWKs for issuers, the newest first: who looks at no time takes the first. Each has the time in which
    /// tokens should be encrypted for it (`nbf`, `exp`), and ends for issuers when its successor begins.
    #[must_use]
    pub fn public_keys(&self, now: u64) -> Vec<Value> {
        let mut keys: Vec<Value> = Vec::new();
        let mut successor: Option<u64> = None;
        for key in self.0.iter().rev() {
            let from = seconds(key, FROM).unwrap_or(0);
            let until = successor.replace(from);
            if until.is_some_and(|until| until <= now) {
                continue;
            }
            let mut public = key.clone();
            if let Some(members) = public.as_object_mut() {
                for name in ["d", FROM, "exp"] {
                    members.remove(name);
                }
                if from > 0 {
                    members.insert("nbf".into(), json!(from));
                }
                if let Some(until) = until {
                    members.insert("exp".into(), json!(until));
                }
            }
            keys.push(public);
        }
        keys
    }

    /// Adds a key that opens at once, and that tokens are encrypted for from `from` on. Those before it end `period`
    /// seconds later: no shorter than tokens live. Keys that have ended go. Gives the id of the new one.
    ///
    /// # Errors
    /// [`IssuerError::TooManyKeys`], [`IssuerError::KeyIdInUse`], [`IssuerError::InvalidKeyId`]; only ended keys are
    /// gone then.
    pub fn rotate(
        &mut self,
        seed: &[u8; 32],
        id: Option<&str>,
        now: u64,
        from: u64,
        period: u64,
    ) -> Result<String, IssuerError> {
        self.0.retain(|key| seconds(key, "exp").is_none_or(|ends| now < ends));
        if self.0.len() >= MAX_KEYS {
            return Err(IssuerError::TooManyKeys);
        }
        let mut key = private_jwk(seed, id)?;
        let id = String::from(jwk_id(&key));
        if self.0.iter().any(|other| jwk_id(other) == id) {
            return Err(IssuerError::KeyIdInUse);
        }
        for old in self.0.iter_mut().filter_map(Value::as_object_mut).filter(|old| !old.contains_key("exp")) {
            old.insert("exp".into(), json!(from.saturating_add(period)));
        }
        if let Some(members) = key.as_object_mut() {
            members.insert(FROM.into(), json!(from));
        }
        self.0.push(key);
        Ok(id)
    }
}

fn seconds(key: &Value, name: &str) -> Option<u64> {
    key.get(name).and_then(Value::as_u64)
}

fn private_jwk(seed: &[u8; 32], id: Option<&str>) -> Result<Value, IssuerError> {
    let encode = Base64UrlUnpadded::encode_string;
    let private = StaticSecret::from(*seed);
    let x = encode(PublicKey::from(&private).as_bytes());
    let id = match id {
        Some(id) => check_key_id(id)?.to_string(),
        // RFC 7638, RFC 8037 section 2.
        None => encode(&Sha256::digest(format!(r#"{{"crv":"X25519","kty":"OKP","x":"{x}"}}"#))),
    };
    let d = Zeroizing::new(encode(private.as_bytes()));
    Ok(json!({ "kty": "OKP", "crv": "X25519", "kid": id, "use": "enc", "alg": "ECDH-ES", "x": x, "d": *d }))
}

#[cfg(test)]
mod tests {
    use alloc::{string::String, vec::Vec};

    use base64ct::{Base64UrlUnpadded, Encoding};

    use super::DecryptionRing;
    use crate::error::IssuerError;

    fn ids(ring: &DecryptionRing, now: u64) -> Vec<String> {
        ring.public_keys(now).iter().map(|key| key["kid"].as_str().unwrap().into()).collect()
    }

    #[test]
    fn a_rotation_lets_issuers_change_before_the_old_key_ends() {
        let mut ring = DecryptionRing::new(&[1; 32], Some("e1")).unwrap();
        assert_eq!(ring.rotate(&[2; 32], Some("e2"), 1000, 1600, 86_400).unwrap(), "e2");
        assert_eq!(ring.keys().collect::<Vec<_>>(), [("e1", 0, Some(88_000)), ("e2", 1600, None)]);
        // Both are published until issuers have changed.
        assert_eq!(ids(&ring, 1599), ["e2", "e1"]);
        assert_eq!(ids(&ring, 1600), ["e2"]);
        let public = ring.public_keys(1000);
        assert_eq!((&public[0]["nbf"], &public[1]["exp"]), (&1600.into(), &1600.into()));
        assert!(public.iter().all(|key| key.get("d").is_none() && key.get("encrypts_from").is_none()));
        // The text is what configurations have, and all that lasts.
        let again = DecryptionRing::from_json(ring.to_json().as_bytes()).unwrap();
        assert_eq!(again.to_json(), ring.to_json());
        // Ended keys go.
        ring.rotate(&[3; 32], None, 88_000, 88_600, 86_400).unwrap();
        assert_eq!(ring.keys().map(|(id, ..)| id).take(1).collect::<Vec<_>>(), ["e2"]);
    }

    #[test]
    fn an_id_stands_for_one_key() {
        let mut ring = DecryptionRing::new(&[1; 32], Some("e1")).unwrap();
        assert_eq!(ring.rotate(&[2; 32], Some("e1"), 1, 2, 3), Err(IssuerError::KeyIdInUse));
        assert_eq!(ring.rotate(&[2; 32], Some(""), 1, 2, 3), Err(IssuerError::InvalidKeyId));
        assert_eq!(ring.keys().collect::<Vec<_>>(), [("e1", 0, None)]);
        for text in ["", "{}", r#"{"keys":[]}"#, r#"{"keys":{}}"#] {
            assert!(matches!(DecryptionRing::from_json(text.as_bytes()), Err(IssuerError::InvalidKeyRing { .. })));
        }
    }

    /// RFC 7638 section 3 for the members of RFC 8037 section 2, over the public key of RFC 7748 section 6.1.
    #[test]
    fn an_id_is_the_thumbprint_of_the_public_key() {
        use sha2::{Digest, Sha256};
        let seed = [
            0x5d, 0xab, 0x08, 0x7e, 0x62, 0x4a, 0x8a, 0x4b, 0x79, 0xe1, 0x7f, 0x8b, 0x83, 0x80, 0x0e, 0xe6, 0x6f, 0x3b,
            0xb1, 0x29, 0x26, 0x18, 0xb6, 0xfd, 0x1c, 0x2f, 0x8b, 0x27, 0xff, 0x88, 0xe0, 0xeb,
        ];
        let members = r#"{"crv":"X25519","kty":"OKP","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}"#;
        let expected = Base64UrlUnpadded::encode_string(&Sha256::digest(members));
        let ring = DecryptionRing::new(&seed, None).unwrap();
        assert_eq!(ring.keys().collect::<Vec<_>>(), [(expected.as_str(), 0, None)]);
    }
}
