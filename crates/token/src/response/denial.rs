//! The answer to a denied request: RFC 6750 challenge, and RFC 9457 problem details or another body.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use datakit_token_encoding::{collections::SortedMap, json::JsonObject};

use crate::{
    error::ConfigError,
    reason::Reason,
    refusal::Refusal,
    request::{origin::is_origin, request::Request},
    response::config::{BodyFormat, CorsConfig, ResponsesConfig},
};

/// A denied request: why, and what to answer.
#[derive(Debug)]
pub struct Denial {
    refusal: Refusal,
    response: Response,
}

/// An HTTP answer without anything of the token.
#[derive(Debug)]
pub struct Response {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Denial {
    /// Why.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.refusal.reason()
    }

    /// The same with the claim that it is about.
    #[must_use]
    pub const fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// What to answer.
    #[must_use]
    pub const fn response(&self) -> &Response {
        &self.response
    }
}

impl Response {
    /// The answer when there is no configuration to ask.
    #[must_use]
    pub fn without_configuration(reason: Reason) -> Self {
        Responses::default().response(&reason.into(), None)
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Header names in lower case, and values.
    #[must_use]
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }

    /// The body; its type is among the headers.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }
}

/// How answers look, compiled from the configuration.
pub(crate) struct Responses {
    realm: String,
    retry_after: u64,
    format: BodyFormat,
    show_reason: bool,
    /// Statuses other than the reason's own.
    statuses: Vec<(Reason, u16)>,
    cors: Option<CorsConfig>,
}

impl Default for Responses {
    fn default() -> Self {
        Self {
            realm: "datakit".into(),
            retry_after: 5,
            format: BodyFormat::Problem,
            show_reason: true,
            statuses: Vec::new(),
            cors: None,
        }
    }
}

impl Responses {
    pub(crate) fn new(config: ResponsesConfig) -> Result<Self, ConfigError> {
        let place = |error: ConfigError| error.within("responses");
        let default = Self::default();
        let realm = config.realm.unwrap_or(default.realm);
        let quotable = |byte: u8| (byte == b' ' || byte.is_ascii_graphic()) && !matches!(byte, b'"' | b'\\');
        if realm.is_empty() || !realm.bytes().all(quotable) {
            return Err(place(ConfigError::new("expected visible ASCII without `\"` and `\\`").within("realm")));
        }
        let cors = config.cors.map(read_cors).transpose().map_err(place)?;
        Ok(Self {
            realm,
            retry_after: config.retry_after.map_or(default.retry_after, |duration| duration.0),
            format: config.format.unwrap_or(default.format),
            show_reason: config.show_reason.unwrap_or(default.show_reason),
            statuses: read_statuses(config.status.unwrap_or_default()).map_err(place)?,
            cors,
        })
    }

    pub(crate) fn denial(&self, refusal: Refusal, request: Option<&Request<'_>>) -> Denial {
        let response = self.response(&refusal, request);
        Denial { refusal, response }
    }

    fn response(&self, refusal: &Refusal, request: Option<&Request<'_>>) -> Response {
        let reason = refusal.reason();
        let other = self.statuses.iter().find(|(mapped, _)| *mapped == reason);
        let status = other.map_or(reason.status(), |(_, status)| *status);
        let mut headers = Vec::new();
        let (content_type, body) = self.body(refusal, status);
        if let Some(content_type) = content_type {
            headers.push(("content-type", String::from(content_type)));
            headers.push(("x-content-type-options", String::from("nosniff")));
        }
        // RFC 6750 section 5.3; the answer depends on credentials.
        headers.push(("cache-control", String::from("no-store")));
        if let Some(challenge) = self.challenge(reason, status) {
            headers.push(("www-authenticate", challenge));
        }
        // RFC 9110 section 10.2.3
        if status == 503 {
            headers.push(("retry-after", self.retry_after.to_string()));
        }
        self.add_cors(request, &mut headers);
        Response { status, headers, body }
    }

