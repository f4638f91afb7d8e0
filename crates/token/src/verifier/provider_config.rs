//! `providers`: issuers, their keys, their tokens, and what goes to the upstream instead of a token.

use alloc::{string::String, vec::Vec};
use core::fmt;

use datakit_token_encoding::json::Json;
use zeroize::Zeroizing;

use crate::{
    config::{
        reader::{Read, object},
        value::Duration,
    },
    error::ConfigError,
    keys::config::{KeysConfig, RevocationsConfig},
    request::config::FromConfig,
    token::{
        config::{
            ClaimPlaces, DecryptionKeysConfig, EncryptionConfig, OpaqueTokenConfig, PrivateJwkSet, SubjectConfig,
        },
        header::Algorithm,
    },
    upstream::config::{ClaimToHeaderConfig, HeaderFormat, NonAscii, SwapConfig},
};

object! {
    /// One issuer and the tokens to accept from it.
    pub struct ProviderConfig {
        /// Names it in messages and in requirements.
        pub(crate) name: String = required "name",
        /// `iss`, byte for byte.
        pub(crate) issuer: String = required "issuer",
        /// One of them has to be in `aud`, byte for byte.
        pub(crate) audiences: Vec<String> = required "audiences",
        /// Accepted `sub`; any if absent.
        pub(crate) subjects: Option<Vec<SubjectConfig>> = optional "subjects",
        /// Accepted `alg`; both if absent.
        pub(crate) algorithms: Vec<Algorithm> = optional "algorithms" or Self::algorithms(),
        /// Accepted `typ`; `at+jwt` if absent.
        pub(crate) types: Vec<String> = optional "types" or Self::types(),
        /// Takes tokens that have no `typ` as well, of whatever kind they are; `false` if absent.
        pub(crate) allow_missing_type: bool = optional "allow_missing_type" or false,
        /// Claims that must be there, besides `iss`, `aud` and `exp`.
        pub(crate) required_claims: Vec<String> = optional "required_claims" or Vec::new(),
        /// Where the token has what authorisation looks at.
        pub(crate) claims: ClaimPlaces = optional "claims" or ClaimPlaces::default(),
        /// How far the clocks may be apart: at most `300s`; `30s` if absent.
        pub(crate) clock_skew: Duration = optional "clock_skew" or Self::CLOCK_SKEW,
        /// Longest time from `iat` to `exp`.
        pub(crate) max_lifetime: Option<Duration> = optional "max_lifetime",
        /// Longest time since `iat`.
        pub(crate) max_age: Option<Duration> = optional "max_age",
        /// Who signs.
        pub(crate) keys: KeysConfig = required "keys",
        /// Tokens to refuse.
        pub(crate) revocations: RevocationsConfig = optional "revocations" or RevocationsConfig::default(),
        /// Tokens that are encrypted as well (JWE), for this receiver alone; none if absent.
        pub(crate) encryption: Option<EncryptionConfig> = optional "encryption",
        /// Tokens without a signature, while clients are moved to signed ones.
        pub(crate) opaque_tokens: Vec<OpaqueTokenConfig> = optional "opaque_tokens" or Vec::new(),
        /// Where a token may sit; `Authorization: Bearer`, or what the presets say, if absent.
        pub(crate) from: Option<FromConfig> = optional "from",
        /// Keeps the token for the upstream; `false` if absent.
        pub(crate) forward: bool = optional "forward" or false,
        /// Puts the secret of the token's workspace in the token's place.
        pub(crate) swap: Option<SwapConfig> = optional "swap",
        /// Claims that the upstream gets in headers.
        pub(crate) claims_to_headers: Vec<ClaimToHeaderConfig> = optional "claims_to_headers" or Vec::new(),
    }
}

impl ProviderConfig {
    const CLOCK_SKEW: Duration = Duration(30);

    fn algorithms() -> Vec<Algorithm> {
        Vec::from([Algorithm::EdDsa, Algorithm::Ed25519])
    }

    fn types() -> Vec<String> {
        Vec::from(["at+jwt".into()])
    }

