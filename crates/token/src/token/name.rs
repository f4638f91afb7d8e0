//! Names in tokens: of roles, permissions and subjects.

/// A permission as it may stand in a requirement: no space, which parts scopes, and no wildcard.
pub(crate) fn is_permission(text: &str) -> bool {
    is_name(text) && !text.contains([' ', '*'])
}

/// Not empty, no control characters: what a role in a token may be.
pub(crate) fn is_name(text: &str) -> bool {
    // Nearly all are ASCII, and bytes are found sooner than characters.
    let has_control = if text.is_ascii() {
        text.bytes().any(|byte| byte.is_ascii_control())
    } else {
        text.chars().any(char::is_control)
    };
    !text.is_empty() && !has_control
}