    fn body(&self, refusal: &Refusal, status: u16) -> (Option<&'static str>, String) {
        let reason = refusal.reason();
        let (code, text) = if self.show_reason { (reason.code(), reason.text()) } else { ("denied", title(status)) };
        match self.format {
            // RFC 9457 section 3; `reason` and `claim` are extension members (section 3.2).
            BodyFormat::Problem => {
                let problem = JsonObject::new().text("type", "about:blank").text("title", title(status));
                let problem = problem.number("status", u64::from(status)).text("detail", text).text("reason", code);
                let claim = refusal.claim().filter(|_| self.show_reason);
                (Some("application/problem+json"), problem.optional("claim", claim).finish())
            }
            BodyFormat::Guance => {
                (Some("application/json"), format!(r#"{{"error_code":"{code}","message":"{text}"}}"#))
            }
            BodyFormat::Text => (Some("text/plain; charset=utf-8"), format!("{text}\n")),
            BodyFormat::None => (None, String::new()),
        }
    }

    /// RFC 6750 section 3: on every 401, and on a refusal that has an `error`. Not where another status says that the
    /// same request may succeed later.
    fn challenge(&self, reason: Reason, status: u16) -> Option<String> {
        let realm = &self.realm;
        match reason.oauth_error() {
            _ if status >= 500 => None,
            Some(error) if self.show_reason => {
                Some(format!(r#"Bearer realm="{realm}", error="{error}", error_description="{}""#, reason.text()))
            }
            Some(error) => Some(format!(r#"Bearer realm="{realm}", error="{error}""#)),
            // RFC 6750 section 3.1: no error where the request carries no credentials.
            None if status == 401 => Some(format!(r#"Bearer realm="{realm}""#)),
            None => None,
        }
    }

    /// Fetch standard, CORS protocol: without these a page sees a network error and not why.
    fn add_cors(&self, request: Option<&Request<'_>>, headers: &mut Vec<(&'static str, String)>) {
        let Some(cors) = &self.cors else { return };
        let any = cors.origins.iter().any(|origin| origin == "*");
        let sent = request.and_then(|request| request.only_value("origin"));
        let allowed = cors.origins.iter().find(|origin| Some(origin.as_bytes()) == sent);
        let Some(origin) = (if any { Some("*") } else { allowed.map(String::as_str) }) else { return };
        headers.push(("access-control-allow-origin", origin.into()));
        headers.push(("access-control-expose-headers", "www-authenticate, retry-after".into()));
        if !any {
            headers.push(("vary", "origin".into()));
        }
    }
}

fn read_statuses(statuses: SortedMap<String, u16>) -> Result<Vec<(Reason, u16)>, ConfigError> {
    let mut read = Vec::new();
    for (code, status) in statuses {
        let place = |error: ConfigError| error.within(&code).within("status");
        let reason = Reason::ALL.iter().find(|reason| reason.code() == code);
        let reason =
            reason.ok_or_else(|| place(ConfigError::new("expected the code of a reason, such as `expired`")))?;
        if !(400..600).contains(&status) {
            return Err(place(ConfigError::new("expected a status from 400 to 599")));
        }
        read.push((*reason, status));
    }
    Ok(read)
}

fn read_cors(config: CorsConfig) -> Result<CorsConfig, ConfigError> {
    let alone = config.origins.len() == 1;
    let good = |origin: &String| is_origin(origin) || (alone && origin == "*");
    match config.origins.iter().position(|origin| !good(origin)) {
        None if !config.origins.is_empty() => Ok(config),
        None => Err(ConfigError::new("expected at least one origin").within("origins").within("cors")),
        Some(wrong) => {
            let error = ConfigError::new("expected an origin such as `https://app.example.com`, or `*` alone");
            Err(error.within_element(wrong).within("origins").within("cors"))
        }
    }
}

/// RFC 9110 section 15.
const fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        406 => "Not Acceptable",
        429 => "Too Many Requests",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        500.. => "Server Error",
        _ => "Client Error",
    }
}
