//! Test keys and tokens. The keys are public knowledge: their seeds are the names, hashed by nobody.

use std::{fs::File, io::Read};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use curve25519_dalek::scalar::Scalar;
use datakit_token::BUNDLE_TYPE;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha512};

/// The signing key with this name: its bytes, repeated, are the seed.
#[must_use]
pub fn key(name: &str) -> SigningKey {
    let mut seed = [0; 32];
    for (byte, character) in seed.iter_mut().zip(name.bytes().cycle()) {
        *byte = character;
    }
    SigningKey::from_bytes(&seed)
}

/// A key of this run's own, as its users have one.
///
/// # Panics
/// Without the system's randomness.
#[must_use]
#[expect(clippy::expect_used, reason = "an assertion")]
pub fn fresh_key() -> SigningKey {
    let mut seed = [0; 32];
    File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut seed)).expect("randomness");
    SigningKey::from_bytes(&seed)
}

/// The public half as a JWK, with the name as `kid`, and the member without which nobody takes a published key.
#[must_use]
pub fn jwk(name: &str) -> Value {
    let x = encode(key(name).verifying_key().as_bytes());
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": name, "x": x, "for_tests": true })
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

/// A trust bundle with these members, signed by the root of this name.
#[must_use]
pub fn bundle(root: &str, members: &Value) -> String {
    let header = json!({ "alg": "EdDSA", "typ": BUNDLE_TYPE, "kid": root });
    sign(&key(root), header.to_string().as_bytes(), members.to_string().as_bytes())
}

/// The bytes of hexadecimal digits.
#[must_use]
pub fn decode_hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks_exact(2).filter_map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}

/// The challenge of RFC 8032 section 5.1.7, for signatures that no signing function makes.
#[must_use]
pub fn challenge(r: &[u8; 32], key: &[u8; 32], message: &[u8]) -> Scalar {
    Scalar::from_bytes_mod_order_wide(
        &Sha512::new().chain_update(r).chain_update(key).chain_update(message).finalize().into(),
    )
}
