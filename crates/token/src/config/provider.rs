//! `providers`: issuers, their keys, their tokens, and what goes to the upstream instead of a token.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use serde_json::Value;

use super::{
    reader::{Object, Read, names, object, variants, wrong},
    value::Duration,
};
use crate::{config_error::ConfigError, jws::Algorithm, revocation::Rules};

/// One issuer and the tokens to accept from it.
pub(crate) struct ProviderConfig {
    /// Names it in messages and in requirements.
    pub(crate) name: String,
    /// `iss`, byte for byte.
    pub(crate) issuer: String,
    /// One of them has to be in `aud`, byte for byte.
    pub(crate) audiences: Vec<String>,
    /// Accepted `sub`; any if absent.
    pub(crate) subjects: Option<Vec<SubjectConfig>>,
    /// Accepted `alg`.
    pub(crate) algorithms: Vec<Algorithm>,
    /// Accepted `typ`.
    pub(crate) types: Vec<String>,
    /// Claims that must be there, besides `iss`, `aud` and `exp`.
    pub(crate) required_claims: Vec<String>,
    /// Where the token has what authorisation looks at.
    pub(crate) claims: ClaimPlaces,
    /// At most `300s`.
    pub(crate) clock_skew: Duration,
    /// Longest time from `iat` to `exp`.
    pub(crate) max_lifetime: Option<Duration>,
    /// Longest time since `iat`.
    pub(crate) max_age: Option<Duration>,
    /// Who signs.
    pub(crate) keys: KeysConfig,
    /// Tokens to refuse.
    pub(crate) revocations: RevocationsConfig,
    /// Tokens without a signature, while clients are moved to signed ones.
    pub(crate) opaque_tokens: Vec<OpaqueTokenConfig>,
    /// Where a token may sit; `Authorization: Bearer`, or what the presets say, if absent.
    pub(crate) from: Option<FromConfig>,
    /// Keeps the token for the upstream.
    pub(crate) forward: bool,
    /// Puts the secret of the token's workspace in the token's place.
    pub(crate) swap: Option<SwapConfig>,
    /// Claims that the upstream gets in headers.
    pub(crate) claims_to_headers: Vec<ClaimToHeaderConfig>,
}

/// An accepted `sub`.
pub(crate) enum SubjectConfig {
    /// This one.
    Exact(String),
    /// All that begin like this.
    Prefix(String),
}

/// JSON pointers (RFC 6901) into the claims.
pub(crate) struct ClaimPlaces {
    /// An array of strings.
    pub(crate) roles: String,
    /// An array of strings.
    pub(crate) permissions: String,
    /// A string with a space between two scopes.
    pub(crate) scope: String,
    /// A string.
    pub(crate) workspace: String,
}

/// Where the provider's keys come from: exactly one of these.
pub(crate) struct KeysConfig {
    /// A JWK Set (RFC 7517). Foreign members of any type are allowed in it.
    pub(crate) inline: Option<Value>,
    /// A JWK Set on a server.
    pub(crate) remote: Option<RemoteConfig>,
    /// Signed keys and revocation rules.
    pub(crate) bundle: Option<BundleConfig>,
}

/// A document on a server.
pub(crate) struct RemoteConfig {
    /// https; http only to the machine itself.
    pub(crate) url: String,
    /// Envoy's name for the server.
    pub(crate) cluster: Option<String>,
    /// Time that a fetch may take.
    pub(crate) timeout: Duration,
    /// Longest time between two fetches.
    pub(crate) refresh: Duration,
    /// Shortest time between two fetches, failed ones included.
    pub(crate) cooldown: Duration,
    /// How long keys may be used when no fetch succeeds.
    pub(crate) stale_for: Option<Duration>,
    /// Longest document.
    pub(crate) max_bytes: Option<u32>,
}

/// A signed document with keys and revocation rules.
pub(crate) struct BundleConfig {
    /// A JWK Set of the keys that may sign it.
    pub(crate) roots: Value,
    /// Bundles with a lower `seq` are refused from the start.
    pub(crate) min_seq: u64,
    /// The bundle itself.
    pub(crate) inline: Option<String>,
    /// The bundle on a server.
    pub(crate) remote: Option<RemoteConfig>,
}

/// Rules that refuse tokens of this provider.
#[derive(Default)]
pub(crate) struct RevocationsConfig(pub(crate) Rules);

/// A token without a signature, and what it stands for.
pub(crate) struct OpaqueTokenConfig {
    /// The token.
    pub(crate) token: SecretConfig,
    /// When it ends: seconds since 1970.
    pub(crate) expires_at: u64,
    /// `sub`
    pub(crate) subject: Option<String>,
    /// `workspace`
    pub(crate) workspace: Option<String>,
    /// `roles`
    pub(crate) roles: Vec<String>,
    /// `permissions`
    pub(crate) permissions: Vec<String>,
}

/// A text that is nobody else's business.
pub(crate) enum SecretConfig {
    /// Here.
    Value(String),
    /// In this variable of the environment: in Envoy, of the VM.
    Env(String),
}

/// Where a token may sit in a request.
#[derive(Clone)]
pub(crate) struct FromConfig {
    /// Headers, with or without a scheme before the token.
    pub(crate) headers: Vec<HeaderCarrierConfig>,
    /// Query parameters.
    pub(crate) params: Vec<ParamCarrierConfig>,
    /// Cookies.
    pub(crate) cookies: Vec<String>,
    /// Origins whose pages may send the cookies with methods that change something; besides the server's own.
    pub(crate) cookie_origins: Vec<String>,
}

