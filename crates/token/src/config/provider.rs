//! `providers`: issuers, their keys, their tokens, and what goes to the upstream instead of a token.

use alloc::{string::String, vec::Vec};

use datakit_token_encoding::{json::Value, sorted::Sorted};

use super::{
    reader::{Object, Read, names, object, variants, wrong},
    value::Duration,
};
use crate::{config_error::ConfigError, header::Algorithm, keys::KeySet, revocation::Rules};

object! {
    /// One issuer and the tokens to accept from it.
    pub(crate) struct ProviderConfig {
        /// Names it in messages and in requirements.
        pub(crate) name: String = required "name",
        /// `iss`, byte for byte.
        pub(crate) issuer: String = required "issuer",
        /// One of them has to be in `aud`, byte for byte.
        pub(crate) audiences: Vec<String> = required "audiences",
        /// Accepted `sub`; any if absent.
        pub(crate) subjects: Option<Vec<SubjectConfig>> = optional "subjects",
        /// Accepted `alg`.
        pub(crate) algorithms: Vec<Algorithm> = optional "algorithms" or Vec::from([Algorithm::EdDsa, Algorithm::Ed25519]),
        /// Accepted `typ`.
        pub(crate) types: Vec<String> = optional "types" or Vec::from(["at+jwt".into()]),
        /// Takes tokens that have no `typ` as well, of whatever kind they are.
        pub(crate) allow_missing_type: bool = optional "allow_missing_type" or false,
        /// Claims that must be there, besides `iss`, `aud` and `exp`.
        pub(crate) required_claims: Vec<String> = optional "required_claims" or Vec::new(),
        /// Where the token has what authorisation looks at.
        pub(crate) claims: ClaimPlaces = optional "claims" or ClaimPlaces::default(),
        /// At most `300s`.
        pub(crate) clock_skew: Duration = optional "clock_skew" or Duration(30),
        /// Longest time from `iat` to `exp`.
        pub(crate) max_lifetime: Option<Duration> = optional "max_lifetime",
        /// Longest time since `iat`.
        pub(crate) max_age: Option<Duration> = optional "max_age",
        /// Who signs.
        pub(crate) keys: KeysConfig = required "keys",
        /// Tokens to refuse.
        pub(crate) revocations: RevocationsConfig = optional "revocations" or RevocationsConfig::default(),
        /// Tokens without a signature, while clients are moved to signed ones.
        pub(crate) opaque_tokens: Vec<OpaqueTokenConfig> = optional "opaque_tokens" or Vec::new(),
        /// Where a token may sit; `Authorization: Bearer`, or what the presets say, if absent.
        pub(crate) from: Option<FromConfig> = optional "from",
        /// Keeps the token for the upstream.
        pub(crate) forward: bool = optional "forward" or false,
        /// Puts the secret of the token's workspace in the token's place.
        pub(crate) swap: Option<SwapConfig> = optional "swap",
        /// Claims that the upstream gets in headers.
        pub(crate) claims_to_headers: Vec<ClaimToHeaderConfig> = optional "claims_to_headers" or Vec::new(),
    }
}

/// An accepted `sub`.
pub(crate) enum SubjectConfig {
    /// This one.
    Exact(String),
    /// All that begin like this.
    Prefix(String),
}

object! {
    /// JSON pointers (RFC 6901) into the claims.
    pub(crate) struct ClaimPlaces {
        /// An array of strings.
        pub(crate) roles: String = optional "roles" or Self::default().roles,
        /// An array of strings.
        pub(crate) permissions: String = optional "permissions" or Self::default().permissions,
        /// A string with a space between two scopes.
        pub(crate) scope: String = optional "scope" or Self::default().scope,
        /// A string.
        pub(crate) workspace: String = optional "workspace" or Self::default().workspace,
    }
}

object! {
    /// Where the provider's keys come from: exactly one of these.
    #[derive(Default)]
    pub(crate) struct KeysConfig exactly one of "inline" | "remote" | "bundle" {
        /// A JWK Set (RFC 7517). Foreign members of any type are allowed in it.
        pub(crate) inline: Option<JwkSetConfig> = optional "inline",
        /// A JWK Set on a server.
        pub(crate) remote: Option<RemoteConfig> = optional "remote",
        /// Signed keys and revocation rules.
        pub(crate) bundle: Option<BundleConfig> = optional "bundle",
    }
}

object! {
    /// A document on a server.
    pub(crate) struct RemoteConfig {
        /// https; http only to the machine itself.
        pub(crate) url: String = required "url",
        /// Envoy's name for the server.
        pub(crate) cluster: Option<String> = optional "cluster",
        /// Time that a fetch may take.
        pub(crate) timeout: Duration = optional "timeout" or Duration(5),
        /// Longest time between two fetches.
        pub(crate) refresh: Duration = optional "refresh" or Duration(300),
        /// Shortest time between two fetches, failed ones included.
        pub(crate) cooldown: Duration = optional "cooldown" or Duration(10),
        /// How long keys may be used when no fetch succeeds.
        pub(crate) stale_for: Option<Duration> = optional "stale_for",
        /// Longest document.
        pub(crate) max_bytes: Option<u32> = optional "max_bytes",
    }
}

