//! Tokens without a signature (`tkn_...`), for the time in which clients are moved to signed ones: an allow-list of
//! whole tokens, each with an end and with what it stands for.

use alloc::{format, string::String, vec::Vec};

use datakit_token_encoding::json::{Json, JsonObject};
use subtle::ConstantTimeEq;

use crate::{
    config::secret::{Environment, read_secret},
    error::ConfigError,
    reason::Reason,
    shared::Shared,
    time::{MAX_TIME, UnixTime},
    token::{
        config::OpaqueTokenConfig,
        name::{is_name, is_permission},
        valid::Valid,
    },
};

/// A shorter one could be guessed.
const MIN_LENGTH: usize = 24;

/// The allow-list of one provider.
#[derive(Default)]
pub(crate) struct OpaqueTokens(Vec<OpaqueToken>);

struct OpaqueToken {
    token: String,
    expires_at: u64,
    /// What it stands for.
    valid: Shared<Valid>,
}

impl OpaqueTokens {
    /// Compiles `opaque_tokens` of the provider at this place in the configuration.
    pub(crate) fn new(
        config: Vec<OpaqueTokenConfig>,
        provider: usize,
        issuer: &str,
        environment: Environment<'_>,
    ) -> Result<Self, ConfigError> {
        let mut tokens: Vec<OpaqueToken> = Vec::new();
        for (index, token) in config.into_iter().enumerate() {
            let token = OpaqueToken::new(token, provider, issuer, environment);
            let place = |error: ConfigError| error.within_element(index).within("opaque_tokens");
            let token = token.map_err(place)?;
            if tokens.iter().any(|other| other.token == token.token) {
                return Err(place(ConfigError::new("expected a token that no other entry has").within("token")));
            }
            tokens.push(token);
        }
        Ok(Self(tokens))
    }

    /// What this token stands for, if it is in the list. All entries are compared, each in a time that does not depend
    /// on where it differs.
    pub(crate) fn find(&self, token: &[u8], now: UnixTime) -> Result<Option<&Shared<Valid>>, Reason> {
        let mut found = None;
        for entry in &self.0 {
            if bool::from(entry.token.as_bytes().ct_eq(token)) {
                found = Some(entry);
            }
        }
        let Some(entry) = found else { return Ok(None) };
        if now.as_secs() >= entry.expires_at {
            return Err(Reason::Expired);
        }
        Ok(Some(&entry.valid))
    }
}

impl OpaqueToken {
    // Apart, as few configurations come here: "Cold paths" in docs/performance.md.
    #[inline(never)]
    fn new(
        config: OpaqueTokenConfig,
        provider: usize,
        issuer: &str,
        environment: Environment<'_>,
    ) -> Result<Self, ConfigError> {
        let token = read_secret(config.token, environment).map_err(|error| error.within("token"))?;
        // A signed token has dots, so neither kind can be taken for the other.
        if token.len() < MIN_LENGTH || token.contains('.') {
            let problem = format!("expected at least {MIN_LENGTH} characters without dots");
            return Err(ConfigError::new(problem).within("token"));
        }
        if config.expires_at == 0 || config.expires_at > MAX_TIME {
            return Err(ConfigError::new("expected seconds since 1970").within("expires_at"));
        }
        let mut claims = JsonObject::new().text("iss", issuer).number("exp", config.expires_at);
        for (name, member, text) in [("subject", "sub", config.subject), ("workspace", "workspace", config.workspace)] {
            match text {
                Some(text) if is_name(&text) => claims = claims.text(member, &text),
                Some(_) => {
                    return Err(
                        ConfigError::new("expected at least one character, and no control characters").within(name)
                    );
                }
                None => {}
            }
        }
        let lists = [("roles", config.roles, false), ("permissions", config.permissions, true)];
        for (name, texts, permissions) in lists {
            let good = |text: &String| if permissions { is_permission(text) } else { is_name(text) };
            if let Some(wrong) = texts.iter().position(|text| !good(text)) {
                let problem = "expected a name without control characters; in permissions no wildcard and no space";
                return Err(ConfigError::new(problem).within_element(wrong).within(name));
            }
            claims = claims.texts(name, &mut texts.iter().map(String::as_str));
        }
        // What was just written can be read.
        let claims = Json::parse_object(claims.finish()).map_err(|_| ConfigError::new("expected shorter texts"))?;
        let valid = Shared::new(Valid::opaque(claims, issuer, config.expires_at, provider));
        Ok(Self { token, expires_at: config.expires_at, valid })
    }
}
