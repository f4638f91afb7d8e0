//! A request, as bytes: what a carrier and a rule may look at.

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::fmt;

use datakit_token_encoding::{
    json::{Array, Json, Value},
    latin1,
};

use crate::{
    error::ConfigError,
    request::{
        connection::ConnectionProperty,
        percent::percent_decode,
        spelling::{is_other_spelling, is_parameter, is_parameter_like},
    },
};

/// Parameters that a query may have where somebody looks at them; PHP and Express read no more either.
const MAX_PARAMETERS: usize = 1000;

/// The head of a request, borrowed from the host.
pub struct Request<'r> {
    method: &'r [u8],
    path: &'r [u8],
    headers: Vec<(&'r [u8], &'r [u8])>,
    host: Option<&'r [u8]>,
    scheme: Option<&'r [u8]>,
    connection: Vec<(ConnectionProperty, &'r [u8])>,
}

/// There are several values where one is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous;

impl<'r> Request<'r> {
    /// `path` is the request target with its query; `headers` are in the order of arrival, without pseudo headers.
    #[must_use]
    pub const fn new(method: &'r [u8], path: &'r [u8], headers: Vec<(&'r [u8], &'r [u8])>) -> Self {
        Self { method, path, headers, host: None, scheme: None, connection: Vec::new() }
    }

    /// Adds the host where it is no header: `:authority`, or that of the URL.
    #[must_use]
    pub const fn with_host(mut self, host: Option<&'r [u8]>) -> Self {
        self.host = host;
        self
    }

    /// Adds the scheme where it is known: `:scheme`, or that of the URL.
    #[must_use]
    pub const fn with_scheme(mut self, scheme: Option<&'r [u8]>) -> Self {
        self.scheme = scheme;
        self
    }

    /// Adds what is known of the connection.
    #[must_use]
    pub fn with_connection(mut self, connection: Vec<(ConnectionProperty, &'r [u8])>) -> Self {
        self.connection = connection;
        self
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

    /// The value of a header that is there once.
    pub(crate) fn only_value(&self, name: &str) -> Option<&'r [u8]> {
        let mut values = self.values(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// Whether a header is there that some upstream takes for this one, and that is spelt in another way.
    pub(crate) fn has_header_like(&self, known: &str) -> bool {
        self.headers.iter().any(|(name, _)| is_other_spelling(name, known))
    }

    /// The only host.
    pub(crate) fn host(&self) -> Option<&'r [u8]> {
        let mut hosts = self.host.into_iter().chain(self.values("host"));
        let first = hosts.next()?;
        hosts.all(|other| other == first).then_some(first)
    }

    /// Whether a page of its own server, loaded by this scheme, may have sent it: whoever is on the way can write a
    /// page that comes over http, so that is one of the server's own for a request over http alone.
    pub(crate) fn is_from(&self, scheme: &str) -> bool {
        match scheme {
            "https" => true,
            "http" => self.scheme.is_some_and(|own| own.eq_ignore_ascii_case(b"http")),
            _ => false,
        }
    }

    /// What the host says about the connection.
    pub(crate) fn connection(&self, property: ConnectionProperty) -> Option<&'r [u8]> {
        self.connection.iter().find(|(known, _)| *known == property).map(|(_, value)| *value)
    }

    /// The parts of the query, as received: between the first `?` and the end (RFC 3986 section 3.4), parted by `&`.
    pub(crate) fn query_parts(&self) -> impl Iterator<Item = &'r [u8]> + use<'r> {
        let path = self.path;
        let query = path.iter().position(|byte| *byte == b'?').and_then(|mark| path.get(mark.checked_add(1)?..));
        query.into_iter().flat_map(|query| query.split(|byte| *byte == b'&'))
    }

    /// The same for somebody who looks at them: more than upstreams read are refused.
    pub(crate) fn parameters(&self) -> Result<impl Iterator<Item = &'r [u8]> + use<'r>, Ambiguous> {
        match self.query_parts().nth(MAX_PARAMETERS) {
            None => Ok(self.query_parts()),
            Some(_) => Err(Ambiguous),
        }
    }

    /// The only value of a query parameter, if all readers find the same one.
    pub(crate) fn query_parameter(&self, name: &str) -> Result<Option<Cow<'r, [u8]>>, Ambiguous> {
        let mut found = None;
        for part in self.parameters()? {
            // Some part the query at `;` as well.
            let mut others = part.split(|byte| *byte == b';').skip(1);
            if others.any(|part| is_parameter_like(split_parameter(part).0, name)) {
                return Err(Ambiguous);
            }
            let (raw, value) = split_parameter(part);
            if !is_parameter_like(raw, name) {
                continue;
            }
            // Some take another spelling for this name, and some read a name without value as an empty one.
            let value = value.filter(|value| !value.contains(&b'+') && is_parameter(raw, name));
            let value = value.and_then(percent_decode).ok_or(Ambiguous)?;
            if found.replace(value).is_some() {
                return Err(Ambiguous);
            }
        }
        Ok(found)
    }
}

