//! The path that rules look at. What two readers could read in two ways is refused, so that what is matched is what
//! the upstream gets.

use alloc::{borrow::Cow, vec::Vec};

use crate::reason::Reason;

/// A path without its query in its one spelling: every escape stands for a reserved or non-ASCII byte, in upper case.
pub(crate) struct Path<'r> {
    canonical: Cow<'r, [u8]>,
    /// The request spells it like this.
    as_received: bool,
}

impl<'r> Path<'r> {
    /// Reads the request target. Refused: no leading slash, empty and dot segments, fragments, backslashes, path
    /// parameters, control and non-ASCII bytes, bad escapes, escapes of these and of what is not UTF-8 (RFC 3986 sections 3.3 and 6.2.2).
    pub(crate) fn parse(target: &'r [u8]) -> Result<Self, Reason> {
        if target.contains(&b'#') {
            return Err(Reason::InvalidRequest);
        }
        let end = target.iter().position(|byte| *byte == b'?').unwrap_or(target.len());
        let raw = target.get(..end).unwrap_or_default();
        if raw.first() != Some(&b'/') || raw.iter().any(|byte| !byte.is_ascii_graphic() || matches!(byte, b'\\' | b';'))
        {
            return Err(Reason::InvalidRequest);
        }
        // Most paths have no escapes, and are borrowed.
        let canonical = if raw.contains(&b'%') { Cow::Owned(unescape(raw)?) } else { Cow::Borrowed(raw) };
        let mut segments = canonical.split(|byte| *byte == b'/').skip(1).peekable();
        while let Some(segment) = segments.next() {
            let last = segments.peek().is_none();
            if matches!(segment, b"." | b"..") || (segment.is_empty() && !last) {
                return Err(Reason::InvalidRequest);
            }
        }
        let as_received = matches!(canonical, Cow::Borrowed(_)) || *canonical == *raw;
        Ok(Self { canonical, as_received })
    }

    /// What stands between the slashes; the last segment may be empty.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.canonical.split(|byte| *byte == b'/').skip(1)
    }

    /// A segment without escapes.
    pub(crate) fn segment(&self, place: usize) -> Option<Cow<'_, [u8]>> {
        self.segments().nth(place).and_then(percent_decode)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.canonical
    }

    /// The path, if the upstream has to get another spelling than the received one, so that it reads what rules read.
    pub(crate) fn to_rewrite(&self) -> Option<&[u8]> {
        (!self.as_received).then_some(self.as_bytes())
    }
}

/// The one spelling of a path with escapes.
fn unescape(raw: &[u8]) -> Result<Vec<u8>, Reason> {
    let mut path = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            path.push(byte);
            continue;
        }
        let (high, low) = (bytes.next(), bytes.next());
        let decoded = high.zip(low).and_then(|(high, low)| escape(high, low)).ok_or(Reason::InvalidRequest)?;
        match decoded {
            // RFC 3986 section 6.2.2.2: unreserved characters mean the same with and without escape.
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => path.push(decoded),
            b'/' | b'\\' | b';' | b'%' | b'#' | b'?' | 0..=0x1f | 0x7f => {
                return Err(Reason::InvalidRequest);
            }
            _ => path.extend([
                b'%',
                high.unwrap_or_default().to_ascii_uppercase(),
                low.unwrap_or_default().to_ascii_uppercase(),
            ]),
        }
    }
    // RFC 3987 section 3.2: escapes are UTF-8. A lenient reader sees a dot or a slash in an overlong form.
    if percent_decode(raw).is_none_or(|decoded| core::str::from_utf8(&decoded).is_err()) {
        return Err(Reason::InvalidRequest);
    }
    Ok(path)
}

/// Decodes percent escapes once; `None` where an escape is broken. `+` stays `+`.
pub(crate) fn percent_decode(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !text.contains(&b'%') {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' { escape(bytes.next()?, bytes.next()?)? } else { byte });
    }
    Some(Cow::Owned(decoded))
}

fn escape(high: u8, low: u8) -> Option<u8> {
    let digit = |byte| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digit(high)?.checked_mul(16)?.checked_add(digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::{Path, percent_decode};

    #[test]
    fn ambiguous_paths_are_refused() {
        for target in [
            "",
            "admin",
            "*",
            "//admin",
            "/a//b",
            "/a/../b",
            "/a/%2e%2e/b",
            "/a/%2E./b",
            "/a/..%2fb",
            "/a/..;/b",
            "/a;x=1",
            "/a\\b",
            "/a%5cb",
            "/a%00",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a#b",
            "/a/.",
            "/a b",
            "/a/%252e",
            "/a/%c0%ae%c0%ae/b",
            "/a/%e9",
            "/\u{e9}",
            "/..",
            "http://host/a",
        ] {
            assert!(Path::parse(target.as_bytes()).is_err(), "{target}");
        }
    }

    #[test]
    fn a_path_has_one_spelling() {
        for (target, canonical) in [
            ("/a/B?x=//..", "/a/B"),
            ("/%61%2d%7E", "/a-~"),
            ("/%c3%a9/", "/%C3%A9/"),
            ("/a%20b%2b", "/a%20b%2B"),
            ("/", "/"),
        ] {
            let path = Path::parse(target.as_bytes()).ok().unwrap();
            assert_eq!(path.as_bytes(), canonical.as_bytes());
            assert_eq!(path.to_rewrite().is_none(), target.split('?').next() == Some(canonical), "{target}");
        }
        let path = Path::parse(b"/t/a%20b/").ok().unwrap();
        assert_eq!(path.segments().count(), 3);
        assert_eq!(path.segment(1).unwrap().as_ref(), b"a b");
    }

    #[test]
    fn values_are_decoded_once() {
        assert_eq!(percent_decode(b"%2541+").unwrap().as_ref(), b"%41+");
        assert!(percent_decode(b"%4").is_none());
    }
}
