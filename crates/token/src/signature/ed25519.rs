//! Ed25519 (RFC 8032), as strict as `verify_strict` plus canonical encodings.

use core::fmt;

use curve25519_dalek::{edwards::EdwardsPoint, scalar::Scalar};
use ed25519_dalek::VerifyingKey;
use sha2::{Digest, Sha512};

/// The eight points of small order, each in its one encoding. Whoever chooses R among them needs no private key for
/// some messages.
const SMALL_ORDER: [[u8; 32]; 8] = [
    hex(b"0100000000000000000000000000000000000000000000000000000000000000"),
    hex(b"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    hex(b"0000000000000000000000000000000000000000000000000000000000000080"),
    hex(b"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    hex(b"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    hex(b"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
    hex(b"0000000000000000000000000000000000000000000000000000000000000000"),
    hex(b"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
];

/// A public key that cannot be used to forge: canonical encoding, on the curve, not of small order.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads the 32 bytes of RFC 8032 section 5.1.5.
    ///
    /// # Errors
    /// [`InvalidPublicKey`] if the bytes are no canonical point, or a point of small order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, InvalidPublicKey> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| InvalidPublicKey)?;
        // RFC 8032 section 5.1.3: one encoding per point. Decompression alone also takes y >= p and x = 0 with a sign.
        let canonical = key.to_edwards().compress().to_bytes() == *bytes;
        // A key of small order accepts one constant signature for every message.
        if !canonical || key.is_weak() {
            return Err(InvalidPublicKey);
        }
        Ok(Self(key))
    }

    /// The 32 bytes of RFC 8032 section 5.1.5.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Checks a signature: S below the group order, R canonical and not of small order, cofactorless equation
    /// (RFC 8032 section 5.1.7).
    ///
    /// # Errors
    /// [`InvalidSignature`], which says no more on purpose.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), InvalidSignature> {
        SignatureEquation::read(self, message, signature)?.check_without_tables(self)
    }

    /// The point whose multiples a check adds up.
    pub(crate) fn minus_point(&self) -> EdwardsPoint {
        -self.0.to_edwards()
    }
}

/// What a signature states: `R = sB - kA` (RFC 8032 section 5.1.7). R need not be decompressed: a point has one
/// encoding, and what is computed is compared as bytes.
pub(crate) struct SignatureEquation {
    commitment: [u8; 32],
    response: Scalar,
    challenge: Scalar,
}

impl SignatureEquation {
    /// Reads a signature. Refused: S not below the group order, R of small order.
    pub(crate) fn read(key: &PublicKey, message: &[u8], signature: &[u8; 64]) -> Result<Self, InvalidSignature> {
        let (commitment, response) = signature.split_first_chunk::<32>().ok_or(InvalidSignature)?;
        let response = <[u8; 32]>::try_from(response).map_err(|_| InvalidSignature)?;
        let response = Option::<Scalar>::from(Scalar::from_canonical_bytes(response)).ok_or(InvalidSignature)?;
        if SMALL_ORDER.contains(commitment) {
            return Err(InvalidSignature);
        }
        let hash = Sha512::new().chain_update(commitment).chain_update(key.as_bytes()).chain_update(message);
        let challenge = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        Ok(Self { commitment: *commitment, response, challenge })
    }

    /// `s`
    pub(crate) const fn response(&self) -> &Scalar {
        &self.response
    }

    /// `k`
    pub(crate) const fn challenge(&self) -> &Scalar {
        &self.challenge
    }

    /// Whether this is `sB - kA`, as computed.
    pub(crate) fn check(&self, sum: &EdwardsPoint) -> Result<(), InvalidSignature> {
        if sum.compress().to_bytes() == self.commitment { Ok(()) } else { Err(InvalidSignature) }
    }

    pub(crate) fn check_without_tables(&self, key: &PublicKey) -> Result<(), InvalidSignature> {
        let sum =
            EdwardsPoint::vartime_double_scalar_mul_basepoint(&self.challenge, &key.minus_point(), &self.response);
        self.check(&sum)
    }
}

/// 64 digits; anything else does not compile.
const fn hex(digits: &[u8; 64]) -> [u8; 32] {
    let mut bytes = [0; 32];
    let (pairs, _) = digits.as_chunks::<2>();
    let mut rest = pairs;
    let mut place: &mut [u8] = &mut bytes;
    while let (Some(([high, low], others)), Some((byte, following))) = (rest.split_first(), place.split_first_mut()) {
        *byte = digit(*high).wrapping_mul(16).wrapping_add(digit(*low));
        (rest, place) = (others, following);
    }
    bytes
}

const fn digit(digit: u8) -> u8 {
    if digit.is_ascii_digit() { digit.wrapping_sub(b'0') } else { digit.wrapping_sub(b'a').wrapping_add(10) }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PublicKey")
    }
}

/// The bytes are no usable Ed25519 public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPublicKey;

impl fmt::Display for InvalidPublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not a canonical Ed25519 public key of large order")
    }
}

impl core::error::Error for InvalidPublicKey {}

/// The signature does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidSignature;

impl fmt::Display for InvalidSignature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the signature does not hold")
    }
}

impl core::error::Error for InvalidSignature {}

#[cfg(test)]
mod tests {
    use super::{InvalidPublicKey, PublicKey, SMALL_ORDER};

    #[test]
    fn small_order_points_are_those_of_the_curve() {
        let torsion = curve25519_dalek::constants::EIGHT_TORSION;
        for point in torsion {
            assert!(SMALL_ORDER.contains(&point.compress().to_bytes()));
        }
        for (index, encoding) in SMALL_ORDER.iter().enumerate() {
            assert!(!SMALL_ORDER[..index].contains(encoding));
        }
    }

    #[test]
    fn identity_key_is_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(PublicKey::from_bytes(&identity).unwrap_err(), InvalidPublicKey);
    }

    #[test]
    fn non_canonical_y_is_refused() {
        // p + 3 and p + 4 .. p + 18: y values that decompression reduces silently.
        for low in 0xed_u8..=0xff {
            let mut bytes = [0xff; 32];
            bytes[0] = low;
            bytes[31] = 0x7f;
            assert!(PublicKey::from_bytes(&bytes).is_err(), "{low:x}");
        }
    }
}
