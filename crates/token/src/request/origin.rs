//! Origins of web pages.

/// RFC 6454 section 6.2: scheme and authority, without a path.
pub(crate) fn is_origin(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_graphic() && !b"/?#@\\\"<>*,".contains(&byte);
    text.split_once("://")
        .is_some_and(|(scheme, host)| matches!(scheme, "https" | "http") && !host.is_empty() && host.bytes().all(good))
}