/// Name and value of a part of the query, as received.
pub(crate) fn split_parameter(part: &[u8]) -> (&[u8], Option<&[u8]>) {
    match part.iter().position(|byte| *byte == b'=') {
        Some(equals) => {
            let (name, rest) = part.split_at_checked(equals).unwrap_or((part, b""));
            (name, rest.get(1..))
        }
        None => (part, None),
    }
}

impl fmt::Debug for Request<'_> {
    /// Neither path nor headers: there are tokens in them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut request = formatter.debug_struct("Request");
        request.field("method", &String::from_utf8_lossy(self.method)).field("headers", &self.headers.len());
        request.finish_non_exhaustive()
    }
}

/// The head of a request that owns its bytes, as read from JSON.
pub struct OwnedRequest {
    method: Vec<u8>,
    path: Vec<u8>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    host: Option<Vec<u8>>,
    scheme: Option<Vec<u8>>,
    connection: Vec<(ConnectionProperty, Vec<u8>)>,
}

impl fmt::Debug for OwnedRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_request().fmt(formatter)
    }
}

impl OwnedRequest {
    /// Reads `{"method":"POST","path":"/a?b","headers":[["name","value"]]}`; `host`, `scheme` and `connection`, an
    /// object with [`ConnectionProperty`] names, may be there as well. The characters U+0000 to U+00FF stand for the
    /// bytes 0 to 255, as in the header values of the Fetch standard.
    ///
    /// # Errors
    /// [`ConfigError`] with the place and the expectation.
    pub fn from_json(text: &[u8]) -> Result<Self, ConfigError> {
        let document = Json::parse_object(text).map_err(|_| ConfigError::new("expected a strict JSON object"))?;
        let document = document.members();
        let known = ["method", "path", "headers", "host", "scheme", "connection"];
        if let Some(name) = document.iter().map(|(name, _)| name).find(|name| !known.contains(name)) {
            let problem = "unknown member, expected one of `method`, `path`, `headers`, `host`, `scheme`, `connection`";
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
        let optional = |name: &str| if document.has(name) { member(name).map(Some) } else { Ok(None) };
        let (host, scheme) = (optional("host")?, optional("scheme")?);
        let connection = match document.get("connection") {
            None => Vec::new(),
            Some(Value::Object(known)) => known.iter().map(property).collect::<Result<_, _>>()?,
            Some(_) => return Err(ConfigError::new("expected an object").within("connection")),
        };
        Ok(Self { method: member("method")?, path: member("path")?, headers, host, scheme, connection })
    }

    /// The same request, borrowed.
    #[must_use]
    pub fn as_request(&self) -> Request<'_> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
        let connection = self.connection.iter().map(|(property, value)| (*property, value.as_slice())).collect();
        Request::new(&self.method, &self.path, headers)
            .with_host(self.host.as_deref())
            .with_scheme(self.scheme.as_deref())
            .with_connection(connection)
    }
}

fn property((name, value): (&str, Value<'_>)) -> Result<(ConnectionProperty, Vec<u8>), ConfigError> {
    let known = ConnectionProperty::ALL.iter().find(|property| property.name() == name);
    known
        .ok_or_else(|| ConfigError::new("unknown property"))
        .and_then(|property| Ok((*property, bytes(Some(value))?)))
        .map_err(|error| error.within(name).within("connection"))
}

fn header(pair: Value<'_>) -> Result<(Vec<u8>, Vec<u8>), ConfigError> {
    let mut parts = pair.as_array().into_iter().flat_map(Array::iter);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(name), Some(value), None) => Ok((bytes(Some(name))?, bytes(Some(value))?)),
        _ => Err(ConfigError::new("expected `[name, value]`")),
    }
    .map_err(|error| error.within("headers"))
}

fn bytes(value: Option<Value<'_>>) -> Result<Vec<u8>, ConfigError> {
    value
        .and_then(Value::as_str)
        .and_then(latin1::decode)
        .ok_or_else(|| ConfigError::new("expected a string of the characters U+0000 to U+00FF"))
}
