//! Test keys and tokens. The keys are public knowledge: their seeds are the names, hashed by nobody.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};

/// The signing key with this name: its bytes, repeated, are the seed.
#[must_use]
pub fn key(name: &str) -> SigningKey {
    let mut seed = [0; 32];
    for (byte, character) in seed.iter_mut().zip(name.bytes().cycle()) {
        *byte = character;
    }
    SigningKey::from_bytes(&seed)
}

/// The public half as a JWK, with the name as `kid`.
#[must_use]
pub fn jwk(name: &str) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": name, "x": encode(key(name).verifying_key().as_bytes()) })
}

/// base64url without padding.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    BASE64URL.encode(bytes)
}

/// A JWS in compact serialisation over exactly these bytes.
#[must_use]
pub fn sign(key: &SigningKey, header: &[u8], payload: &[u8]) -> String {
    let signed = format!("{}.{}", encode(header), encode(payload));
    let signature = encode(&key.sign(signed.as_bytes()).to_bytes());
    format!("{signed}.{signature}")
}
