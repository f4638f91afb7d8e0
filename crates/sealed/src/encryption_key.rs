//! Public keys that tokens are sealed for.

use alloc::{format, string::String, vec::Vec};

use datakit_token::{ConfigError, JsonObject};
use datakit_token_encoding::{base64url, json::Json, json::Object};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use crate::{
    agreement::agree,
    content::encrypt,
    jwk::{KeyInfo, check_use, is_canonical, key_bytes, members, text},
};

/// The public keys of a receiver: a JWK Set.
pub struct EncryptionKeys(Vec<EncryptionKey>);

/// A public key with its id and its time.
pub struct EncryptionKey {
    info: KeyInfo,
    public: PublicKey,
}

impl EncryptionKeys {
    /// Reads a JWK Set (RFC 7517) of X25519 keys. Others are skipped, as RFC 7517 section 5 says.
    ///
    /// # Errors
    /// [`ConfigError`]: the place in the set, and what was expected there.
    pub fn from_json(set: &[u8]) -> Result<Self, ConfigError> {
        let json = Json::parse(set).map_err(|_| ConfigError::new("expected a JWK Set in strict JSON"))?;
        let mut keys = Vec::new();
        for (index, member) in members(json.value())?.iter().enumerate() {
            let Some(key) = member.as_object().filter(|key| check_use(*key).is_ok()) else { continue };
            keys.push(EncryptionKey::read(key).map_err(|error| error.within_element(index).within("keys"))?);
        }
        if keys.is_empty() {
            return Err(ConfigError::new("expected at least one key of `kty` `OKP` and `crv` `X25519`").within("keys"));
        }
        Ok(Self(keys))
    }

    /// The key to seal with at this time, in seconds since 1970: of those that are for it (`nbf`, `exp`) the one whose
    /// time began last, and of several such the last.
    #[must_use]
    pub fn current(&self, now: u64) -> Option<&EncryptionKey> {
        self.0.iter().filter(|key| key.info.is_active(now)).max_by_key(|key| key.info.period.0)
    }
}

impl EncryptionKey {
    fn read(key: Object<'_>) -> Result<Self, ConfigError> {
        if key.has("d") {
            return Err(ConfigError::new("expected a public key, found a private one").within("d"));
        }
        let info = KeyInfo::read(key)?;
        let bytes = text(key, "x")?.and_then(key_bytes);
        let bytes =
            bytes.ok_or_else(|| ConfigError::new("expected 43 characters of canonical base64url").within("x"))?;
        let public = PublicKey::from(*bytes);
        // With any private key at all.
        let (_, contributes) = agree(&StaticSecret::from([1; 32]), &public, b"", b"");
        if !is_canonical(&bytes) || !bool::from(contributes) {
            return Err(ConfigError::new("expected a canonical X25519 key of large order").within("x"));
        }
        Ok(Self { info, public })
    }

    /// The key id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.info.id
    }

    /// The token as a JWE in compact serialisation (RFC 7516 section 7.1), for the owner of this key alone. Of
    /// `random`, which nobody else may know and which must never be the same twice, 32 bytes are the ephemeral private
    /// key and 12 the initialisation vector.
    #[must_use]
    pub fn seal(&self, token: &str, random: &[u8; 44]) -> String {
        let mut ephemeral = Zeroizing::new([0; 32]);
        let mut iv = [0; 12];
        for (place, byte) in ephemeral.iter_mut().chain(&mut iv).zip(random) {
            *place = *byte;
        }
        let ephemeral = StaticSecret::from(*ephemeral);
        let public = JsonObject::new().text("kty", "OKP").text("crv", "X25519");
        let public = public.text("x", &base64url::encode(PublicKey::from(&ephemeral).as_bytes())).finish();
        let header = JsonObject::new().text("alg", "ECDH-ES").text("enc", "A256GCM").text("cty", "JWT");
        let header = header.text("kid", self.id()).json("epk", &public).finish();
        let header = base64url::encode(header.as_bytes());
        let (key, _) = agree(&ephemeral, &self.public, b"", b"");
        // RFC 7516 section 5.1, step 14: the header as it goes over the wire.
        let (ciphertext, tag) = encrypt(&key, &iv, header.as_bytes(), token.as_bytes());
        let [iv, ciphertext, tag] = [&iv[..], &ciphertext, &tag].map(base64url::encode);
        format!("{header}..{iv}.{ciphertext}.{tag}")
    }
}
