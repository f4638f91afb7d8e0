//! A request, as bytes: what a carrier and a rule may look at.

use alloc::{string::String, vec::Vec};

use serde_json::Value;

use crate::{config_error::ConfigError, json};

/// The head of a request, borrowed from the host.
#[derive(Debug)]
pub struct Request<'r> {
    method: &'r [u8],
    path: &'r [u8],
    headers: Vec<(&'r [u8], &'r [u8])>,
}

impl<'r> Request<'r> {
    /// `path` is the request target with its query; `headers` are in the order of arrival, without pseudo headers.
    #[must_use]
    pub const fn new(method: &'r [u8], path: &'r [u8], headers: Vec<(&'r [u8], &'r [u8])>) -> Self {
        Self { method, path, headers }
    }

    /// The method, as received.
    #[must_use]
    pub const fn method(&self) -> &'r [u8] {
        self.method
    }

    /// The request target with its query, as received.
    #[must_use]
    pub const fn path(&self) -> &'r [u8] {
        self.path
    }

    /// Names and values in the order of arrival.
    #[must_use]
    pub fn headers(&self) -> &[(&'r [u8], &'r [u8])] {
        &self.headers
    }

    /// The values of one header; names are compared without case (RFC 9110 section 5.1).
    pub(crate) fn values<'n>(&self, name: &'n str) -> impl Iterator<Item = &'r [u8]> + use<'_, 'r, 'n> {
        let matches = move |header: &&(&'r [u8], &'r [u8])| header.0.eq_ignore_ascii_case(name.as_bytes());
        self.headers.iter().filter(matches).map(|header| header.1)
    }
}

/// The head of a request that owns its bytes, as read from JSON.
#[derive(Debug)]
pub struct OwnedRequest {
    method: Vec<u8>,
    path: Vec<u8>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
}

impl OwnedRequest {
    /// Reads `{"method":"POST","path":"/a?b","headers":[["name","value"]]}`. The characters U+0000 to U+00FF stand for
    /// the bytes 0 to 255, as in the header values of the Fetch standard.
    ///
    /// # Errors
    /// [`ConfigError`] with the place and the expectation.
    pub fn from_json(text: &[u8]) -> Result<Self, ConfigError> {
        let document = json::parse_object(text).map_err(|_| ConfigError::new("expected a strict JSON object"))?;
        if let Some(name) = document.keys().find(|name| !matches!(name.as_str(), "method" | "path" | "headers")) {
            let problem = "unknown member, expected one of `method`, `path`, `headers`";
            return Err(ConfigError::new(problem).within(name));
        }
        let member = |name: &str| bytes(document.get(name)).map_err(|error| error.within(name));
        let headers = match document.get("headers") {
            None => Vec::new(),
            Some(Value::Array(headers)) => headers.iter().map(header).collect::<Result<_, _>>()?,
            Some(_) => {
                return Err(ConfigError::new("expected an array of `[name, value]`").within("headers"));
            }
        };
        Ok(Self { method: member("method")?, path: member("path")?, headers })
    }

    /// The same request, borrowed.
    #[must_use]
    pub fn as_request(&self) -> Request<'_> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
        Request::new(&self.method, &self.path, headers)
    }
}

/// Bytes as the characters U+0000 to U+00FF.
pub(crate) fn to_text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn header(pair: &Value) -> Result<(Vec<u8>, Vec<u8>), ConfigError> {
    match pair.as_array().map(Vec::as_slice) {
        Some([name, value]) => Ok((bytes(Some(name))?, bytes(Some(value))?)),
        _ => Err(ConfigError::new("expected `[name, value]`")),
    }
    .map_err(|error| error.within("headers"))
}

fn bytes(value: Option<&Value>) -> Result<Vec<u8>, ConfigError> {
    value
        .and_then(Value::as_str)
        .and_then(|text| text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect())
        .ok_or_else(|| ConfigError::new("expected a string of the characters U+0000 to U+00FF"))
}
