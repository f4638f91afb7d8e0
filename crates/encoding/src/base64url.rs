//! base64url without padding (RFC 4648 section 5, RFC 7515 section 2).

use alloc::{string::String, vec::Vec};

use base64::{DecodeError, Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Decodes a text; bytes have one spelling, so padding and bits that are left over are refused (RFC 4648 section 3.5).
///
/// # Errors
/// [`DecodeError`] with the place of the fault.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, DecodeError> {
    URL_SAFE_NO_PAD.decode(text)
}

/// Encodes bytes.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
