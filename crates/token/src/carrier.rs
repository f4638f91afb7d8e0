//! Where a token may sit in a request. Two tokens are refused, never "the first wins" (RFC 6750 section 2).

use alloc::{borrow::Cow, string::String, vec::Vec};

use crate::{
    config::{FromConfig, HeaderCarrierConfig},
    config_error::ConfigError,
    path::percent_decode,
    reason::Reason,
    request::Request,
};

/// The places to look at, in the order of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Carriers {
    headers: Vec<HeaderCarrierConfig>,
    params: Vec<String>,
}

/// The one token of a request.
#[derive(Debug)]
pub(crate) struct Carried<'r> {
    pub(crate) token: Cow<'r, [u8]>,
    pub(crate) place: Place<'r>,
}

/// Where the token was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place<'r> {
    /// A header, by its configured name.
    Header(String),
    /// A query parameter, as the bytes `name=value`.
    Parameter(&'r [u8]),
}

impl Carriers {
    /// Adds the carriers of one provider; the same place of two providers counts once.
    pub(crate) fn add(&mut self, from: FromConfig) -> Result<(), ConfigError> {
        if from.headers.is_empty() && from.params.is_empty() {
            return Err(ConfigError::new("expected at least one header or parameter").within("from"));
        }
        for (index, carrier) in from.headers.into_iter().enumerate() {
            let valid = is_token(&carrier.name) && carrier.scheme.as_deref().is_none_or(is_token);
            if !valid {
                let error = ConfigError::new("expected a header name, and a scheme without spaces");
                return Err(error.within(&alloc::format!("{index}")).within("headers").within("from"));
            }
            let same = |other: &HeaderCarrierConfig| other.name.eq_ignore_ascii_case(&carrier.name);
            match self.headers.iter().find(|other| same(other)) {
                None => self.headers.push(carrier),
                Some(other) if scheme_eq(other.scheme.as_deref(), carrier.scheme.as_deref()) => {}
                Some(_) => {
                    let error = ConfigError::new("expected the same scheme wherever this header is a carrier");
                    return Err(error.within(&alloc::format!("{index}")).within("headers").within("from"));
                }
            }
        }
        for (index, name) in from.params.into_iter().enumerate() {
            if name.is_empty() {
                let error = ConfigError::new("expected the name of a query parameter");
                return Err(error.within(&alloc::format!("{index}")).within("params").within("from"));
            }
            if !self.params.contains(&name) {
                self.params.push(name);
            }
        }
        Ok(())
    }

    /// Finds the token: none is [`Reason::MissingToken`], more than one [`Reason::InvalidRequest`].
    pub(crate) fn find<'r>(&self, request: &Request<'r>) -> Result<Carried<'r>, Reason> {
        let mut found = None;
        for carrier in &self.headers {
            if let Some(token) = in_header(carrier, request)? {
                let place = Place::Header(carrier.name.to_ascii_lowercase());
                keep(&mut found, Carried { token: Cow::Borrowed(token), place })?;
            }
        }
        // The query lies between the first `?` and the end (RFC 3986 section 3.4); only `&` separates.
        if let (false, Some(query)) = (self.params.is_empty(), query(request.path())) {
            for parameter in query.split(|byte| *byte == b'&') {
                let mut parts = parameter.splitn(2, |byte| *byte == b'=');
                let (name, value) = (parts.next().unwrap_or_default(), parts.next());
                // A name that cannot be decoded is none of ours.
                let Some(name) = percent_decode(name) else {
                    continue;
                };
                if !self.params.iter().any(|param| param.as_bytes() == name.as_ref()) {
                    continue;
                }
                // `?token` without `=` names no value.
                let Some(value) = value else { continue };
                let token = percent_decode(value).unwrap_or(Cow::Borrowed(b""));
                keep(&mut found, Carried { token, place: Place::Parameter(parameter) })?;
            }
        }
        found.ok_or(Reason::MissingToken)
    }
}

fn keep<'r>(found: &mut Option<Carried<'r>>, carried: Carried<'r>) -> Result<(), Reason> {
    if found.is_some() {
        return Err(Reason::InvalidRequest);
    }
    *found = Some(carried);
    Ok(())
}

fn in_header<'r>(carrier: &HeaderCarrierConfig, request: &Request<'r>) -> Result<Option<&'r [u8]>, Reason> {
    let mut values = request.values(&carrier.name);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    // RFC 9110 section 5.3: neither `Authorization` nor a token header is a list, so a second line is ambiguous.
    if values.next().is_some() {
        return Err(Reason::InvalidRequest);
    }
    let Some(scheme) = carrier.scheme.as_deref() else {
        // A proxy joins repeated headers by commas, and no token has one.
        return if value.contains(&b',') { Err(Reason::InvalidRequest) } else { Ok(Some(value.trim_ascii())) };
    };
    let mut credentials = value.split(|byte| *byte == b',');
    let first = credentials.next().unwrap_or_default();
    let joined: Vec<_> = credentials.collect();
    if !joined.is_empty() {
        let ours = |credential: &&[u8]| after_scheme(credential.trim_ascii(), scheme).is_some();
        let any = ours(&first) || joined.iter().any(ours);
        return if any { Err(Reason::InvalidRequest) } else { Ok(None) };
    }
    // Another scheme is "no token here" (RFC 9110 section 11.4), as is a scheme without credentials.
    let rest = after_scheme(first, scheme).unwrap_or_default();
    let token = rest.trim_ascii_end();
    let spaces = token.iter().take_while(|byte| **byte == b' ').count();
    Ok(token.get(spaces..).filter(|token| !token.is_empty()))
}

/// What follows the scheme: empty, or beginning with a blank. The scheme is compared without case (RFC 9110 section 11.1).
fn after_scheme<'v>(value: &'v [u8], scheme: &str) -> Option<&'v [u8]> {
    let (head, rest) = value.split_at_checked(scheme.len())?;
    let ends = rest.first().is_none_or(|byte| matches!(byte, b' ' | b'\t'));
    (ends && head.eq_ignore_ascii_case(scheme.as_bytes())).then_some(rest)
}

fn query(path: &[u8]) -> Option<&[u8]> {
    let start = path.iter().position(|byte| *byte == b'?')?;
    path.get(start.checked_add(1)?..)
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    let special = |byte| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || special(byte))
}

fn scheme_eq(one: Option<&str>, other: Option<&str>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        (None, None) => true,
        _ => false,
    }
}
