//! What a log may show of a denied request's path: everything but tokens.

use alloc::vec::Vec;

use crate::request::{carrier::Carriers, percent::percent_decode, request::split_parameter};

/// Stands where a token was.
const REDACTED: &[u8] = b"-";
/// A shorter text behind a known prefix is no token.
const MIN_SECRET: usize = 16;

/// The request target without tokens, if there is one in it: the values of all carriers, and whatever looks like a
/// token anywhere else.
pub(crate) fn redact(target: &[u8], carriers: &Carriers) -> Option<Vec<u8>> {
    let (path, query) = match target.iter().position(|byte| *byte == b'?') {
        Some(mark) => target.split_at_checked(mark)?,
        None => (target, &b""[..]),
    };
    let mut shown = Vec::with_capacity(target.len());
    for (index, segment) in path.split(|byte| *byte == b'/').enumerate() {
        if index > 0 {
            shown.push(b'/');
        }
        shown.extend_from_slice(if is_like_a_token(segment) { REDACTED } else { segment });
    }
    if let Some(query) = query.get(1..) {
        shown.push(b'?');
        for (index, part) in query.split(|byte| *byte == b'&').enumerate() {
            if index > 0 {
                shown.push(b'&');
            }
            let (name, value) = split_parameter(part);
            match value {
                Some(value) if carriers.is_parameter(name) || is_like_a_token(value) => {
                    shown.extend_from_slice(if is_like_a_token(name) { REDACTED } else { name });
                    shown.push(b'=');
                    shown.extend_from_slice(REDACTED);
                }
                _ => shown.extend_from_slice(if is_like_a_token(part) { REDACTED } else { part }),
            }
        }
    }
    (shown != target).then_some(shown)
}

/// A header of a JWS or JWE in base64url (`{"` is `eyJ`) with a dot after it, or one of the product's own tokens.
fn is_like_a_token(text: &[u8]) -> bool {
    let decoded = percent_decode(text);
    let text = decoded.as_deref().unwrap_or(text);
    let dot = text.iter().rposition(|byte| *byte == b'.');
    // One way through the text, whoever sends it: each mark ends in a byte that hardly any other text has.
    text.iter().enumerate().any(|(last, byte)| {
        let follows =
            |marks: &[&[u8]]| text.get(..last).is_some_and(|head| marks.iter().any(|mark| head.ends_with(mark)));
        match byte {
            b'J' => dot.is_some_and(|dot| last < dot) && follows(&[b"ey"]),
            b'_' => text.len().saturating_sub(last) > MIN_SECRET && follows(&[b"tkn", b"token", b"tokn"]),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::redact;
    use crate::request::{carrier::Carriers, config::FromConfig};

    #[test]
    fn tokens_are_not_shown_wherever_they_stand() {
        let mut carriers = Carriers::default();
        let mut from = FromConfig::default();
        from.params.push(alloc::string::String::from("token").into());
        carriers.add(from).unwrap();
        for (target, shown) in [
            ("/a?token=x&b=%2F&&", "/a?token=-&b=%2F&&"),
            ("/a?%74oken=x", "/a?%74oken=-"),
            ("/a?token=1&token=2", "/a?token=-&token=-"),
            ("/v1/check/token/tkn_0123456789abcdef0123456789abcdef", "/v1/check/token/-"),
            ("/a/eyJh.b.c/d", "/a/-/d"),
            ("/a?x=eyJh%2Eb%2Ec", "/a?x=-"),
            ("/a?eyJh.b.c", "/a?-"),
            ("/a?x=1;token=eyJh.b.c", "/a?x=-"),
            ("/a?token=eyJh.b?x=/y", "/a?token=-"),
        ] {
            assert_eq!(redact(target.as_bytes(), &carriers).as_deref(), Some(shown.as_bytes()), "{target}");
        }
        for target in ["/a?token", "/a?b=1&&c", "/", "", "*", "/a?tkn_x", "/eyJ"] {
            assert_eq!(redact(target.as_bytes(), &carriers), None, "{target}");
        }
    }
}
