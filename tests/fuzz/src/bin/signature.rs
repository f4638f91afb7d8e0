//! Key, signature and message against `verify_strict`. The first byte says what to make of the rest: raw, or signed by
//! the key whose seed the first 32 bytes are, and then changed by one bit or not at all.
#![no_main]

use datakit_token::{PublicKey, internal::PrecomputedKeys};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((mode, rest)) = data.split_first() else { return };
    let Some((first, rest)) = rest.split_first_chunk::<32>() else { return };
    let Some((second, message)) = rest.split_first_chunk::<64>() else { return };
    let (key, signature) = if mode % 2 == 0 {
        (*first, *second)
    } else {
        let signer = SigningKey::from_bytes(first);
        let mut key = signer.verifying_key().to_bytes();
        let mut signature = signer.sign(message).to_bytes();
        let bit = usize::from(u16::from_le_bytes([second[0], second[1]])) % 1024;
        match bit / 8 {
            byte @ 0..64 => signature[byte] ^= 1 << (bit % 8),
            byte @ 64..96 => key[byte - 64] ^= 1 << (bit % 8),
            _ => {}
        }
        (key, signature)
    };
    let strict = VerifyingKey::from_bytes(&key).is_ok_and(|point| {
        let canonical = point.to_edwards().compress().to_bytes() == key;
        canonical && !point.is_weak() && point.verify_strict(message, &Signature::from_bytes(&signature)).is_ok()
    });
    let ours = PublicKey::from_bytes(&key);
    assert_eq!(ours.as_ref().is_ok_and(|key| key.verify(message, &signature).is_ok()), strict);
    if let (Ok(key), true) = (ours, mode / 2 % 16 == 0) {
        // With a table of the key's multiples; that takes as long as thirty signatures.
        let mut tables = PrecomputedKeys::new(2 * 655_360);
        tables.prepare(&key);
        assert_eq!(tables.verify(&key, message, &signature).is_ok(), strict);
    }
});
