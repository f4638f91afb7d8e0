//! Carriers: where a token sits in a request (RFC 6750 section 2, RFC 9110 section 11, RFC 6265).

use alloc::{borrow::Cow, string::String, vec::Vec};

use crate::{
    error::ConfigError,
    reason::Reason,
    request::{
        config::{FromConfig, ParamCarrierConfig},
        field_name::is_field_name,
        origin::is_origin,
        percent::percent_decode,
        request::{Ambiguous, Request, split_parameter},
        spelling::{is_other_spelling, is_parameter_like},
    },
    shared::Shared,
};

/// The places to look at, in the order of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Carriers {
    headers: Vec<HeaderCarrier>,
    params: Vec<ParamCarrierConfig>,
    cookies: Vec<String>,
    cookie_origins: Vec<String>,
}

/// A header with a token.
#[derive(Debug)]
pub(crate) struct HeaderCarrier {
    /// In lower case; edits of requests share it.
    pub(crate) name: Shared<str>,
    /// What stands before the token.
    pub(crate) scheme: Option<String>,
    /// What a value begins with that is no token if another place has one.
    placeholder: Option<String>,
}

/// The one token of a request.
#[derive(Debug)]
pub(crate) struct FoundToken<'r> {
    pub(crate) token: Cow<'r, [u8]>,
    pub(crate) place: TokenLocation<'r>,
    /// Where something is that a client sends because it must, and that is no token. An upstream might take it for one,
    /// so it goes where the token goes.
    pub(crate) placeholder: Option<TokenLocation<'r>>,
}

/// Where the token was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenLocation<'r> {
    /// A header: its number among the carriers.
    Header(usize),
    /// A query parameter, as the bytes `name=value`.
    Parameter(&'r [u8]),
    /// A cookie: its number among the carriers.
    Cookie(usize),
}

impl Carriers {
    /// Adds the carriers of one provider; the same place of two providers counts once.
    pub(crate) fn add(&mut self, from: FromConfig) -> Result<(), ConfigError> {
        if from.headers.is_empty() && from.params.is_empty() && from.cookies.is_empty() {
            return Err(ConfigError::new("expected at least one header, parameter or cookie").within("from"));
        }
        let place =
            |error: ConfigError, list: &str, index: usize| error.within_element(index).within(list).within("from");
        for (index, carrier) in from.headers.into_iter().enumerate() {
            if !is_field_name(&carrier.name) || !carrier.scheme.as_deref().is_none_or(is_field_name) {
                let error = ConfigError::new("expected a header name, and a scheme without spaces");
                return Err(place(error, "headers", index));
            }
            if carrier.placeholder.as_deref() == Some("") {
                let error = ConfigError::new("expected a placeholder of at least one character");
                return Err(place(error, "headers", index));
            }
            let same = |other: &HeaderCarrier| other.name.eq_ignore_ascii_case(&carrier.name);
            match self.headers.iter().find(|other| same(other)) {
                None => {
                    let (name, scheme, placeholder) = (carrier.name, carrier.scheme, carrier.placeholder);
                    self.headers.push(HeaderCarrier { name: name.to_ascii_lowercase().into(), scheme, placeholder });
                }
                Some(other)
                    if scheme_eq(other.scheme.as_deref(), carrier.scheme.as_deref())
                        && other.placeholder == carrier.placeholder => {}
                Some(_) => {
                    let error = ConfigError::new(
                        "expected the same scheme and the same placeholder wherever this header is a carrier",
                    );
                    return Err(place(error, "headers", index));
                }
            }
        }
        for (index, carrier) in from.params.into_iter().enumerate() {
            if carrier.name.is_empty() || carrier.placeholder.as_deref() == Some("") {
                let error = ConfigError::new(
                    "expected the name of a query parameter, and a placeholder of at least one character",
                );
                return Err(place(error, "params", index));
            }
            match self.params.iter().find(|other| other.name == carrier.name) {
                None => self.params.push(carrier),
                Some(other) if other.placeholder == carrier.placeholder => {}
                Some(_) => {
                    let error = ConfigError::new("expected the same placeholder wherever this parameter is a carrier");
                    return Err(place(error, "params", index));
                }
            }
        }
        for (index, name) in from.cookies.into_iter().enumerate() {
            if !is_field_name(&name) {
                return Err(place(ConfigError::new("expected the name of a cookie"), "cookies", index));
            }
            if !self.cookies.contains(&name) {
                self.cookies.push(name);
            }
        }
        for (index, origin) in from.cookie_origins.into_iter().enumerate() {
            if !is_origin(&origin) {
                return Err(place(
                    ConfigError::new("expected an origin such as `https://app.example.com`"),
                    "cookie_origins",
                    index,
                ));
            }
            self.cookie_origins.push(origin);
        }
        Ok(())
    }

