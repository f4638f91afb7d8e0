//! What every JOSE header has in common, of a signed token (RFC 7515 section 4) or of an encrypted one (RFC 7516
//! section 4).
//!
//! `#[inline]`: compiled with the crate that calls it, for it is read seldom and need not be fast.

use alloc::vec::Vec;

use crate::json::{InvalidJson, Json};

/// Names and values of a header. It is read before anything is known of its sender, so it must not cost more than a
/// good one.
const MAX_VALUES: usize = 128;

/// Reads a decoded header: strict JSON, an object of at most 128 names and values.
///
/// # Errors
/// [`InvalidJson`]
#[inline]
pub fn read(text: Vec<u8>) -> Result<Json, InvalidJson> {
    Json::parse_small_object(text, MAX_VALUES)
}

/// A media type without its prefix: RFC 7515 section 4.1.9 says that `application/` may be left out when no other `/`
/// is there. Case does not count.
#[must_use]
#[inline]
pub fn media_type(text: &str) -> &str {
    let prefix = "application/";
    match text.split_at_checked(prefix.len()) {
        Some((head, rest)) if head.eq_ignore_ascii_case(prefix) && !rest.contains('/') => rest,
        _ => text,
    }
}

/// RFC 7519 section 5.2: the content type that announces a token inside.
#[must_use]
#[inline]
pub fn announces_token(content_type: &str) -> bool {
    media_type(content_type).eq_ignore_ascii_case("jwt")
}
