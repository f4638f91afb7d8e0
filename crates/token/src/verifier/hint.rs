//! What to look at when a token is refused: for errors and logs of the receiver, never for answers to clients. Hints
//! say what the configuration accepts, and of the token nothing but which of the things known here it is.

use alloc::{string::String, vec::Vec};

use datakit_token_encoding::{
    base64url,
    compact::Segments,
    header::{self, media_type},
    json::Json,
};

use crate::{
    reason::Reason,
    token::header::BUNDLE_TYPE,
    verifier::{provider::Provider, sealed_tokens::Opener},
};

/// Registered names (RFC 7518 section 3.1, RFC 8812, RFC 9864) that real issuers use, and `none`.
const ALGORITHMS: [&str; 15] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K", "HS256", "HS384",
    "HS512", "Ed448", "none",
];
/// Kinds of JWT: RFC 7519 section 5.1, RFC 9068, RFC 9449, OpenID Connect Back-Channel Logout, RFC 8417.
const TYPES: [&str; 6] = ["JWT", "at+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", BUNDLE_TYPE];

/// A sentence about this refusal of a token, if there is more to say than its reason.
// Not a part of what every verification runs.
#[inline(never)]
pub(crate) fn hint(reason: Reason, token: &[u8], providers: &[Provider], opener: &Opener) -> Option<String> {
    let is_sealed = token.iter().filter(|byte| **byte == b'.').count() == 4;
    let opener = opener.as_ref().filter(|_| is_sealed);
    if let Some(hint) = opener.and_then(|opener| opener.hint(token, reason)) {
        return Some(hint);
    }
    let inside = || String::from("in what was encrypted; ");
    let mut hint = match reason {
        Reason::Malformed if opener.is_some() => return None,
        Reason::UnsupportedAlgorithm | Reason::UnsupportedType if opener.is_some() => inside(),
        Reason::UnsupportedAlgorithm if is_signed_for(token, providers) => {
            return Some("it is not encrypted, and `encryption.required` wants it to be".into());
        }
        Reason::Malformed => return about_form(token).map(String::from),
        Reason::UnsupportedAlgorithm => found(token, "alg", &ALGORITHMS),
        Reason::UnsupportedType => found(token, "typ", &TYPES),
        Reason::IssuerMismatch | Reason::AudienceMismatch => String::new(),
        _ => return None,
    };
    let lacks_type = hint.starts_with("no `typ`");
    hint.push_str("accepted: ");
    let mut said: Vec<&str> = Vec::new();
    let mut accept = |one| {
        if !said.contains(&one) {
            hint.push_str(if said.is_empty() { "" } else { ", " });
            hint.push_str(one);
            said.push(one);
        }
    };
    for provider in providers {
        match reason {
            Reason::UnsupportedAlgorithm => provider.acceptance.algorithms.iter().for_each(|one| accept(one.name())),
            Reason::UnsupportedType => provider.acceptance.types.iter().for_each(|one| accept(one)),
            Reason::IssuerMismatch => accept(&provider.acceptance.issuer),
            _ => provider.acceptance.audiences.iter().for_each(|one| accept(one)),
        }
    }
    if lacks_type {
        hint.push_str("; `allow_missing_type` takes tokens without `typ`");
    }
    Some(hint)
}

/// What the header has in this member: one of these names, something else, or nothing.
fn found(token: &[u8], member: &str, known: &[&str]) -> String {
    let header = read_header(token);
    let value = header.as_ref().and_then(|header| header.members().get(member)?.as_str()).map(media_type);
    let name =
        value.map(|value| known.iter().find(|known| known.eq_ignore_ascii_case(value)).map_or("another", |name| name));
    [name.unwrap_or("no"), " `", member, "`; "].concat()
}

/// Whether the algorithm of the signature is one that some provider accepts, of encrypted tokens alone.
fn is_signed_for(token: &[u8], providers: &[Provider]) -> bool {
    let header = read_header(token);
    let algorithm = header.as_ref().and_then(|header| header.members().get("alg")?.as_str());
    let accepts =
        |provider: &Provider| provider.acceptance.algorithms.iter().any(|accepted| Some(accepted.name()) == algorithm);
    providers.iter().any(|provider| provider.encryption_required && accepts(provider))
}

fn read_header(token: &[u8]) -> Option<Json> {
    header::read(base64url::decode(Segments::split(token)?.header).ok()?).ok()
}

/// The commonest mistakes with the text of a token.
fn about_form(token: &[u8]) -> Option<&'static str> {
    let has = |bytes: &[u8]| token.iter().any(|byte| bytes.contains(byte));
    let dots = token.iter().filter(|byte| **byte == b'.').count();
    Some(match (token, dots) {
        ([], _) => "it is empty",
        ([b'B' | b'b', b'e' | b'E', b'a' | b'A', b'r' | b'R', _, _, b' ', ..], _) => {
            "it begins with `Bearer `: hand over what follows"
        }
        _ if has(b"\"'") => "there are quotes in it",
        _ if has(b" \t\r\n") => "there is white space or a line break in it",
        _ if has(b"%") => "there are percent-escapes in it",
        (_, 4) => "it has five segments, as encrypted tokens have",
        (_, 0 | 1 | 3..) => "it does not have three segments, as signed tokens have",
        _ if has(b"+/=") => "it is base64, where tokens have base64url without padding",
        _ => return None,
    })
}