    /// The header with this number.
    pub(crate) fn header(&self, number: usize) -> Option<&HeaderCarrier> {
        self.headers.get(number)
    }

    /// The cookie with this number.
    pub(crate) fn cookie(&self, number: usize) -> Option<&str> {
        self.cookies.get(number).map(String::as_str)
    }

    /// Whether a query parameter with this name, as received, is a carrier.
    pub(crate) fn is_parameter(&self, name: &[u8]) -> bool {
        self.parameter(name).is_some()
    }

    /// Whether there are parameters among the carriers.
    pub(crate) const fn have_parameters(&self) -> bool {
        !self.params.is_empty()
    }

    /// Whether some upstream takes a query parameter for one of these, in which no token was looked for.
    pub(crate) fn is_beside_parameter(&self, name: &[u8]) -> bool {
        self.params.iter().any(|carrier| is_parameter_like(name, &carrier.name)) && !self.is_parameter(name)
    }

    /// Whether some upstream takes a header for one of these, in which no token was looked for.
    pub(crate) fn is_beside_header(&self, name: &[u8]) -> bool {
        self.headers.iter().any(|carrier| is_other_spelling(name, &carrier.name))
    }

    /// Finds the token: none is [`Reason::MissingToken`], more than one [`Reason::InvalidRequest`].
    pub(crate) fn find<'r>(&self, request: &Request<'r>) -> Result<FoundToken<'r>, Reason> {
        let (mut found, mut aside) = (None, None);
        for (number, carrier) in self.headers.iter().enumerate() {
            if let Some(token) = in_header(carrier, request)? {
                let kept = if is_placeholder(carrier.placeholder.as_deref(), token) { &mut aside } else { &mut found };
                keep(kept, Cow::Borrowed(token), TokenLocation::Header(number))?;
            }
        }
        if !self.params.is_empty() {
            for part in request.parameters().map_err(|Ambiguous| Reason::InvalidRequest)? {
                let (name, value) = split_parameter(part);
                // `?token` without `=` names no value.
                let (Some(carrier), Some(value)) = (self.parameter(name), value) else { continue };
                let token = percent_decode(value).unwrap_or(Cow::Borrowed(b""));
                let kept = if is_placeholder(carrier.placeholder.as_deref(), &token) { &mut aside } else { &mut found };
                keep(kept, token, TokenLocation::Parameter(part))?;
            }
        }
        if !self.cookies.is_empty() {
            self.find_cookies(request, &mut found)?;
        }
        match (found, aside) {
            (Some(carried), aside) => Ok(FoundToken { placeholder: aside.map(|aside| aside.place), ..carried }),
            // Nothing else has a token: then this is to be one.
            (None, Some(aside)) => Ok(aside),
            (None, None) => Err(Reason::MissingToken),
        }
    }

    fn find_cookies<'r>(&self, request: &Request<'r>, found: &mut Option<FoundToken<'r>>) -> Result<(), Reason> {
        for (name, value) in cookies(request) {
            let Some(number) = self.cookies.iter().position(|cookie| cookie.as_bytes() == name) else { continue };
            // RFC 6265 section 4.1.1 lets a server quote; what is inside is then not what it compares.
            if value.contains(&b'"') {
                return Err(Reason::InvalidRequest);
            }
            keep(found, Cow::Borrowed(value), TokenLocation::Cookie(number))?;
            self.check_origin(request)?;
        }
        Ok(())
    }

    /// A browser sends cookies with the requests of any page, so a request that changes something has to come from one
    /// of ours.
    fn check_origin(&self, request: &Request<'_>) -> Result<(), Reason> {
        // RFC 9110 section 9.2.1: safe methods. What a WebSocket carries is not bound to be, and pages may open one
        // anywhere.
        let safe = matches!(request.method(), b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE");
        if safe && request.values("upgrade").next().is_none() {
            return Ok(());
        }
        let only = |name| request.only_value(name);
        if matches!(only("sec-fetch-site"), Some(b"same-origin" | b"none")) {
            return Ok(());
        }
        let origin = only("origin").and_then(|origin| core::str::from_utf8(origin).ok());
        let listed = origin.is_some_and(|origin| self.cookie_origins.iter().any(|listed| listed == origin));
        // An old browser says where the page is from, and not whether that is here.
        let own = only("sec-fetch-site").is_none()
            && origin
                .and_then(|origin| origin.split_once("://"))
                .is_some_and(|(scheme, host)| request.is_from(scheme) && request.host() == Some(host.as_bytes()));
        if listed || own { Ok(()) } else { Err(Reason::BindingMismatch) }
    }

    fn parameter(&self, name: &[u8]) -> Option<&ParamCarrierConfig> {
        // A name that cannot be decoded is none of ours.
        let name = percent_decode(name)?;
        self.params.iter().find(|carrier| carrier.name.as_bytes() == name.as_ref())
    }
}

