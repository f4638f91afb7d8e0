//! The protected header of a token (RFC 7515 section 4).

use alloc::{string::String, vec::Vec};

use datakit_token_encoding::{
    header::{self, announces_token, media_type},
    json::{Object, Value},
};

use crate::{reason::Reason, shared::Shared};

/// The `typ` of a trust bundle, which no token has.
pub const BUNDLE_TYPE: &str = "keybundle+jwt";
/// Bytes of a key id (`kid`). A longer one names no key.
pub const MAX_KEY_ID: usize = 256;

/// What a header says, as far as this project has a use for it.
#[derive(Debug)]
pub(crate) struct JoseHeader {
    pub(crate) algorithm: Algorithm,
    token_type: Option<String>,
    nested: bool,
    pub(crate) key_id: Option<String>,
}

/// The accepted values of `alg`: RFC 8037 section 3.1 and RFC 9864 section 2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    EdDsa,
    Ed25519,
}

impl Algorithm {
    /// The name in `alg`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }
}

/// A header that has been read, and how it was written: all tokens of one key have the same.
pub(crate) struct KnownHeader {
    segment: Vec<u8>,
    header: Shared<JoseHeader>,
}

impl JoseHeader {
    /// Reads a decoded header.
    pub(crate) fn read(text: Vec<u8>) -> Result<Self, Reason> {
        let header = header::read(text).map_err(|_| Reason::Malformed)?;
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
        // RFC 7519 section 5.2: `cty: JWT` announces a nested token.
        let nested = content_type.is_some_and(announces_token);
        Ok(Self { algorithm, token_type, nested, key_id: key_id.map(String::from) })
    }

    /// RFC 9068 section 4, RFC 8725 section 3.11: an explicit type, so that no other kind of JWT passes. RFC 7519
    /// section 5.1 leaves it out where the application knows the kind: that is for the configuration to say.
    pub(crate) fn has_type(&self, accepted: &[String], allow_missing: bool) -> bool {
        let matches =
            |token_type: &str| accepted.iter().any(|one| media_type(one).eq_ignore_ascii_case(media_type(token_type)));
        !self.nested && self.token_type.as_deref().map_or(allow_missing, matches)
    }
}

impl KnownHeader {
    pub(crate) fn new(header: Shared<JoseHeader>, segment: &[u8]) -> Self {
        Self { segment: segment.into(), header }
    }

    /// The header, if it is written like this.
    pub(crate) fn get(&self, segment: &[u8]) -> Option<Shared<JoseHeader>> {
        self.is_written(segment).then(|| Shared::clone(&self.header))
    }

    /// Whether it was this that gave the header.
    pub(crate) fn gave(&self, header: &Shared<JoseHeader>) -> bool {
        Shared::ptr_eq(&self.header, header)
    }

    fn is_written(&self, segment: &[u8]) -> bool {
        self.segment == segment
    }
}

/// A header member that is text, absent, or an error.
fn text_member<'h>(header: Object<'h>, name: &str) -> Result<Option<&'h str>, Reason> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Reason::Malformed),
    }
}

#[cfg(test)]
mod tests {

    use super::{JoseHeader, KnownHeader};
    use crate::shared::Shared;

    #[test]
    fn a_header_is_known_by_every_byte_of_it() {
        let header = Shared::new(JoseHeader::read(br#"{"alg":"EdDSA","kid":"k1"}"#.to_vec()).unwrap());
        let known = KnownHeader::new(Shared::clone(&header), b"eyJhbGci");
        assert!(known.get(b"eyJhbGci").is_some_and(|found| Shared::ptr_eq(&found, &header)));
        for other in [&b"eyJhbGcj"[..], b"eyJhbGc", b"eyJhbGciA", b""] {
            assert!(known.get(other).is_none() && !known.is_written(other));
        }
    }
}