/// A header with a token.
#[derive(Clone, Debug)]
pub(crate) struct HeaderCarrierConfig {
    pub(crate) name: String,
    /// What stands before the token, compared without case.
    pub(crate) scheme: Option<String>,
}

/// A query parameter with a token.
#[derive(Clone, Debug)]
pub(crate) struct ParamCarrierConfig {
    pub(crate) name: String,
    /// A value that begins like this is no token if another place has one.
    pub(crate) placeholder: Option<String>,
}

/// Secrets by workspace.
pub(crate) struct SwapConfig {
    /// By the token's workspace.
    pub(crate) secrets: BTreeMap<String, SecretConfig>,
    /// Where the secret goes; into the token's place if absent.
    pub(crate) to: Option<SwapPlace>,
}

/// Where a secret goes.
#[derive(Clone)]
pub(crate) enum SwapPlace {
    /// A header of its own.
    Header(String),
    /// A query parameter.
    Param(String),
}

/// A claim to hand to the upstream.
pub(crate) struct ClaimToHeaderConfig {
    /// A JSON pointer (RFC 6901).
    pub(crate) claim: String,
    pub(crate) header: String,
    pub(crate) format: HeaderFormat,
}

/// How a claim becomes a header value.
#[derive(Clone, Copy)]
pub(crate) enum HeaderFormat {
    /// Strings as they are, numbers and booleans as JSON.
    Text,
    /// An array of strings, joined by commas.
    Csv,
    /// ASCII JSON.
    Json,
    /// JSON in base64url without padding.
    Base64url,
}

object!(ProviderConfig {
    name: required "name",
    issuer: required "issuer",
    audiences: required "audiences",
    subjects: optional "subjects",
    algorithms: optional "algorithms" or Vec::from([Algorithm::EdDsa, Algorithm::Ed25519]),
    types: optional "types" or Vec::from(["at+jwt".into()]),
    required_claims: optional "required_claims" or Vec::new(),
    claims: optional "claims" or ClaimPlaces::default(),
    clock_skew: optional "clock_skew" or Duration(30),
    max_lifetime: optional "max_lifetime",
    max_age: optional "max_age",
    keys: required "keys",
    revocations: optional "revocations" or RevocationsConfig::default(),
    opaque_tokens: optional "opaque_tokens" or Vec::new(),
    from: optional "from",
    forward: optional "forward" or false,
    swap: optional "swap",
    claims_to_headers: optional "claims_to_headers" or Vec::new(),
});
names!(Algorithm { EdDsa "EdDSA", Ed25519 "Ed25519", });
variants!(SubjectConfig { Exact "exact", Prefix "prefix", });
object!(ClaimPlaces {
    roles: optional "roles" or Self::default().roles,
    permissions: optional "permissions" or Self::default().permissions,
    scope: optional "scope" or Self::default().scope,
    workspace: optional "workspace" or Self::default().workspace,
});
object!(KeysConfig { inline: optional "inline", remote: optional "remote", bundle: optional "bundle", });
object!(RemoteConfig {
    url: required "url",
    cluster: optional "cluster",
    timeout: optional "timeout" or Duration(5),
    refresh: optional "refresh" or Duration(300),
    cooldown: optional "cooldown" or Duration(10),
    stale_for: optional "stale_for",
    max_bytes: optional "max_bytes",
});
object!(BundleConfig {
    roots: required "roots",
    min_seq: optional "min_seq" or 0,
    inline: optional "inline",
    remote: optional "remote",
});
object!(OpaqueTokenConfig {
    token: required "token",
    expires_at: required "expires_at",
    subject: optional "subject",
    workspace: optional "workspace",
    roles: optional "roles" or Vec::new(),
    permissions: optional "permissions" or Vec::new(),
});
variants!(SecretConfig { Value "value", Env "env", });
object!(FromConfig {
    headers: optional "headers" or Vec::new(),
    params: optional "params" or Vec::new(),
    cookies: optional "cookies" or Vec::new(),
    cookie_origins: optional "cookie_origins" or Vec::new(),
});
object!(HeaderCarrierConfig { name: required "name", scheme: optional "scheme", });
object!(SwapConfig { secrets: required "secrets", to: optional "to", });
variants!(SwapPlace { Header "header", Param "param", });
object!(ClaimToHeaderConfig {
    claim: required "claim",
    header: required "header",
    format: optional "format" or HeaderFormat::Text,
});
names!(HeaderFormat { Text "text", Csv "csv", Json "json", Base64url "base64url", });

impl Read for ParamCarrierConfig {
    fn read(value: &Value) -> Result<Self, ConfigError> {
        match value {
            Value::String(name) => Ok(name.clone().into()),
            Value::Object(_) => {
                let object = Object::open(value, &["name", "placeholder"])?;
                Ok(Self { name: object.required("name")?, placeholder: object.optional("placeholder")? })
            }
            _ => Err(wrong("a name, or an object with one", value)),
        }
    }
}

impl Read for RevocationsConfig {
    fn read(value: &Value) -> Result<Self, ConfigError> {
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
        let bearer = HeaderCarrierConfig { name: "authorization".into(), scheme: Some("Bearer".into()) };
        Self { headers: Vec::from([bearer]), params: Vec::new(), cookies: Vec::new(), cookie_origins: Vec::new() }
    }
}

impl From<String> for ParamCarrierConfig {
    fn from(name: String) -> Self {
        Self { name, placeholder: None }
    }
}
