//! Names of header fields (RFC 9110 section 5.1), and of what else is a token there.

use alloc::string::String;

use crate::error::ConfigError;

/// RFC 9110 section 5.6.2.
pub(crate) fn is_field_name(text: &str) -> bool {
    let special = |byte| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || special(byte))
}

/// The name of a header that this project sets, in lower case.
pub(crate) fn own_header(name: &str) -> Result<String, ConfigError> {
    let name = name.to_ascii_lowercase();
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    // These belong to the connection, the host or the carriers.
    let reserved = ["host", "authorization", "cookie", "content-length", "transfer-encoding", "connection"];
    if name.is_empty() || !name.bytes().all(letters) || reserved.contains(&name.as_str()) {
        let problem = "expected a header name of letters, digits and `-` that HTTP does not use itself";
        return Err(ConfigError::new(problem).within("header"));
    }
    Ok(name)
}