/// Names and values of all cookies, in the order of arrival (RFC 6265 section 4.2.1).
pub(crate) fn cookies<'r>(request: &Request<'r>) -> impl Iterator<Item = (&'r [u8], &'r [u8])> {
    let pairs = request.values("cookie").flat_map(|line| line.split(|byte| *byte == b';'));
    pairs.filter_map(|pair| {
        let (name, value) = split_parameter(pair.trim_ascii());
        Some((name.trim_ascii(), value?.trim_ascii()))
    })
}

fn is_placeholder(start: Option<&str>, value: &[u8]) -> bool {
    start.is_some_and(|start| value.starts_with(start.as_bytes()))
}

fn keep<'r>(found: &mut Option<FoundToken<'r>>, token: Cow<'r, [u8]>, place: TokenLocation<'r>) -> Result<(), Reason> {
    if found.is_some() {
        return Err(Reason::InvalidRequest);
    }
    *found = Some(FoundToken { token, place, placeholder: None });
    Ok(())
}

fn in_header<'r>(carrier: &HeaderCarrier, request: &Request<'r>) -> Result<Option<&'r [u8]>, Reason> {
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
    // `contains` takes several bytes at a time, and there is hardly ever a comma.
    if value.contains(&b',') {
        let mut credentials = value.split(|byte| *byte == b',');
        let any = credentials.any(|credential| after_scheme(credential.trim_ascii(), scheme).is_some());
        return if any { Err(Reason::InvalidRequest) } else { Ok(None) };
    }
    // Another scheme is "no token here" (RFC 9110 section 11.4), as is a scheme without credentials.
    let rest = after_scheme(value, scheme).unwrap_or_default();
    let token = rest.trim_ascii_end();
    let spaces = token.iter().take_while(|byte| **byte == b' ').count();
    Ok(token.get(spaces..).filter(|token| !token.is_empty()))
}

/// What follows the scheme: empty, or beginning with a blank. The scheme is compared without case (RFC 9110 section
/// 11.1).
fn after_scheme<'v>(value: &'v [u8], scheme: &str) -> Option<&'v [u8]> {
    let (head, rest) = value.split_at_checked(scheme.len())?;
    let ends = rest.first().is_none_or(|byte| matches!(byte, b' ' | b'\t'));
    (ends && head.eq_ignore_ascii_case(scheme.as_bytes())).then_some(rest)
}

fn scheme_eq(one: Option<&str>, other: Option<&str>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        (None, None) => true,
        _ => false,
    }
}
