//! JWS compact serialisation (RFC 7515 section 7.1): from text to a signature that holds.

use alloc::{string::String, vec::Vec};

use datakit_token_encoding::{
    base64url,
    compact::Segments,
    json::{Json, Value},
};

use crate::{
    reason::Reason,
    shared::Shared,
    signature::{
        ed25519::{InvalidSignature, PublicKey},
        precomputed_keys::PrecomputedKeys,
    },
    time::{NumericDate, UnixTime},
    token::header::{Algorithm, JoseHeader, KnownHeader},
};

/// A token that is well formed, and of which nothing is known yet.
#[derive(Debug)]
pub struct Unverified<'t> {
    signed: &'t [u8],
    header: Shared<JoseHeader>,
    /// As it was written.
    header_segment: &'t [u8],
    payload: Vec<u8>,
    signature: [u8; 64],
}

/// A token whose signature holds, and whose claims nobody has judged yet.
pub struct Verified {
    header: Shared<JoseHeader>,
    payload: Vec<u8>,
}

impl<'t> Unverified<'t> {
    /// Splits and decodes a token of at most `max_bytes` bytes and reads its header, unless that is known.
    pub(crate) fn parse(token: &'t [u8], max_bytes: usize, known: Option<&KnownHeader>) -> Result<Self, Reason> {
        // The cap comes before any work (CVE-2025-30204, CVE-2025-27144).
        if token.len() > max_bytes {
            return Err(Reason::TooLarge);
        }
        let Segments { signed, header: header_segment, payload, signature } =
            Segments::split(token).ok_or(Reason::Malformed)?;
        let known_header = known.and_then(|known| known.get(header_segment));
        let text = if known_header.is_some() { Vec::new() } else { decode(header_segment)? };
        let payload = decode(payload)?;
        let signature = decode(signature)?;
        let header = match known_header {
            Some(header) => header,
            None => Shared::new(JoseHeader::read(text)?),
        };
        // Not before the algorithm: most tokens with a signature of another length are good ones of another algorithm.
        let signature = signature.try_into().map_err(|_| Reason::Malformed)?;
        Ok(Self { signed, header, header_segment, payload, signature })
    }

    /// The issuer that the token claims, unproven: it may choose a key set and nothing else. Read without building
    /// much, for whoever sends this has not signed it yet; the strict reading comes after the signature.
    pub(crate) fn claimed_issuer(&self) -> Option<String> {
        let claimed = Json::parse_unproven(&self.payload, &["iss"]).ok()?;
        claimed.members().only("iss")?.as_str().map(String::from)
    }

    /// RFC 8725 section 3.1: the algorithm is one of the configured.
    pub(crate) fn check_algorithm(&self, accepted: &[Algorithm]) -> Result<(), Reason> {
        if accepted.contains(&self.header.algorithm) { Ok(()) } else { Err(Reason::UnsupportedAlgorithm) }
    }

    /// The type is one of the configured.
    pub(crate) fn check_type(&self, accepted: &[String], allow_missing: bool) -> Result<(), Reason> {
        if self.header.has_type(accepted, allow_missing) { Ok(()) } else { Err(Reason::UnsupportedType) }
    }

    /// The key id of the header, unproven: it chooses among the issuer's keys and nothing else.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.header.key_id.as_deref()
    }

    /// The header, and how it was written.
    pub(crate) fn header(&self) -> (Shared<JoseHeader>, &'t [u8]) {
        (Shared::clone(&self.header), self.header_segment)
    }

    /// The signature's bytes.
    pub(crate) const fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    /// Whether the token says of itself, unproven, that it is this issuer's and has not expired.
    pub(crate) fn claims_to_be_current(&self, issuer: &str, now: UnixTime) -> bool {
        let Ok(claimed) = Json::parse_unproven(&self.payload, &["iss", "exp"]) else { return false };
        let (claimed_issuer, expires) = (claimed.members().only("iss"), claimed.members().only("exp"));
        let expires = expires.and_then(Value::as_number).and_then(NumericDate::from_number);
        let is_current = expires.is_some_and(|expires| expires.floor() > now.as_secs());
        claimed_issuer.and_then(Value::as_str) == Some(issuer) && is_current
    }

    /// Checks the signature over the received bytes (RFC 7515 section 5.2).
    pub(crate) fn verify(self, key: &PublicKey, tables: Option<&mut PrecomputedKeys>) -> Result<Verified, Reason> {
        let holds = match tables {
            Some(tables) => tables.verify(key, self.signed, &self.signature),
            None => key.verify(self.signed, &self.signature),
        };
        holds.map_err(|InvalidSignature| Reason::BadSignature)?;
        Ok(Verified { header: self.header, payload: self.payload })
    }
}

impl Verified {
    pub(crate) fn into_parts(self) -> (Shared<JoseHeader>, Vec<u8>) {
        (self.header, self.payload)
    }
}

/// RFC 7515 section 2: no padding, no white space; RFC 4648 section 3.5: unused bits are zero.
fn decode(segment: &[u8]) -> Result<Vec<u8>, Reason> {
    base64url::decode(segment).map_err(|_| Reason::Malformed)
}
