//! JWE compact serialisation (RFC 7516 section 7.1): from text to what can be opened.

use alloc::vec::Vec;

use datakit_token::Reason;
use datakit_token_encoding::base64url;

use crate::{
    content::{IV_BYTES, TAG_BYTES},
    header::{Agreement, JweHeader},
};

/// A well-formed token of the accepted algorithms, of which nothing else is known yet.
pub(crate) struct Jwe<'t> {
    pub(crate) header: JweHeader,
    pub(crate) agreement: Agreement,
    /// The header as it was sent, which the tag covers (RFC 7516 section 5.2, step 15).
    pub(crate) header_segment: &'t [u8],
    pub(crate) iv: [u8; IV_BYTES],
    pub(crate) ciphertext: Vec<u8>,
    pub(crate) tag: [u8; TAG_BYTES],
}

impl<'t> Jwe<'t> {
    /// Splits and decodes a token and reads its header, in a fixed order: segments, base64url, header, `crit`,
    /// algorithms, form of what they ask for, content type.
    pub(crate) fn parse(token: &'t [u8]) -> Result<Self, Reason> {
        let mut segments = token.split(|byte| *byte == b'.');
        let mut segment = || segments.next().ok_or(Reason::Malformed);
        let header_segment = segment()?;
        let [encrypted_key, iv, ciphertext, tag] = [segment()?, segment()?, segment()?, segment()?];
        if segments.next().is_some() {
            return Err(Reason::Malformed);
        }
        let header = decode(header_segment)?;
        let [encrypted_key, iv, ciphertext, tag] =
            [decode(encrypted_key)?, decode(iv)?, decode(ciphertext)?, decode(tag)?];
        let header = JweHeader::read(header)?;
        // Not before the algorithms: others have an encrypted key, and longer or shorter ones of the rest.
        // RFC 7516 section 5.2, step 10: with direct agreement there is no encrypted key.
        if !encrypted_key.is_empty() {
            return Err(Reason::Malformed);
        }
        // RFC 7518 section 5.3: 96 bits, and 128 of the tag, never fewer.
        let iv = iv.try_into().map_err(|_| Reason::Malformed)?;
        let tag = tag.try_into().map_err(|_| Reason::Malformed)?;
        let agreement = header.agreement()?;
        header.check_content_type()?;
        Ok(Self { header, agreement, header_segment, iv, ciphertext, tag })
    }
}

/// RFC 7515 section 2: no padding, no white space; RFC 4648 section 3.5: unused bits are zero.
fn decode(segment: &[u8]) -> Result<Vec<u8>, Reason> {
    base64url::decode(segment).map_err(|_| Reason::Malformed)
}
