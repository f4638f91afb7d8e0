//! What changes in a request before it goes on: the token leaves, claims arrive, spoofed copies of them disappear.

use alloc::{string::String, vec::Vec};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::{
    carrier::Place,
    claims::Valid,
    config::{ClaimToHeaderConfig, HeaderFormat},
    config_error::ConfigError,
    provider::Provider,
    reason::Reason,
    request::Request,
};

/// Changes to a request. Apply in this order: replace the path, remove headers, set headers.
#[derive(Debug, Default)]
pub struct UpstreamEdits {
    path: Option<Vec<u8>>,
    remove: Vec<String>,
    set: Vec<(String, Vec<u8>)>,
}

impl UpstreamEdits {
    /// The new request target, if it changes; every byte outside the token's parameter is as it was.
    #[must_use]
    pub fn path(&self) -> Option<&[u8]> {
        self.path.as_deref()
    }

    /// Headers to remove with all their lines, in lower case.
    #[must_use]
    pub fn remove(&self) -> &[String] {
        &self.remove
    }

    /// Headers to set, in lower case.
    #[must_use]
    pub fn set(&self) -> &[(String, Vec<u8>)] {
        &self.set
    }
}

/// A claim that goes to the upstream in a header.
pub(crate) struct ClaimHeader {
    claim: String,
    name: String,
    format: HeaderFormat,
}

impl ClaimHeader {
    pub(crate) fn new(config: ClaimToHeaderConfig) -> Result<Self, ConfigError> {
        if !is_pointer(&config.claim) {
            return Err(ConfigError::new("expected a JSON pointer such as `/sub`").within("claim"));
        }
        let name = config.header.to_ascii_lowercase();
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        // These belong to the connection, the host or the carriers.
        let reserved = ["host", "authorization", "cookie", "content-length", "transfer-encoding", "connection"];
        if name.is_empty() || !name.bytes().all(letters) || reserved.contains(&name.as_str()) {
            let problem = "expected a header name of letters, digits and `-` that HTTP does not use itself";
            return Err(ConfigError::new(problem).within("header"));
        }
        Ok(Self { claim: config.claim, name, format: config.format })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The header's value; `None` if the token does not have the claim. Control and non-ASCII characters would let a
    /// token write headers (CVE-2023-27493), so they are refused in every format that does not encode them.
    fn value(&self, valid: &Valid) -> Result<Option<Vec<u8>>, Reason> {
        let Some(claim) = valid.claims().at(&self.claim) else {
            return Ok(None);
        };
        let json = || serde_json::to_string(claim).map_err(|_| Reason::ClaimInvalid);
        let text = match (self.format, claim) {
            (HeaderFormat::Text, Value::String(text)) => text.clone(),
            (HeaderFormat::Text, Value::Number(_) | Value::Bool(_)) | (HeaderFormat::Json, _) => json()?,
            (HeaderFormat::Csv, Value::String(text)) => list([text.as_str()])?,
            (HeaderFormat::Csv, Value::Array(array)) => {
                let texts: Option<Vec<&str>> = array.iter().map(Value::as_str).collect();
                list(texts.ok_or(Reason::ClaimInvalid)?)?
            }
            (HeaderFormat::Base64url, _) => URL_SAFE_NO_PAD.encode(json()?),
            (HeaderFormat::Text | HeaderFormat::Csv, _) => return Err(Reason::ClaimInvalid),
        };
        let visible = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
        if text.bytes().all(visible) { Ok(Some(text.into_bytes())) } else { Err(Reason::ClaimInvalid) }
    }
}

/// The edits for an accepted request: `spoofable` are the names of all headers that this configuration may ever set.
pub(crate) fn edit(
    request: &Request<'_>,
    place: &Place<'_>,
    provider: &Provider,
    valid: &Valid,
    spoofable: &[String],
) -> Result<UpstreamEdits, Reason> {
    let mut edits = UpstreamEdits::default();
    // `x_user` is `x-user` to an upstream that turns headers into variables.
    for (name, _) in request.headers() {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        if spoofable.contains(&name.replace('_', "-")) && !edits.remove.contains(&name) {
            edits.remove.push(name);
        }
    }
    if !provider.forward {
        match place {
            Place::Header(name) => edits.remove.push(name.clone()),
            Place::Parameter(parameter) => edits.path = Some(without(request.path(), parameter)),
        }
    }
    for header in &provider.claim_headers {
        if let Some(value) = header.value(valid)? {
            edits.set.push((header.name.clone(), value));
        }
    }
    Ok(edits)
}

/// Cuts a parameter, which is a part of `path`, with one separator.
fn without(path: &[u8], parameter: &[u8]) -> Vec<u8> {
    let start = path
        .iter()
        .position(|byte| *byte == b'?')
        .and_then(|query| {
            // The first parameter with these bytes: carriers accept one only.
            let mut start = query.checked_add(1)?;
            for part in path.get(start..)?.split(|byte| *byte == b'&') {
                if part == parameter {
                    return Some(start);
                }
                start = start.checked_add(part.len())?.checked_add(1)?;
            }
            None
        })
        .unwrap_or(path.len());
    let (before, rest) = path.split_at_checked(start).unwrap_or((path, b""));
    let after = rest.get(parameter.len()..).unwrap_or_default();
    let mut edited = Vec::with_capacity(path.len());
    match after.strip_prefix(b"&") {
        // The separator after it goes, unless nothing follows: then the one before it goes.
        Some(after) if !after.is_empty() => {
            edited.extend_from_slice(before);
            edited.extend_from_slice(after);
        }
        _ => {
            edited.extend_from_slice(before.split_last().map_or(before, |(_, before)| before));
            edited.extend_from_slice(after);
        }
    }
    edited
}

fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<String, Reason> {
    let mut joined = String::new();
    for text in texts {
        // A comma inside an element would make two of it.
        if text.contains(',') {
            return Err(Reason::ClaimInvalid);
        }
        if !joined.is_empty() {
            joined.push(',');
        }
        joined.push_str(text);
    }
    Ok(joined)
}

/// RFC 6901 section 3, of at least one name.
fn is_pointer(text: &str) -> bool {
    let escapes_hold = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    text.starts_with('/') && escapes_hold
}

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    fn every_other_byte_stays() {
        for (path, edited) in [
            ("/p?token=T", "/p"),
            ("/p?token=T&a=1", "/p?a=1"),
            ("/p?a&token=T", "/p?a"),
            ("/p?token=T&&a=%2F&", "/p?&a=%2F&"),
            ("/p?a=1&token=T&b=2", "/p?a=1&b=2"),
            ("/p?token=T&", "/p&"),
        ] {
            assert_eq!(without(path.as_bytes(), b"token=T"), edited.as_bytes(), "{path}");
        }
    }
}
