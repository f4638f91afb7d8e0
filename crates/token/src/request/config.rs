//! `from`: where a token may sit in a request.

use alloc::{string::String, vec::Vec};

use datakit_token_encoding::json::Value;

use crate::{
    config::reader::{Object, Read, object, wrong},
    error::ConfigError,
};

object! {
    /// Where a token may sit in a request.
    #[derive(Clone, Debug)]
    pub struct FromConfig {
        /// Headers, with or without a scheme before the token.
        pub(crate) headers: Vec<HeaderCarrierConfig> = optional "headers" or Vec::new(),
        /// Query parameters.
        pub(crate) params: Vec<ParamCarrierConfig> = optional "params" or Vec::new(),
        /// Cookies.
        pub(crate) cookies: Vec<String> = optional "cookies" or Vec::new(),
        /// Origins whose pages may send the cookies with methods that change something; besides the server's own.
        pub(crate) cookie_origins: Vec<String> = optional "cookie_origins" or Vec::new(),
    }
}

object! {
    /// A header with a token.
    #[derive(Clone, Debug)]
    pub(crate) struct HeaderCarrierConfig {
        /// The name of the header.
        pub(crate) name: String = required "name",
        /// What stands before the token, compared without case.
        pub(crate) scheme: Option<String> = optional "scheme",
        /// A value that begins like this is no token if another place has one.
        pub(crate) placeholder: Option<String> = optional "placeholder",
    }
}

/// A query parameter with a token.
#[derive(Clone, Debug)]
pub(crate) struct ParamCarrierConfig {
    pub(crate) name: String,
    /// A value that begins like this is no token if another place has one.
    pub(crate) placeholder: Option<String>,
}

impl Read for ParamCarrierConfig {
    fn read(value: Value<'_>) -> Result<Self, ConfigError> {
        match value {
            Value::String(name) => Ok(String::from(name).into()),
            Value::Object(_) => {
                let mut object = Object::open(value, &["name", "placeholder"])?;
                let read = Self { name: object.required("name"), placeholder: object.optional("placeholder") };
                object.finish(read)
            }
            _ => Err(wrong("a name, or an object with one", value)),
        }
    }
}

impl Default for FromConfig {
    /// `Authorization: Bearer` alone: RFC 9700 section 4.3.2 forbids tokens in the query unless asked for.
    fn default() -> Self {
        let bearer =
            HeaderCarrierConfig { name: "authorization".into(), scheme: Some("Bearer".into()), placeholder: None };
        Self { headers: Vec::from([bearer]), params: Vec::new(), cookies: Vec::new(), cookie_origins: Vec::new() }
    }
}

impl FromConfig {
    /// Nowhere yet; at least one place has to follow. `Authorization: Bearer` is the [`Default`].
    #[must_use]
    pub const fn new() -> Self {
        Self { headers: Vec::new(), params: Vec::new(), cookies: Vec::new(), cookie_origins: Vec::new() }
    }

    /// In a header, with or without a scheme such as `Bearer` before it.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, scheme: Option<&str>) -> Self {
        let scheme = scheme.map(String::from);
        self.headers.push(HeaderCarrierConfig { name: name.into(), scheme, placeholder: None });
        self
    }

    /// In a parameter of the query, which proxies and browsers keep in logs and histories (RFC 9700 section 4.3.2).
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>) -> Self {
        self.params.push(name.into().into());
        self
    }

    /// In a cookie.
    #[must_use]
    pub fn with_cookie(mut self, name: impl Into<String>) -> Self {
        self.cookies.push(name.into());
        self
    }

    /// Pages of this origin, besides the server's own, may send the cookies with methods that change something.
    #[must_use]
    pub fn with_cookie_origin(mut self, origin: impl Into<String>) -> Self {
        self.cookie_origins.push(origin.into());
        self
    }
}

impl From<String> for ParamCarrierConfig {
    fn from(name: String) -> Self {
        Self { name, placeholder: None }
    }
}
