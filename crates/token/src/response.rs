//! The answer to a denied request: RFC 6750 challenge and RFC 9457 problem details.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use crate::{config::ResponsesConfig, config_error::ConfigError, reason::Reason};

/// A denied request: why, and what to answer.
#[derive(Debug)]
pub struct Denial {
    reason: Reason,
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
        self.reason
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
        Responses { realm: "datakit".into(), retry_after: 5 }.response(reason)
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

    /// The body: `application/problem+json`.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }
}

/// How answers look, compiled from the configuration.
pub(crate) struct Responses {
    realm: String,
    retry_after: u64,
}

impl Responses {
    pub(crate) fn new(config: ResponsesConfig) -> Result<Self, ConfigError> {
        let quotable = |byte: u8| (byte == b' ' || byte.is_ascii_graphic()) && !matches!(byte, b'"' | b'\\');
        if config.realm.is_empty() || !config.realm.bytes().all(quotable) {
            let problem = "expected visible ASCII without `\"` and `\\`";
            return Err(ConfigError::new(problem).within("realm").within("responses"));
        }
        Ok(Self { realm: config.realm, retry_after: config.retry_after.0 })
    }

    pub(crate) fn denial(&self, reason: Reason) -> Denial {
        Denial { reason, response: self.response(reason) }
    }

    fn response(&self, reason: Reason) -> Response {
        let status = reason.status();
        let mut headers = Vec::from([
            ("content-type", String::from("application/problem+json")),
            // RFC 6750 section 5.3; the answer depends on credentials.
            ("cache-control", String::from("no-store")),
            ("x-content-type-options", String::from("nosniff")),
        ]);
        if let Some(challenge) = self.challenge(reason) {
            headers.push(("www-authenticate", challenge));
        }
        // RFC 9110 section 10.2.3
        if status == 503 {
            headers.push(("retry-after", self.retry_after.to_string()));
        }
        // RFC 9457 section 3; `reason` is an extension member (section 3.2).
        let body = format!(
            r#"{{"type":"about:blank","title":"{}","status":{status},"detail":"{}","reason":"{}"}}"#,
            title(status),
            reason.text(),
            reason.code()
        );
        Response { status, headers, body }
    }

    /// RFC 6750 section 3: on every 401, and on a refusal that has an `error`.
    fn challenge(&self, reason: Reason) -> Option<String> {
        match reason.error() {
            Some(error) => Some(format!(
                r#"Bearer realm="{}", error="{error}", error_description="{}""#,
                self.realm,
                reason.text()
            )),
            // RFC 6750 section 3.1: no error where the request carries no credentials.
            None if reason.status() == 401 => Some(format!(r#"Bearer realm="{}""#, self.realm)),
            None => None,
        }
    }
}

const fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        _ => "Service Unavailable",
    }
}
