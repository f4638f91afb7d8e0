//! The path that rules look at. What two readers could read in two ways is refused, so that what is matched is what
//! the upstream gets.

use alloc::{borrow::Cow, vec::Vec};

use crate::{
    reason::Reason,
    request::{
        lookalike::{is_dots, is_slash_like},
        percent::{escape, percent_decode},
        sent_path::is_confined,
    },
};

/// A path without its query in its one spelling: every escape stands for a reserved or non-ASCII byte, in upper case.
pub(crate) struct Path<'r> {
    canonical: Cow<'r, [u8]>,
    /// The request spells it like this.
    as_received: bool,
}

impl<'r> Path<'r> {
    /// Reads the request target. Refused: no leading slash, empty and dot segments, fragments, backslashes, path
    /// parameters, control and non-ASCII bytes, bad escapes, escapes of these and of what is not UTF-8 (RFC 3986
    /// sections 3.3 and 6.2.2).
    pub(crate) fn parse(target: &'r [u8]) -> Result<Self, Reason> {
        let (mut end, mut escaped) = (target.len(), false);
        for (place, byte) in target.iter().enumerate() {
            match byte {
                b'?' => {
                    end = place;
                    break;
                }
                b'%' => escaped = true,
                b'\\' | b';' | b'#' | 0..=b' ' | 0x7f.. => return Err(Reason::InvalidRequest),
                _ => {}
            }
        }
        let (raw, query) = target.split_at_checked(end).unwrap_or((target, b""));
        if raw.first() != Some(&b'/') || query.contains(&b'#') {
            return Err(Reason::InvalidRequest);
        }
        // Most paths have no escapes, and are borrowed.
        let canonical = if escaped { Cow::Owned(unescape(raw)?) } else { Cow::Borrowed(raw) };
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

    /// The path as it was sent, for rules that take it so: in the one spelling that it has. It leads nowhere else.
    pub(crate) fn as_sent(target: &'r [u8]) -> Result<Self, Reason> {
        let raw = target.split(|byte| *byte == b'?').next().unwrap_or_default();
        let odd = |byte: &u8| matches!(byte, b'\\' | b'#' | 0..=b' ' | 0x7f..);
        if raw.first() != Some(&b'/') || target.iter().any(odd) || !is_confined(raw) {
            return Err(Reason::InvalidRequest);
        }
        Ok(Self { canonical: Cow::Borrowed(raw), as_received: true })
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
    let (mut path, mut text) = (Vec::with_capacity(raw.len()), Vec::with_capacity(raw.len()));
    let mut parts = raw.split(|byte| *byte == b'%');
    let before = parts.next().unwrap_or_default();
    path.extend_from_slice(before);
    text.extend_from_slice(before);
    for part in parts {
        let [high, low, rest @ ..] = part else { return Err(Reason::InvalidRequest) };
        let decoded = escape(*high, *low).ok_or(Reason::InvalidRequest)?;
        match decoded {
            // RFC 3986 section 6.2.2.2: unreserved characters mean the same with and without escape.
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => path.push(decoded),
            b'/' | b'\\' | b';' | b'%' | b'#' | b'?' | 0..=0x1f | 0x7f => return Err(Reason::InvalidRequest),
            _ => path.extend_from_slice(&[b'%', high.to_ascii_uppercase(), low.to_ascii_uppercase()]),
        }
        text.push(decoded);
        path.extend_from_slice(rest);
        text.extend_from_slice(rest);
    }
    // RFC 3987 section 3.2: escapes are UTF-8. A lenient reader sees a dot or a slash in an overlong form.
    let text = core::str::from_utf8(&text).map_err(|_| Reason::InvalidRequest)?;
    // All of those begin with one of these bytes.
    let looks = text.bytes().any(|byte| matches!(byte, 0xe2 | 0xef));
    if (looks && text.contains(is_slash_like)) || text.split('/').any(is_dots) {
        Err(Reason::InvalidRequest)
    } else {
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::Path;

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
            "/a%3bx=1",
            "/a/%3B/b",
        ] {
            assert!(Path::parse(target.as_bytes()).is_err(), "{target}");
        }
    }

    #[test]
    fn segments_that_are_dots_to_somebody_are_refused() {
        for segment in [
            "..%20",
            "%20..",
            ".%20",
            "%20.%20",
            ".%20.",
            "%2e%20%2e",
            "%ef%bc%8e%ef%bc%8e",
            "%ef%bc%8e.",
            "%e2%80%a5",
            "%ef%b8%b0",
            "%e2%80%a4.",
            "%ef%b9%92",
            "..%e2%80%8b",
            ".%e2%80%8b.",
            "%ef%bb%bf..",
            "..%c2%ad",
            "..%c2%a0",
            "%e3%80%80.",
            "..%e2%81%a0",
            "..%f3%a0%80%a0",
            "..%ef%b8%8f",
            "..%09",
            "..%c2%85",
        ] {
            for target in [
                alloc::format!("/public/{segment}/admin"),
                alloc::format!("/public/{segment}"),
                alloc::format!("/{segment}/"),
            ] {
                assert!(Path::parse(target.as_bytes()).is_err(), "{target}");
            }
        }
        for target in
            ["/a/..%ef%bc%8fb", "/a%ef%bc%8f..%ef%bc%8fb", "/a%ef%bc%bcb", "/a%ef%b9%a8b", "/%e2%84%85", "/a%e2%88%95b"]
        {
            assert!(Path::parse(target.as_bytes()).is_err(), "{target}");
        }
        for segment in
            ["...", "..a", "a..", "%20", "%20a", "..%20a", "%e2%80%a6", "a%e2%80%8b", "%e3%80%82", "%c3%a9", "..%2B"]
        {
            let target = alloc::format!("/public/{segment}/b");
            assert!(Path::parse(target.as_bytes()).is_ok(), "{target}");
        }
    }

    #[test]
    fn a_path_has_one_spelling() {
        for (target, canonical) in [
            ("/a/B?x=//..", "/a/B"),
            ("/%61%2d%7E", "/a-~"),
            ("/%c3%a9/", "/%C3%A9/"),
            ("/a%20b%2b", "/a%20b%2B"),
            ("/a%20b%2B", "/a%20b%2B"),
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
}
