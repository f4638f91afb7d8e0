//! Test keys and tokens. The keys are public knowledge: their seeds are the names, hashed by nobody.

use std::{fs::File, io::Read};

use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInOut};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use curve25519_dalek::scalar::Scalar;
use datakit_token::BUNDLE_TYPE;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};
use x25519_dalek::{PublicKey as X25519, StaticSecret};

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

/// The private key of this name that tokens are encrypted for: its bytes, repeated.
#[must_use]
pub fn decryption_key(name: &str) -> StaticSecret {
    StaticSecret::from(key(name).to_bytes())
}

/// The private JWK of that, with the name as `kid`.
#[must_use]
pub fn private_jwk(name: &str) -> Value {
    let private = decryption_key(name);
    let (x, d) = (encode(X25519::from(&private).as_bytes()), encode(private.as_bytes()));
    json!({ "kty": "OKP", "crv": "X25519", "kid": name, "use": "enc", "x": x, "d": d })
}

/// The public JWK of that.
#[must_use]
pub fn encryption_jwk(name: &str) -> Value {
    let mut jwk = private_jwk(name);
    jwk.as_object_mut().and_then(|members| members.remove("d"));
    jwk
}

/// What enters a JWE besides its content, good or not.
pub struct Seal<'s> {
    /// The key of the content: see [`content_key`].
    pub key: [u8; 32],
    /// The header as it is sent.
    pub header: &'s [u8],
    /// The initialisation vector; those of other lengths than RFC 7518 has encrypt nothing.
    pub iv: &'s [u8],
}

impl Seal<'_> {
    /// The segments of a JWE in compact serialisation around this content (RFC 7516 section 7.1).
    #[must_use]
    pub fn around(&self, content: &[u8]) -> [String; 5] {
        let header = encode(self.header);
        let (mut buffer, mut tag) = (content.to_vec(), Vec::new());
        if let Ok(iv) = <[u8; 12]>::try_from(self.iv) {
            let cipher = Aes256Gcm::new(&self.key.into());
            let made = cipher.encrypt_inout_detached(&iv.into(), header.as_bytes(), buffer.as_mut_slice().into());
            tag = made.unwrap_or_default().to_vec();
        }
        [header, String::new(), encode(self.iv), encode(&buffer), encode(&tag)]
    }
}

/// What is in these five segments, by the library's own way of decrypting; `None` if the tag does not hold.
#[must_use]
pub fn open(recipient: &str, segments: &[&str], ephemeral: [u8; 32], apu: &[u8], apv: &[u8]) -> Option<Vec<u8>> {
    let [header, _, iv, ciphertext, tag] = segments else { return None };
    let decode = |segment: &str| BASE64URL.decode(segment).ok();
    let cipher = Aes256Gcm::new(&content_key(recipient, ephemeral, [b"A256GCM", apu, apv]).into());
    let iv = <[u8; 12]>::try_from(decode(iv)?).ok()?;
    let tag = <[u8; 16]>::try_from(decode(tag)?).ok()?;
    let mut buffer = decode(ciphertext)?;
    let opened =
        cipher.decrypt_inout_detached(&iv.into(), header.as_bytes(), buffer.as_mut_slice().into(), &tag.into());
    opened.ok().map(|()| buffer)
}

/// The key that the recipient of this name derives (RFC 7518 section 4.6.2) from the ephemeral public key of a sender;
/// `info` has what stands for the algorithm and for the parties.
#[must_use]
pub fn content_key(recipient: &str, ephemeral: [u8; 32], info: [&[u8]; 3]) -> [u8; 32] {
    let secret = decryption_key(recipient).diffie_hellman(&X25519::from(ephemeral));
    let length = |part: &[u8]| u32::try_from(part.len()).unwrap_or_default().to_be_bytes();
    let mut hash = Sha256::new().chain_update([0, 0, 0, 1]).chain_update(secret.as_bytes());
    for part in info {
        hash = hash.chain_update(length(part)).chain_update(part);
    }
    hash.chain_update([0, 0, 1, 0]).finalize().into()
}

/// An ephemeral public key, the same each time: tests need to be repeatable.
#[must_use]
pub fn ephemeral() -> [u8; 32] {
    X25519::from(&decryption_key("ephemeral")).to_bytes()
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
