//! A private key and its JWK (RFC 8037).

use alloc::{
    format,
    string::{String, ToString},
};

use base64ct::{Base64UrlUnpadded, Encoding};
use datakit_token::{MAX_KEY_ID, PublicKey};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::error::IssuerError;

/// A signing key with its id. It is wiped from memory when it is dropped.
pub struct PrivateKey {
    id: String,
    signing: SigningKey,
}

impl PrivateKey {
    /// The key of a seed, 32 random bytes that nobody else has; without an id it gets its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// [`IssuerError::InvalidKeyId`]
    pub fn from_seed(seed: &[u8; 32], id: Option<&str>) -> Result<Self, IssuerError> {
        let signing = SigningKey::from_bytes(seed);
        let id = match id {
            Some(id) => String::from(check_key_id(id)?),
            None => thumbprint(&signing),
        };
        Ok(Self { id, signing })
    }

    /// Reads the text of a private JWK.
    ///
    /// # Errors
    /// [`IssuerError::InvalidJwk`], which shows nothing of it.
    pub fn from_json(text: &[u8]) -> Result<Self, IssuerError> {
        let mut jwk: Value = serde_json::from_slice(text).map_err(|_| IssuerError::InvalidJwk("a JSON object"))?;
        let key = Self::from_jwk(&jwk);
        if let Some(Value::String(secret)) = jwk.get_mut("d") {
            secret.zeroize();
        }
        key
    }

    /// Reads a private JWK (RFC 8037 section 2).
    ///
    /// # Errors
    /// [`IssuerError::InvalidJwk`], which shows nothing of it.
    pub fn from_jwk(jwk: &Value) -> Result<Self, IssuerError> {
        let expected = IssuerError::InvalidJwk;
        let member = |name: &str| jwk.get(name).and_then(Value::as_str);
        if member("kty") != Some("OKP") || member("crv") != Some("Ed25519") {
            return Err(expected("`kty` `OKP` and `crv` `Ed25519`"));
        }
        let id = member("kid").filter(|id| !id.is_empty()).ok_or_else(|| expected("`kid`"))?;
        let bytes = |name| {
            let mut bytes = Zeroizing::new([0; 32]);
            // In constant time, as it may be the secret.
            let decoded = Base64UrlUnpadded::decode(member(name)?, bytes.as_mut()).ok()?.len();
            (decoded == 32).then_some(bytes)
        };
        let seed = bytes("d").filter(|seed| **seed != [0; 32]).ok_or_else(|| expected("`d` of 43 characters"))?;
        let public = bytes("x").ok_or_else(|| expected("`x` of 43 characters"))?;
        let signing = SigningKey::from_bytes(&seed);
        // Two halves that do not belong together would leak the secret (RUSTSEC-2022-0093).
        if signing.verifying_key().as_bytes() != &*public {
            return Err(expected("`x` that belongs to `d`"));
        }
        if PublicKey::from_bytes(&public).is_ok_and(|public| public.is_published()) {
            return Err(expected(
                "a key of your own, as `datakit-token keygen` makes them: everybody can read this one",
            ));
        }
        Ok(Self { id: id.into(), signing })
    }

    /// The key id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The private JWK as text.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<String> {
        let (id, x, secret) = (json!(self.id), self.x(), self.secret());
        Zeroizing::new(format!(
            "{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":{id},\"x\":\"{x}\",\"d\":\"{}\"}}\n",
            *secret
        ))
    }

    /// The private JWK.
    pub(crate) fn private_jwk(&self) -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": self.x(), "d": *self.secret() })
    }

    /// A token of the type `at+jwt` (RFC 9068 section 2.1) with these claims, signed byte for byte.
    #[must_use]
    pub fn sign_token(&self, claims: &[u8]) -> String {
        self.sign(&json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": self.id }), claims)
    }

    /// A JWS in compact serialisation (RFC 7515 section 7.1), its header sorted by its names.
    #[must_use]
    pub fn sign(&self, header: &Value, payload: &[u8]) -> String {
        let mut header = header.clone();
        header.sort_all_objects();
        let encode = Base64UrlUnpadded::encode_string;
        let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(payload));
        let signature = encode(&self.signing.sign(signed.as_bytes()).to_bytes());
        format!("{signed}.{signature}")
    }

    /// The public JWK.
    #[must_use]
    pub fn public(&self) -> Value {
        // `EdDSA` and not `Ed25519`: Envoy's own filter refuses to start with the latter.
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.id, "use": "sig", "alg": "EdDSA", "x": self.x() })
    }

    fn x(&self) -> String {
        Base64UrlUnpadded::encode_string(self.signing.verifying_key().as_bytes())
    }

    fn secret(&self) -> Zeroizing<String> {
        let seed = Zeroizing::new(self.signing.to_bytes());
        Zeroizing::new(Base64UrlUnpadded::encode_string(seed.as_ref()))
    }
}

/// RFC 7638, RFC 8037 appendix A.3.
fn thumbprint(key: &SigningKey) -> String {
    let x = Base64UrlUnpadded::encode_string(key.verifying_key().as_bytes());
    let digest = Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#));
    Base64UrlUnpadded::encode_string(&digest)
}

/// An id that every verifier takes.
///
/// # Errors
/// [`IssuerError::InvalidKeyId`]
pub fn check_key_id(id: &str) -> Result<&str, IssuerError> {
    if id.is_empty() || id.len() > MAX_KEY_ID { Err(IssuerError::InvalidKeyId) } else { Ok(id) }
}

/// The key id of a JWK; empty if it has none.
#[must_use]
pub fn jwk_id(jwk: &Value) -> &str {
    jwk.get("kid").and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::thumbprint;

    #[test]
    fn thumbprint_of_rfc_8037_appendix_a_3() {
        let seed = [
            0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49,
            0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
        ];
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        assert_eq!(thumbprint(&key), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }
}
