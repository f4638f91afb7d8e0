//! Ed25519 (RFC 8032), as strict as `verify_strict` plus canonical encodings.

use core::fmt;

use ed25519_dalek::{Signature, VerifyingKey};

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
        self.0.verify_strict(message, &Signature::from_bytes(signature)).map_err(|_| InvalidSignature)
    }
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
    use super::{InvalidPublicKey, PublicKey};

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
