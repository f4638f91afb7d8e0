//! Bytes as the characters U+0000 to U+00FF, as in the header values of the Fetch standard (ISO 8859-1 in its
//! isomorphic form).

use alloc::{borrow::Cow, string::String, vec::Vec};

/// The bytes that a text stands for; `None` if it has other characters.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    // Nearly all are ASCII, of which the characters are the bytes.
    if text.is_ascii() {
        return Some(text.into());
    }
    text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
}

/// The text that stands for bytes.
#[must_use]
pub fn encode(bytes: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => Cow::Owned(bytes.iter().copied().map(char::from).collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::{decode, encode};

    #[test]
    fn each_byte_has_its_character() {
        let every: Vec<u8> = (0..=255).collect();
        for bytes in [&every[..], &every[..128], &every[128..], "é".as_bytes(), b""] {
            let text = encode(bytes);
            assert_eq!(text.chars().count(), bytes.len());
            assert_eq!(decode(&text).as_deref(), Some(bytes));
        }
        assert_eq!((decode("\u{100}"), decode("a😀")), (None, None));
        assert_eq!(encode("é".as_bytes()), "Ã©");
    }
}
