//! JWS compact serialisation (RFC 7515 section 7.1): from text to a signature that holds.

use alloc::{string::String, vec::Vec};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    json::{Json, Object, Value},
    key_tables::KeyTables,
    numeric_date::{NumericDate, UnixTime},
    reason::Reason,
    signature::{InvalidSignature, PublicKey},
};

/// Key ids longer than this name no key.
const MAX_KEY_ID: usize = 256;

/// A token that is well formed, and of which nothing is known yet.
#[derive(Debug)]
pub struct Unverified<'t> {
    signed: &'t [u8],
    payload: Vec<u8>,
    signature: [u8; 64],
    algorithm: Algorithm,
    token_type: Option<String>,
    nested: bool,
    key_id: Option<String>,
}

/// A token whose signature holds, and whose claims nobody has judged yet.
pub struct Verified {
    payload: Vec<u8>,
    key_id: Option<String>,
}

/// The accepted values of `alg`: RFC 8037 section 3.1 and RFC 9864 section 2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    EdDsa,
    Ed25519,
}

impl<'t> Unverified<'t> {
    /// Splits and decodes a token of at most `max_bytes` bytes and reads its header.
    pub(crate) fn parse(token: &'t [u8], max_bytes: usize) -> Result<Self, Reason> {
        // The cap comes before any work (CVE-2025-30204, CVE-2025-27144).
        if token.len() > max_bytes {
            return Err(Reason::TooLarge);
        }
        let Segments { signed, header, payload, signature } = split(token).ok_or(Reason::Malformed)?;
        let header = decode(header)?;
        let payload = decode(payload)?;
        let signature = decode(signature)?.try_into().map_err(|_| Reason::Malformed)?;
        let header = Json::parse_object(header).map_err(|_| Reason::Malformed)?;
        let header = header.members();

        let algorithm_name = text_member(header, "alg")?.ok_or(Reason::Malformed)?;
        let token_type = text_member(header, "typ")?.map(String::from);
        let content_type = text_member(header, "cty")?;
        let key_id = text_member(header, "kid")?;
        // RFC 7515 section 4.1.4 leaves the form open; an empty or endless key id is nobody's.
        if key_id.is_some_and(|key_id| key_id.is_empty() || key_id.len() > MAX_KEY_ID) {
            return Err(Reason::Malformed);
        }
        // RFC 7515 section 4.1.11: no extension is implemented. RFC 7797 section 7: no unencoded payload in a JWT.
        if header.has("crit") || header.has("b64") {
            return Err(Reason::CriticalHeader);
        }
        // RFC 8725 section 3.1: compared byte for byte, never derived from the key.
        let algorithm = match algorithm_name {
            "EdDSA" => Algorithm::EdDsa,
            "Ed25519" => Algorithm::Ed25519,
            _ => return Err(Reason::UnsupportedAlgorithm),
        };
        // RFC 7516 section 4.1.3 has `zip` for JWE alone; whoever acts on it here reads other claims than we do.
        if header.has("zip") {
            return Err(Reason::UnsupportedAlgorithm);
        }
        Ok(Self {
            signed,
            payload,
            signature,
            algorithm,
            // RFC 7519 section 5.2: `cty: JWT` announces a nested token.
            nested: content_type.is_some_and(|content_type| media_type(content_type).eq_ignore_ascii_case("jwt")),
            key_id: key_id.map(String::from),
            token_type,
        })
    }

    /// The issuer that the token claims, unproven: it may choose a key set and nothing else. Read without building
    /// much, for whoever sends this has not signed it yet; the strict reading comes after the signature.
    pub(crate) fn claimed_issuer(&self) -> Option<String> {
        let claimed = Json::parse_unproven(&self.payload).ok()?;
        claimed.members().only("iss")?.as_str().map(String::from)
    }

    /// RFC 8725 section 3.1: the algorithm is one of the configured.
    pub(crate) fn check_algorithm(&self, accepted: &[Algorithm]) -> Result<(), Reason> {
        if accepted.contains(&self.algorithm) { Ok(()) } else { Err(Reason::UnsupportedAlgorithm) }
    }

    /// RFC 9068 section 4, RFC 8725 section 3.11: an explicit type, so that no other kind of JWT passes.
    pub(crate) fn check_type(&self, accepted: &[String]) -> Result<(), Reason> {
        let token_type = self.token_type.as_deref().ok_or(Reason::UnsupportedType)?;
        let matches = |accepted: &String| media_type(accepted).eq_ignore_ascii_case(media_type(token_type));
        if self.nested || !accepted.iter().any(matches) { Err(Reason::UnsupportedType) } else { Ok(()) }
    }

    /// The key id of the header, unproven: it chooses among the issuer's keys and nothing else.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The signature's bytes.
    pub(crate) const fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    /// Whether the token says of itself, unproven, that it is this issuer's and has not expired.
    pub(crate) fn claims_to_be_current(&self, issuer: &str, now: UnixTime) -> bool {
        let Ok(claimed) = Json::parse_unproven(&self.payload) else { return false };
        let (claimed_issuer, expires) = (claimed.members().only("iss"), claimed.members().only("exp"));
        let expires = expires.and_then(Value::as_number).and_then(NumericDate::from_number);
        let is_current = expires.is_some_and(|expires| expires.floor() > now.as_secs());
        claimed_issuer.and_then(Value::as_str) == Some(issuer) && is_current
    }

    /// Checks the signature over the received bytes (RFC 7515 section 5.2).
    pub(crate) fn verify(self, key: &PublicKey, tables: Option<&mut KeyTables>) -> Result<Verified, Reason> {
        let holds = match tables {
            Some(tables) => tables.verify(key, self.signed, &self.signature),
            None => key.verify(self.signed, &self.signature),
        };
        holds.map_err(|InvalidSignature| Reason::BadSignature)?;
        Ok(Verified { payload: self.payload, key_id: self.key_id })
    }
}

impl Verified {
    pub(crate) fn into_parts(self) -> (Vec<u8>, Option<String>) {
        (self.payload, self.key_id)
    }
}

/// Exactly three segments, none of them empty.
struct Segments<'t> {
    /// `header.payload`: what is signed.
    signed: &'t [u8],
    header: &'t [u8],
    payload: &'t [u8],
    signature: &'t [u8],
}

fn split(token: &[u8]) -> Option<Segments<'_>> {
    let mut segments = token.splitn(4, |byte| *byte == b'.');
    let (header, payload, signature) = (segments.next()?, segments.next()?, segments.next()?);
    if segments.next().is_some() || header.is_empty() || payload.is_empty() || signature.is_empty() {
        return None;
    }
    let signed = token.get(..header.len().checked_add(payload.len())?.checked_add(1)?)?;
    Some(Segments { signed, header, payload, signature })
}

/// RFC 7515 section 2: no padding, no white space; RFC 4648 section 3.5: unused bits are zero.
fn decode(segment: &[u8]) -> Result<Vec<u8>, Reason> {
    URL_SAFE_NO_PAD.decode(segment).map_err(|_| Reason::Malformed)
}

/// A header member that is text, absent, or an error.
fn text_member<'h>(header: Object<'h>, name: &str) -> Result<Option<&'h str>, Reason> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Reason::Malformed),
    }
}

/// RFC 7515 section 4.1.9: `application/` may be left out when no other `/` is there.
fn media_type(text: &str) -> &str {
    let prefix = "application/";
    match text.split_at_checked(prefix.len()) {
        Some((head, rest)) if head.eq_ignore_ascii_case(prefix) && !rest.contains('/') => rest,
        _ => text,
    }
}
