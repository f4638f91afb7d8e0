//! Paths that go on as they were sent: whoever reads them, and however often, stays below what they begin with.

use alloc::borrow::Cow;

use crate::request::{
    lookalike::{is_dots, is_slash_like},
    percent::{decode_escapes, percent_decode},
};

/// Escapes of escapes beyond this depth are nobody's file name.
const MAX_DECODINGS: usize = 4;

/// Whether no reader finds a way up in a path, or its end: at every depth of decoding there are no dot segments, no
/// control characters, nothing that looks like a slash, and nothing that is not UTF-8.
pub(crate) fn is_confined(path: &[u8]) -> bool {
    // RFC 3986 section 2.1: each `%` of what was sent begins an escape.
    if !stays(path) || percent_decode(path).is_none() {
        return false;
    }
    let mut text = Cow::Borrowed(path);
    for _ in 0..MAX_DECODINGS {
        let decoded = decode_escapes(&text);
        if decoded.len() == text.len() {
            return true;
        }
        if !stays(&decoded) {
            return false;
        }
        text = Cow::Owned(decoded.into_owned());
    }
    false
}

/// The same at one depth. Parameters, a query and a fragment end a segment for some, and backslashes do for others.
fn stays(text: &[u8]) -> bool {
    // Windows' own escapes, `%u002e`.
    let windows =
        text.windows(3).any(|window| matches!(window, [b'%', b'u' | b'U', digit] if digit.is_ascii_hexdigit()));
    let Ok(text) = core::str::from_utf8(text) else { return false };
    let odd = |character: char| character.is_ascii_control() || is_slash_like(character);
    !windows && !text.contains(odd) && !text.split(['/', '\\', ';', '?', '#']).any(is_dots)
}

/// Whether a path begins with a prefix to the letter, and ends or goes on with a slash there.
pub(crate) fn is_below(path: &[u8], prefix: &[u8], ignore_case: bool) -> bool {
    let Some((start, rest)) = path.split_at_checked(prefix.len()) else { return false };
    let same = if ignore_case { start.eq_ignore_ascii_case(prefix) } else { start == prefix };
    same && (prefix.ends_with(b"/") || matches!(rest.first(), None | Some(b'/')))
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String};

    use super::{is_below, is_confined};

    #[test]
    fn ordinary_spellings_stay() {
        for path in [
            "/files//a",
            "/files/a%2Fb",
            "/files/a;v=1/b;w",
            "/files/100%25",
            "/files/a%5Cb",
            "/files/%E4%BD%A0/a%20b",
            "/files/a%3Fb%23c",
            "/files/https://host/a",
            "/files/.well-known/...",
            "/files/a%252Fb",
            "/files/a..b/..a",
        ] {
            assert!(is_confined(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn ways_up_are_found_at_every_depth() {
        for way in [
            "..",
            ".",
            "..;a",
            ";..",
            "..?",
            "..#",
            "..\\",
            "a\\..\\..",
            " ..",
            ". .",
            "\u{2025}",
            "\u{ff0e}.",
            "..\u{200b}",
            "\u{ff0f}",
            "\0",
            "\r\n",
            "\u{7f}",
        ] {
            let mut spelled = String::from(way);
            for depth in 0..3 {
                let escaped: String = spelled.bytes().map(|byte| format!("%{byte:02x}")).collect();
                let mixed = spelled.replace('%', "%25");
                for text in [&escaped, &mixed] {
                    let path = format!("/files/{text}/admin");
                    assert!(!is_confined(path.as_bytes()), "{way:?} {depth} {path}");
                }
                spelled = escaped;
            }
        }
        for path in [
            "/files/%c0%ae%c0%ae",
            "/files/%25c0%25ae",
            "/files/%e9",
            "/files/%",
            "/files/%2",
            "/files/%zz",
            "/files/%25u002e",
            "/files/%2525252525252e",
            "/files/%2525252525",
        ] {
            assert!(!is_confined(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn a_path_begins_with_a_prefix_to_the_letter() {
        for (path, prefix, ignore_case, expected) in [
            ("/a//x", "/a", false, true),
            ("/a", "/a", false, true),
            ("/ab", "/a", false, false),
            ("/a;x", "/a", false, false),
            ("/%61//x", "/a", false, false),
            ("/A//x", "/a", false, false),
            ("/A//x", "/a", true, true),
            ("/a//x", "/a/", false, true),
            ("/a", "/a/", false, false),
            ("//a", "/", false, true),
        ] {
            assert_eq!(is_below(path.as_bytes(), prefix.as_bytes(), ignore_case), expected, "{path} {prefix}");
        }
    }
}