object! {
    /// A signed document with keys and revocation rules.
    pub(crate) struct BundleConfig exactly one of "inline" | "remote" {
        /// A JWK Set of the keys that may sign it.
        pub(crate) roots: JwkSetConfig = required "roots",
        /// Bundles with a lower `seq` are refused from the start.
        pub(crate) min_seq: u64 = optional "min_seq" or 0,
        /// The bundle itself.
        pub(crate) inline: Option<String> = optional "inline",
        /// The bundle on a server.
        pub(crate) remote: Option<RemoteConfig> = optional "remote",
    }
}

/// A JWK Set, and what is skipped in it.
#[derive(Default)]
pub(crate) struct JwkSetConfig {
    pub(crate) keys: KeySet,
    pub(crate) skipped: Vec<ConfigError>,
}

/// Rules that refuse tokens of this provider.
#[derive(Default)]
pub(crate) struct RevocationsConfig(pub(crate) Rules);

object! {
    /// A token without a signature, and what it stands for.
    pub(crate) struct OpaqueTokenConfig {
        /// The token.
        pub(crate) token: SecretConfig = required "token",
        /// When it ends: seconds since 1970.
        pub(crate) expires_at: u64 = required "expires_at",
        /// `sub`
        pub(crate) subject: Option<String> = optional "subject",
        /// `workspace`
        pub(crate) workspace: Option<String> = optional "workspace",
        /// `roles`
        pub(crate) roles: Vec<String> = optional "roles" or Vec::new(),
        /// `permissions`
        pub(crate) permissions: Vec<String> = optional "permissions" or Vec::new(),
    }
}

/// A text that is nobody else's business.
pub(crate) enum SecretConfig {
    /// Here.
    Value(String),
    /// In this variable of the environment: in Envoy, of the VM.
    Env(String),
}

object! {
    /// Where a token may sit in a request.
    #[derive(Clone)]
    pub(crate) struct FromConfig {
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

object! {
    /// Secrets by workspace.
    pub(crate) struct SwapConfig {
        /// By the token's workspace.
        pub(crate) secrets: Sorted<String, SecretConfig> = required "secrets",
        /// Where the secret goes; into the token's place if absent.
        pub(crate) to: Option<SwapPlace> = optional "to",
    }
}

/// Where a secret goes.
#[derive(Clone)]
pub(crate) enum SwapPlace {
    /// A header of its own.
    Header(String),
    /// A query parameter.
    Param(String),
}

object! {
    /// A claim to hand to the upstream.
    pub(crate) struct ClaimToHeaderConfig {
        /// A JSON pointer (RFC 6901).
        pub(crate) claim: String = required "claim",
        pub(crate) header: String = required "header",
        pub(crate) format: HeaderFormat = optional "format" or HeaderFormat::Text,
        /// What becomes of letters outside of ASCII in the formats `text` and `csv`.
        pub(crate) non_ascii: NonAscii = optional "non_ascii" or NonAscii::Omit,
    }
}

/// How a claim becomes a header value.
#[derive(Clone, Copy)]
pub(crate) enum HeaderFormat {
    /// Strings as they are, numbers and booleans as JSON.
    Text,
    /// An array of strings, joined by commas.
    Csv,
    /// JSON, with escapes for all that is not ASCII.
    Json,
    /// JSON in base64url without padding.
    Base64url,
}

/// What becomes of letters that not every reader of headers reads alike (RFC 9110 section 5.5).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NonAscii {
    /// The header is left out.
    Omit,
    /// They and `%` are written as RFC 3986 section 2.1 has it, in UTF-8.
    Percent,
    /// They are written in UTF-8.
    Utf8,
}

names!(Algorithm { EdDsa "EdDSA", Ed25519 "Ed25519", });
variants!(SubjectConfig { Exact(String) "exact", Prefix(String) "prefix", });
variants!(SecretConfig { Value(String) "value", Env(String) "env", });
variants!(SwapPlace { Header(String) "header", Param(String) "param", });
names!(NonAscii { Omit "omit", Percent "percent", Utf8 "utf8", });
names!(HeaderFormat { Text "text", Csv "csv", Json "json", Base64url "base64url", });

impl Default for SecretConfig {
    /// None at all, which nobody accepts.
    fn default() -> Self {
        Self::Value(String::new())
    }
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

impl Read for JwkSetConfig {
    fn read(value: Value<'_>) -> Result<Self, ConfigError> {
        KeySet::read(value).map(|(keys, skipped)| Self { keys, skipped })
    }
}

impl Read for RevocationsConfig {
    fn read(value: Value<'_>) -> Result<Self, ConfigError> {
        Rules::read(value).map(Self)
    }
}

impl Default for ClaimPlaces {
    fn default() -> Self {
        Self {
            roles: "/roles".into(),
            permissions: "/permissions".into(),
            scope: "/scope".into(),
            workspace: "/workspace".into(),
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

impl From<String> for ParamCarrierConfig {
    fn from(name: String) -> Self {
        Self { name, placeholder: None }
    }
}
