//! Opens tokens with the private keys of all providers.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use datakit_token::{ConfigError, Opened, Reason, UnixTime, Unseal};
use datakit_token_encoding::{base64url, header, json::Json, json::Value};

use crate::{agreement::agree, content::decrypt, decryption_key::DecryptionKey, jwe::Jwe, jwk::members};

/// Registered names (RFC 7518 section 4.1) that real issuers use.
const ALGORITHMS: [&str; 14] = [
    "RSA1_5",
    "RSA-OAEP",
    "RSA-OAEP-256",
    "RSA-OAEP-384",
    "RSA-OAEP-512",
    "dir",
    "A128KW",
    "A192KW",
    "A256KW",
    "A128GCMKW",
    "A256GCMKW",
    "ECDH-ES",
    "ECDH-ES+A128KW",
    "ECDH-ES+A256KW",
];
/// The same of section 5.1.
const ENCRYPTIONS: [&str; 6] = ["A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM"];

/// The private keys of all providers, by their ids. They are wiped from memory when this is dropped.
#[derive(Default)]
pub struct Unsealer(Vec<DecryptionKey>);

impl Unsealer {
    /// Without keys: those of a configuration come when it is compiled.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The key that a token names, or the only one active now if it names none; and the seconds in which that is the
    /// answer. An unknown id never falls back to another key.
    fn find(&self, id: Option<&str>, now: u64) -> Option<(&DecryptionKey, (u64, u64))> {
        let mut candidates =
            self.0.iter().filter(|key| key.info.is_active(now) && id.is_none_or(|id| id == key.info.id));
        match (candidates.next(), candidates.next()) {
            (Some(only), None) => {
                // Without an id another key may be active as well in the next second.
                let is_certain = id.is_some() || self.0.len() == 1;
                Some((only, if is_certain { only.info.period } else { (now, now.saturating_add(1)) }))
            }
            _ => None,
        }
    }

    fn add(&mut self, key: DecryptionKey) -> Result<(), ConfigError> {
        match self.0.iter_mut().find(|other| other.info.id == key.info.id) {
            None => self.0.push(key),
            // Several issuers may encrypt for one key of this receiver.
            Some(known) if known.is_same(&key) && !known.providers.iter().any(|one| key.providers.contains(one)) => {
                known.providers.extend(key.providers);
            }
            Some(_) => {
                let problem = "expected an id that no other key has, in no provider: it chooses the key";
                return Err(ConfigError::new(problem).within("kid"));
            }
        }
        Ok(())
    }
}

impl Unseal for Unsealer {
    fn add_keys(&mut self, provider: usize, keys: &str) -> Result<(), ConfigError> {
        let json = Json::parse(keys).map_err(|_| ConfigError::new("expected a JWK Set in strict JSON"))?;
        let read = members(json.value()).and_then(|members| {
            if members.is_empty() {
                return Err(ConfigError::new("expected at least one private key").within("keys"));
            }
            for (index, member) in members.iter().enumerate() {
                let key = member.as_object().ok_or_else(|| ConfigError::new("expected a JWK: an object"));
                let added = key.and_then(|key| DecryptionKey::read(key, provider)).and_then(|key| self.add(key));
                added.map_err(|error| error.within_element(index).within("keys"))?;
            }
            Ok(())
        });
        json.wipe();
        read
    }

    fn open(&self, sealed: &[u8], now: UnixTime) -> Result<Opened, Reason> {
        let Jwe { header, agreement, header_segment, iv, ciphertext, tag } = Jwe::parse(sealed)?;
        let now = now.as_secs();
        let (key, (from, until)) = self.find(header.key_id(), now).ok_or(Reason::DecryptionFailed)?;
        let (content_key, contributed) = agree(&key.private, &agreement.ephemeral, &agreement.apu, &agreement.apv);
        let (content, holds) = decrypt(&content_key, contributed, &iv, header_segment, &ciphertext, &tag);
        let opened = Opened::new(content, &key.info.id, &key.providers).with_period(from, until);
        let opened = opened.with_replicated(|name| header.member(name));
        // Nothing has depended on it until here.
        if bool::from(holds) { Ok(opened) } else { Err(Reason::DecryptionFailed) }
    }

    #[inline(never)]
    fn hint(&self, sealed: &[u8], reason: Reason) -> Option<String> {
        let first = sealed.split(|byte| *byte == b'.').next()?;
        let header = header::read(base64url::decode(first).ok()?).ok()?;
        let member = |name: &str| header.members().get(name).and_then(Value::as_str);
        // What is not here is inside.
        if reason != Reason::DecryptionFailed && Jwe::parse(sealed).err() != Some(reason) {
            return None;
        }
        let named = |name: &str, known: &[&'static str]| match member(name) {
            None => "no",
            Some(found) => known.iter().find(|known| **known == found).copied().unwrap_or("another"),
        };
        match reason {
            Reason::UnsupportedAlgorithm if header.members().has("zip") => Some("it is compressed (`zip`)".into()),
            Reason::UnsupportedAlgorithm => Some(format!(
                "{} `alg`, {} `enc`; accepted of encrypted tokens: ECDH-ES with A256GCM",
                named("alg", &ALGORITHMS),
                named("enc", &ENCRYPTIONS),
            )),
            Reason::UnsupportedType => Some("an encrypted token needs the `cty` `JWT`".into()),
            Reason::DecryptionFailed => Some(
                match member("kid") {
                    Some(id) if self.0.iter().all(|key| key.info.id != id) => "no decryption key has its `kid`",
                    None if self.0.len() > 1 => "it has no `kid`, and there is more than one decryption key",
                    _ => "its key does not open it, or not at this time",
                }
                .into(),
            ),
            _ => None,
        }
    }
}

impl fmt::Debug for Unsealer {
    /// A count: what it holds is for nobody to see.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Unsealer").field("keys", &self.0.len()).finish_non_exhaustive()
    }
}
