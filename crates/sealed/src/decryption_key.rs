//! A private key that opens tokens.

use alloc::vec::Vec;

use datakit_token::ConfigError;
use datakit_token_encoding::json::Object;
use x25519_dalek::{PublicKey, StaticSecret};

use crate::jwk::{KeyInfo, check_use, key_bytes, text};

/// Private keys that are published, in RFC 7748 section 6.1 and so in RFC 8037 appendix A.6, by their public halves.
const PUBLISHED: [&str; 2] =
    ["hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo", "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"];

/// A private key with its id and its time. The key is wiped from memory when it is dropped.
pub(crate) struct DecryptionKey {
    pub(crate) info: KeyInfo,
    pub(crate) private: StaticSecret,
    /// Places of the providers that have it.
    pub(crate) providers: Vec<usize>,
}

impl DecryptionKey {
    /// Reads a private JWK of the provider at this place (RFC 8037 section 2).
    pub(crate) fn read(key: Object<'_>, provider: usize) -> Result<Self, ConfigError> {
        check_use(key)?;
        let info = KeyInfo::read(key)?;
        let bytes = |name: &str| {
            let bytes = text(key, name)?.and_then(key_bytes);
            bytes.ok_or_else(|| ConfigError::new("expected 43 characters of canonical base64url").within(name))
        };
        let private = StaticSecret::from(*bytes("d")?);
        if PublicKey::from(&private).as_bytes() != &*bytes("x")? {
            return Err(ConfigError::new("expected the public half of `d`").within("x"));
        }
        let for_tests = key.get("for_tests").and_then(|value| value.as_bool()) == Some(true);
        if !for_tests && text(key, "x")?.is_some_and(|x| PUBLISHED.contains(&x)) {
            let problem = "expected a key of your own, as `datakit-token keygen --encryption` makes them: this one is published, so anyone can open what is encrypted for it";
            return Err(ConfigError::new(problem).within("d"));
        }
        Ok(Self { info, private, providers: Vec::from([provider]) })
    }

    /// Whether both are the same key, under one id.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.info.id == other.info.id
            && self.info.period == other.info.period
            && PublicKey::from(&self.private) == PublicKey::from(&other.private)
    }
}