    /// The tokens of this issuer (`iss`), signed by one of these keys. At least one audience has to follow. The name is
    /// for messages and requirements.
    #[must_use]
    pub fn new(name: impl Into<String>, issuer: impl Into<String>, keys: KeysConfig) -> Self {
        Self {
            name: name.into(),
            issuer: issuer.into(),
            audiences: Vec::new(),
            subjects: None,
            algorithms: Self::algorithms(),
            types: Self::types(),
            allow_missing_type: false,
            required_claims: Vec::new(),
            claims: ClaimPlaces::default(),
            clock_skew: Self::CLOCK_SKEW,
            max_lifetime: None,
            max_age: None,
            keys,
            revocations: RevocationsConfig::default(),
            encryption: None,
            opaque_tokens: Vec::new(),
            from: None,
            forward: false,
            swap: None,
            claims_to_headers: Vec::new(),
        }
    }

    /// Reads a member of `providers`: for whatever has no method here.
    ///
    /// # Errors
    /// [`ConfigError`]: the place in it, and what was expected there.
    pub fn from_json(text: &[u8]) -> Result<Self, ConfigError> {
        let json = Json::parse(text).map_err(|_| ConfigError::new("expected strict JSON"))?;
        Self::read(json.value())
    }

    /// Tokens meant for this audience (`aud`, byte for byte), or for one that was said before.
    #[must_use]
    pub fn with_audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Tokens of these types (`typ`), instead of `at+jwt`.
    #[must_use]
    pub fn with_types<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.types = types.into_iter().map(Into::into).collect();
        self
    }

    /// Tokens without `typ` as well, of whatever kind they are.
    #[must_use]
    pub const fn with_missing_type_allowed(mut self) -> Self {
        self.allow_missing_type = true;
        self
    }

    /// This claim has to be there, besides `iss`, `aud` and `exp`.
    #[must_use]
    pub fn with_required_claim(mut self, claim: impl Into<String>) -> Self {
        self.required_claims.push(claim.into());
        self
    }

    /// How far the clocks may be apart, in seconds; at most 300, and 30 unless this is said.
    #[must_use]
    pub const fn with_clock_skew(mut self, seconds: u64) -> Self {
        self.clock_skew = Duration(seconds);
        self
    }

    /// The longest time from `iat` to `exp`, in seconds.
    #[must_use]
    pub const fn with_max_lifetime(mut self, seconds: u64) -> Self {
        self.max_lifetime = Some(Duration(seconds));
        self
    }

    /// The longest time since `iat`, in seconds.
    #[must_use]
    pub const fn with_max_age(mut self, seconds: u64) -> Self {
        self.max_age = Some(Duration(seconds));
        self
    }

    /// Encrypted tokens as well, opened with these private keys: a JWK Set (RFC 7517) of X25519 keys, each with `kid`.
    /// Whoever opens them is handed in with [`crate::VerifierBuilder::with_unsealer`].
    #[must_use]
    pub fn with_decryption_keys(mut self, set: impl Into<String>) -> Self {
        let required = self.encryption.is_some_and(|encryption| encryption.required);
        let keys = DecryptionKeysConfig::Inline(PrivateJwkSet(Zeroizing::new(set.into())));
        self.encryption = Some(EncryptionConfig { required, keys });
        self
    }

    /// Encrypted tokens alone; [`ProviderConfig::with_decryption_keys`] says which.
    #[must_use]
    pub fn with_encryption_required(mut self) -> Self {
        let keys = self.encryption.map_or_else(DecryptionKeysConfig::default, |encryption| encryption.keys);
        self.encryption = Some(EncryptionConfig { required: true, keys });
        self
    }

    /// Where the token sits in a request, instead of `Authorization: Bearer`.
    #[must_use]
    pub fn with_carriers(mut self, from: FromConfig) -> Self {
        self.from = Some(from);
        self
    }

    /// The upstream gets the claim at this JSON pointer (RFC 6901) in this header, which nobody else can set.
    #[must_use]
    pub fn with_claim_header(mut self, claim: impl Into<String>, header: impl Into<String>) -> Self {
        let (format, non_ascii) = (HeaderFormat::Text, NonAscii::Omit);
        let (claim, header) = (claim.into(), header.into());
        self.claims_to_headers.push(ClaimToHeaderConfig { claim, header, format, non_ascii });
        self
    }

    /// The upstream gets the token as well.
    #[must_use]
    pub const fn with_token_forwarded(mut self) -> Self {
        self.forward = true;
        self
    }
}

impl fmt::Debug for ProviderConfig {
    /// There may be secrets in the rest.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut provider = formatter.debug_struct("ProviderConfig");
        provider.field("name", &self.name).field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
