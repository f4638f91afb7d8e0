//! base64url without padding (RFC 4648 section 5, RFC 7515 section 2).

use alloc::{string::String, vec::Vec};

use core::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The text is not base64url without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidBase64Url;

/// Decodes a text; bytes have one spelling, so padding and bits that are left over are refused (RFC 4648 section 3.5).
///
/// # Errors
/// [`InvalidBase64Url`], which says no more on purpose.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, InvalidBase64Url> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidBase64Url)
}

/// Encodes bytes.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl fmt::Display for InvalidBase64Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("expected base64url without padding")
    }
}

impl core::error::Error for InvalidBase64Url {}
