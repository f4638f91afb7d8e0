//! The private key as a JWK (RFC 8037), on disk.

use std::path::Path;

use base64ct::{Base64UrlUnpadded, Encoding};
use datakit_token::{MAX_KEY_ID, PublicKey};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::{failure::Failure, files::read_secret};

/// A signing key with its id.
pub(crate) struct PrivateKey {
    pub(crate) id: String,
    pub(crate) signing: SigningKey,
}

impl PrivateKey {
    /// Makes a key from the system's randomness; without an id it gets its thumbprint (RFC 7638).
    pub(crate) fn generate(id: Option<String>) -> Result<Self, Failure> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(|error| Failure::new(format!("no randomness: {error}")))?;
        let signing = SigningKey::from_bytes(&seed);
        let id = id.unwrap_or_else(|| thumbprint(&signing));
        Ok(Self { id, signing })
    }

    /// Reads a private JWK that is its user's own.
    pub(crate) fn read(file: &Path) -> Result<Self, Failure> {
        let text = read_secret(file)?;
        let expected = |what: &str| Failure::at(file, format!("expected a private Ed25519 JWK: {what}"));
        let mut jwk: Value = serde_json::from_slice(&text).map_err(|_| expected("a JSON object"))?;
        let key = Self::from_jwk(&jwk).map_err(|what| expected(&what));
        if let Some(Value::String(secret)) = jwk.get_mut("d") {
            secret.zeroize();
        }
        key
    }

    /// Reads a private JWK (RFC 8037 section 2); the error says what was expected.
    pub(crate) fn from_jwk(jwk: &Value) -> Result<Self, String> {
        let expected = |what: &str| String::from(what);
        let member = |name: &str| jwk.get(name).and_then(Value::as_str);
        if member("kty") != Some("OKP") || member("crv") != Some("Ed25519") {
            return Err(expected("`kty` `OKP` and `crv` `Ed25519`"));
        }
        let id = member("kid").filter(|id| !id.is_empty()).ok_or_else(|| expected("`kid`"))?.to_owned();
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
        Ok(Self { id, signing })
    }

    /// The private JWK as text.
    pub(crate) fn private(&self) -> Zeroizing<String> {
        let seed = Zeroizing::new(self.signing.to_bytes());
        let secret = Zeroizing::new(Base64UrlUnpadded::encode_string(seed.as_ref()));
        let id = json!(self.id);
        let x = Base64UrlUnpadded::encode_string(self.signing.verifying_key().as_bytes());
        Zeroizing::new(format!(
            "{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":{id},\"x\":\"{x}\",\"d\":\"{}\"}}\n",
            *secret
        ))
    }

    /// A JWS in compact serialisation (RFC 7515 section 7.1).
    pub(crate) fn sign(&self, header: &Value, payload: &[u8]) -> String {
        let encode = Base64UrlUnpadded::encode_string;
        let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(payload));
        let signature = encode(&self.signing.sign(signed.as_bytes()).to_bytes());
        format!("{signed}.{signature}")
    }

    /// The public JWK.
    pub(crate) fn public(&self) -> Value {
        let x = Base64UrlUnpadded::encode_string(self.signing.verifying_key().as_bytes());
        // `EdDSA` and not `Ed25519`: Envoy's own filter refuses to start with the latter.
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.id, "use": "sig", "alg": "EdDSA", "x": x })
    }
}

/// RFC 7638, RFC 8037 appendix A.3.
fn thumbprint(key: &SigningKey) -> String {
    let x = Base64UrlUnpadded::encode_string(key.verifying_key().as_bytes());
    let digest = Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#));
    Base64UrlUnpadded::encode_string(&digest)
}

/// An id that every verifier takes.
pub(crate) fn key_id(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > MAX_KEY_ID {
        Err(format!("expected 1 to {MAX_KEY_ID} bytes"))
    } else {
        Ok(text.into())
    }
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
