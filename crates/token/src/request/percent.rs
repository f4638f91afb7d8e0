//! Percent escapes (RFC 3986 section 2.1).

use alloc::{borrow::Cow, vec::Vec};

/// Decodes percent escapes once; `None` where an escape is broken. `+` stays `+`.
pub(crate) fn percent_decode(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    decode(text, |_| None)
}

/// Decodes percent escapes once; a broken one stands for itself, as the URL standard has it (section 1.3).
pub(crate) fn decode_escapes(text: &[u8]) -> Cow<'_, [u8]> {
    decode(text, Some).unwrap_or_default()
}

/// `broken` says what stands for the `%` of an escape that is none.
fn decode(text: &[u8], broken: impl Fn(u8) -> Option<u8>) -> Option<Cow<'_, [u8]>> {
    let mut parts = text.split(|byte| *byte == b'%');
    let before = parts.next().unwrap_or_default();
    if before.len() == text.len() {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    decoded.extend_from_slice(before);
    for part in parts {
        let (byte, rest) = match part {
            [high, low, rest @ ..] => (escape(*high, *low), rest),
            _ => (None, part),
        };
        match byte {
            Some(byte) => {
                decoded.push(byte);
                decoded.extend_from_slice(rest);
            }
            None => {
                decoded.push(broken(b'%')?);
                decoded.extend_from_slice(part);
            }
        }
    }
    Some(Cow::Owned(decoded))
}

pub(crate) fn escape(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte & 0xf),
        b'a'..=b'f' | b'A'..=b'F' => Some((byte & 0xf).wrapping_add(9)),
        _ => None,
    };
    Some((digit(high)? << 4) | digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::{decode_escapes, percent_decode};

    #[test]
    fn a_broken_escape_stands_for_itself_where_readers_let_it() {
        for (text, decoded) in [("%41%", "A%"), ("%4", "%4"), ("%zz%41", "%zzA"), ("%%41", "%A"), ("a", "a")] {
            assert_eq!(decode_escapes(text.as_bytes()).as_ref(), decoded.as_bytes());
        }
    }

    #[test]
    fn values_are_decoded_once() {
        assert_eq!(percent_decode(b"%2541+").unwrap().as_ref(), b"%41+");
        assert!(percent_decode(b"%4").is_none());
    }
}
