//! Secrets of the configuration: they stand in it, or in the environment of the host.

use alloc::{format, string::String};

use crate::{config::reader::variants, error::ConfigError};

/// Looks up a variable of the host's environment.
pub(crate) type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// The longest secret.
const MAX_LENGTH: usize = 4096;

/// Reads a secret that may go into a query, a header or a cookie as it is: RFC 3986 section 2.3, unreserved characters.
pub(crate) fn read_secret(config: SecretConfig, environment: Environment<'_>) -> Result<String, ConfigError> {
    let (name, text) = match config {
        SecretConfig::Value(text) => ("value", text),
        SecretConfig::Env(name) => {
            let problem =
                || ConfigError::new(format!("expected the variable `{name}` in the environment")).within("env");
            ("env", environment(&name).ok_or_else(problem)?)
        }
    };
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if text.is_empty() || text.len() > MAX_LENGTH || !text.bytes().all(unreserved) {
        let problem = format!("expected 1 to {MAX_LENGTH} characters of `A-Z a-z 0-9 - . _ ~`");
        return Err(ConfigError::new(problem).within(name));
    }
    Ok(text)
}

/// A secret: whoever shows a configuration must not show it.
#[derive(Clone)]
pub(crate) enum SecretConfig {
    /// Here.
    Value(String),
    /// In this variable of the host's environment.
    Env(String),
}

variants!(SecretConfig {
    /// The secret itself.
    Value(String) "value",
    /// The variable of the environment that has it.
    Env(String) "env",
});

impl Default for SecretConfig {
    /// None at all, which nobody accepts.
    fn default() -> Self {
        Self::Value(String::new())
    }
}
