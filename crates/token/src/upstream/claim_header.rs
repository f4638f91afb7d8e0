//! Claims that the upstream gets in headers.

use alloc::{format, string::String, vec::Vec};

use datakit_token_encoding::{
    base64url,
    json::{self, Array, Value},
};

use crate::{
    error::ConfigError,
    reason::Reason,
    refusal::Refusal,
    request::field_name::own_header,
    shared::Shared,
    token::valid::Valid,
    upstream::config::{ClaimToHeaderConfig, HeaderFormat, NonAscii},
};

/// The headers that the claims of a token go to, or what is wrong with one of these claims.
pub(crate) type ClaimHeaders = Result<Shared<[ClaimValue]>, Refusal>;

/// A header, in lower case, and the value of its claim. Shared by all requests with the token.
#[derive(Debug)]
pub(crate) struct ClaimValue {
    pub(crate) name: Shared<str>,
    pub(crate) value: Vec<u8>,
}

/// A claim that goes to the upstream in a header.
pub(crate) struct ClaimHeader {
    claim: String,
    name: Shared<str>,
    format: HeaderFormat,
    non_ascii: NonAscii,
}

impl ClaimHeader {
    pub(crate) fn new(config: ClaimToHeaderConfig) -> Result<Self, ConfigError> {
        if !json::is_pointer(&config.claim) {
            return Err(ConfigError::new("expected a JSON pointer such as `/sub`").within("claim"));
        }
        let name = own_header(&config.header)?;
        Ok(Self { claim: config.claim, name: name.into(), format: config.format, non_ascii: config.non_ascii })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The header's value; `None` if the token does not have the claim, or it is one to leave out. Control characters
    /// would let a token write headers (CVE-2023-27493), so they are refused in every format that does not encode them.
    fn value(&self, valid: &Valid) -> Result<Option<Vec<u8>>, Reason> {
        let Some(claim) = valid.claims().at(&self.claim) else {
            return Ok(None);
        };
        let json = || claim.to_json();
        let text = match (self.format, claim) {
            (HeaderFormat::Text, Value::String(text)) => text.into(),
            (HeaderFormat::Text, Value::Number(_) | Value::Bool(_)) => json(),
            (HeaderFormat::Json, _) => escape(&json()),
            (HeaderFormat::Csv, Value::String(text)) => list([text])?,
            (HeaderFormat::Csv, Value::Array(array)) => {
                let texts: Option<Vec<&str>> = Array::iter(array).map(Value::as_str).collect();
                list(texts.ok_or(Reason::ClaimInvalid)?)?
            }
            (HeaderFormat::Base64url, _) => base64url::encode(json().as_bytes()),
            (HeaderFormat::Text | HeaderFormat::Csv, _) => return Err(Reason::ClaimInvalid),
        };
        // RFC 9110 section 5.5: who reads the header drops spaces around its value, and has another value then.
        if text.trim() != text || text.contains(char::is_control) {
            return Err(Reason::ClaimInvalid);
        }
        Ok(match self.non_ascii {
            NonAscii::Percent if matches!(self.format, HeaderFormat::Text | HeaderFormat::Csv) => Some(percent(&text)),
            NonAscii::Omit if !text.is_ascii() => None,
            _ => Some(text.into_bytes()),
        })
    }
}

/// JSON in ASCII: letters outside of it, and DEL, stand in strings alone (RFC 8259 section 7).
fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() && !letter.is_ascii_control() {
            escaped.push(letter);
        } else {
            letter.encode_utf16(&mut [0; 2]).iter().for_each(|unit| escaped.push_str(&format!("\\u{unit:04x}")));
        }
    }
    escaped
}

/// Percent-encodes what is not ASCII, and the sign itself.
fn percent(text: &str) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii() && byte != b'%' {
            encoded.push(byte);
        } else {
            encoded.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    encoded
}

/// The headers of the claims that a token has.
pub(crate) fn claim_values(headers: &[ClaimHeader], valid: &Valid) -> ClaimHeaders {
    let value = |header: &ClaimHeader| {
        let value = header.value(valid).transpose()?;
        let value = value.map(|value| ClaimValue { name: Shared::clone(&header.name), value });
        Some(value.map_err(|reason| Refusal::at(reason, &header.claim)))
    };
    headers.iter().filter_map(value).collect()
}

fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<String, Reason> {
    let mut joined = String::new();
    for text in texts {
        // A comma inside an element would make two of it; readers drop spaces around elements, and empty ones.
        if text.is_empty() || text.contains(',') || text.trim_ascii() != text {
            return Err(Reason::ClaimInvalid);
        }
        if !joined.is_empty() {
            joined.push(',');
        }
        joined.push_str(text);
    }
    Ok(joined)
}
