//! Compact serialisation (RFC 7515 section 7.1): three segments with a dot between two.

/// The segments of a token, none of them empty; what they encode has not been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments<'t> {
    /// `header.payload`: what is signed.
    pub signed: &'t [u8],
    /// The protected header.
    pub header: &'t [u8],
    /// The claims.
    pub payload: &'t [u8],
    /// The signature.
    pub signature: &'t [u8],
}

impl<'t> Segments<'t> {
    /// Takes a token apart; `None` if it has more or fewer than three segments, or an empty one.
    #[must_use]
    pub fn split(token: &'t [u8]) -> Option<Self> {
        let mut segments = token.splitn(4, |byte| *byte == b'.');
        let (header, payload, signature) = (segments.next()?, segments.next()?, segments.next()?);
        if segments.next().is_some() || header.is_empty() || payload.is_empty() || signature.is_empty() {
            return None;
        }
        let signed = token.get(..header.len().checked_add(payload.len())?.checked_add(1)?)?;
        Some(Self { signed, header, payload, signature })
    }
}

#[cfg(test)]
mod tests {
    use super::Segments;

    #[test]
    fn a_token_has_three_segments() {
        let whole = Segments::split(b"ab.c.def").unwrap();
        assert_eq!((whole.signed, whole.header, whole.payload), (&b"ab.c"[..], &b"ab"[..], &b"c"[..]));
        assert_eq!(whole.signature, b"def");
        for other in ["", "a", "a.b", "a.b.", ".b.c", "a..c", "a.b.c.", "a.b.c.d", "...", "a.b.c.d.e"] {
            assert_eq!(Segments::split(other.as_bytes()), None, "{other}");
        }
    }
}
