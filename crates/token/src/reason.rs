//! Why a request is denied: the only table of refusals, for every target.

use core::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $code:literal $status:literal $error:expr, $text:literal;)*) => {
        /// Why a token or a request is refused.
        ///
        /// It carries nothing of the token. The order in which checks run is fixed (see [`crate::Verifier`]), so a
        /// token with two faults gets the same reason everywhere.
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable code, the same in errors, answers, logs and metrics of every host.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status of the answer.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// The `error` of the `WWW-Authenticate` challenge (RFC 6750 section 3.1), where one applies.
            #[must_use]
            pub const fn oauth_error(self) -> Option<&'static str> {
                match self { $(Self::$name => $error,)* }
            }

            /// One sentence for people, without anything of the token.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

/// RFC 6750 section 3.1: the token is malformed, expired, revoked or otherwise unusable.
const TOKEN: Option<&str> = Some("invalid_token");
/// RFC 6750 section 3.1: the request is malformed or carries more than one credential.
const REQUEST: Option<&str> = Some("invalid_request");
/// RFC 6750 section 3.1: the token is good, but grants too little.
const SCOPE: Option<&str> = Some("insufficient_scope");

reasons! {
    /// No carrier holds a token.
    MissingToken "missing_token" 401 None, "the request carries no token";
    /// The request is ambiguous: two credentials, a repeated parameter, a path that can be read in two ways.
    InvalidRequest "invalid_request" 400 REQUEST, "the request is ambiguous or carries more than one token";
    /// The token is not what RFC 7515, RFC 7519 and strict JSON allow.
    Malformed "malformed" 401 TOKEN, "the token is not a well-formed signed token";
    /// The token is longer than `limits.token_bytes`.
    TooLarge "too_large" 401 TOKEN, "the token is too long";
    /// `alg` is not an accepted Ed25519 algorithm.
    UnsupportedAlgorithm "unsupported_algorithm" 401 TOKEN, "the token's algorithm is not accepted";
    /// `typ` or `cty` is not accepted.
    UnsupportedType "unsupported_type" 401 TOKEN, "the token's type is not accepted";
    /// The header has `crit` or `b64`.
    CriticalHeader "critical_header" 401 TOKEN, "the token asks for an extension that is not supported";
    /// No key of the token's issuer has the token's key id.
    UnknownKey "unknown_key" 401 TOKEN, "the token's key is not known";
    /// The key's own `nbf` or `exp` excludes this time.
    KeyInactive "key_inactive" 401 TOKEN, "the token's key is not valid at this time";
    /// The signature does not hold.
    BadSignature "bad_signature" 401 TOKEN, "the token's signature does not hold";
    /// A required claim is absent.
    ClaimMissing "claim_missing" 401 TOKEN, "the token lacks a required claim";
    /// A claim has a wrong type or value.
    ClaimInvalid "claim_invalid" 401 TOKEN, "a claim of the token has a wrong type or value";
    /// `iss` is not the issuer.
    IssuerMismatch "issuer_mismatch" 401 TOKEN, "the token comes from another issuer";
    /// `aud` has none of the audiences.
    AudienceMismatch "audience_mismatch" 401 TOKEN, "the token is meant for another audience";
    /// `sub` is not an accepted subject.
    SubjectMismatch "subject_mismatch" 401 TOKEN, "the token's subject is not accepted";
    /// `exp` has passed.
    Expired "expired" 401 TOKEN, "the token has expired";
    /// `nbf` or `iat` lies in the future.
    NotYetValid "not_yet_valid" 401 TOKEN, "the token is not valid yet";
    /// The token lives longer than `max_lifetime`.
    LifetimeExceeded "lifetime_exceeded" 401 TOKEN, "the token lives longer than is accepted";
    /// A revocation rule matches.
    Revoked "revoked" 401 TOKEN, "the token has been revoked";
    /// An encrypted token cannot be opened.
    DecryptionFailed "decryption_failed" 401 TOKEN, "the token cannot be decrypted";
    /// The token has `cnf`, and nothing checks the proof (RFC 7800).
    ProofOfPossessionRequired "proof_of_possession_required" 401 TOKEN, "the token asks for a proof of possession";
    /// The connection is not protected by TLS.
    InsecureTransport "insecure_transport" 403 None, "the request did not come over HTTPS";
    /// No rule matches the request.
    NoRule "no_rule" 403 None, "no rule allows this request";
    /// A claim does not match the request's user information.
    BindingMismatch "binding_mismatch" 403 SCOPE, "the token does not match the request";
    /// The token does not carry the permission.
    PermissionDenied "permission_denied" 403 SCOPE, "the token does not grant this";
    /// No keys could be loaded yet, or they are too old.
    KeysUnavailable "keys_unavailable" 503 None, "the keys are not available at the moment";
    /// No usable configuration, or no usable clock.
    NotConfigured "not_configured" 503 None, "the verifier is not ready";
}

impl Reason {
    /// Whether the same request may succeed later without a new token.
    #[must_use]
    pub const fn retryable(self) -> bool {
        matches!(self, Self::KeysUnavailable | Self::NotConfigured | Self::NotYetValid)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text())
    }
}

impl core::error::Error for Reason {}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn codes_are_unique_and_statuses_fit() {
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert!(matches!(reason.status(), 400 | 401 | 403 | 503), "{}", reason.code());
            assert!(Reason::ALL[..index].iter().all(|other| other.code() != reason.code()));
        }
    }
}
