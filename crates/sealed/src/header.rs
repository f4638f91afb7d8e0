//! The header of an encrypted token (RFC 7516 section 4), as far as it is needed to open it.

use alloc::{string::String, vec::Vec};

use datakit_token::{MAX_KEY_ID, Reason};
use datakit_token_encoding::{
    base64url,
    header::{self, announces_token},
    json::{Json, Object, Value},
};
use x25519_dalek::PublicKey;

use crate::jwk::{is_canonical, key_bytes};

/// Bytes of `apu` and of `apv`.
const MAX_PARTY_INFO: usize = 256;

/// A header whose algorithms are accepted.
pub(crate) struct JweHeader(Json);

/// What enters the key agreement.
pub(crate) struct Agreement {
    pub(crate) ephemeral: PublicKey,
    pub(crate) apu: Vec<u8>,
    pub(crate) apv: Vec<u8>,
}

impl JweHeader {
    /// Reads a decoded header: form, `crit`, algorithms.
    pub(crate) fn read(decoded: Vec<u8>) -> Result<Self, Reason> {
        let json = header::read(decoded).map_err(|_| Reason::Malformed)?;
        let header = json.members();
        let algorithm = text(header, "alg")?.ok_or(Reason::Malformed)?;
        let encryption = text(header, "enc")?.ok_or(Reason::Malformed)?;
        text(header, "cty")?;
        if text(header, "kid")?.is_some_and(|key_id| key_id.is_empty() || key_id.len() > MAX_KEY_ID) {
            return Err(Reason::Malformed);
        }
        // RFC 7516 section 4.1.13: no extension is implemented.
        if header.has("crit") {
            return Err(Reason::CriticalHeader);
        }
        // RFC 8725 section 3.1: one of each, compared byte for byte. Section 3.6: nothing is decompressed.
        if (algorithm, encryption) != ("ECDH-ES", "A256GCM") || header.has("zip") {
            return Err(Reason::UnsupportedAlgorithm);
        }
        Ok(Self(json))
    }

    pub(crate) fn key_id(&self) -> Option<&str> {
        self.0.members().get("kid").and_then(Value::as_str)
    }

    /// RFC 7518 section 4.6.1 and RFC 8037 section 3.2: the ephemeral key, and what the parties say of themselves.
    pub(crate) fn agreement(&self) -> Result<Agreement, Reason> {
        let header = self.0.members();
        let ephemeral = header.get("epk").and_then(Value::as_object).ok_or(Reason::Malformed)?;
        if text(ephemeral, "kty")? != Some("OKP") || text(ephemeral, "crv")? != Some("X25519") || ephemeral.has("d") {
            return Err(Reason::Malformed);
        }
        let ephemeral = text(ephemeral, "x")?.and_then(key_bytes).ok_or(Reason::Malformed)?;
        let (apu, apv) = (party(header, "apu")?, party(header, "apv")?);
        // Well formed, but no key. One of small order is seen later, when it has agreed on nothing.
        if !is_canonical(&ephemeral) {
            return Err(Reason::DecryptionFailed);
        }
        Ok(Agreement { ephemeral: PublicKey::from(*ephemeral), apu, apv })
    }

    /// RFC 7519 section 5.2: a token is inside.
    pub(crate) fn check_content_type(&self) -> Result<(), Reason> {
        let content_type = self.0.members().get("cty").and_then(Value::as_str);
        if content_type.is_some_and(announces_token) { Ok(()) } else { Err(Reason::UnsupportedType) }
    }

    /// A member as compact JSON.
    pub(crate) fn member(&self, name: &str) -> Option<String> {
        self.0.members().get(name).map(Value::to_json)
    }
}

/// RFC 7518 sections 4.6.1.2 and 4.6.1.3: base64url, empty if absent.
fn party(header: Object<'_>, name: &str) -> Result<Vec<u8>, Reason> {
    let party = base64url::decode(text(header, name)?.unwrap_or_default().as_bytes()).ok();
    party.filter(|party| party.len() <= MAX_PARTY_INFO).ok_or(Reason::Malformed)
}

/// A member that is text, absent, or an error.
fn text<'h>(header: Object<'h>, name: &str) -> Result<Option<&'h str>, Reason> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Reason::Malformed),
    }
}
