//! `swap` and `claims_to_headers` of a provider.

use alloc::string::String;

use datakit_token_encoding::collections::SortedMap;

use crate::config::{
    reader::{names, object, variants},
    secret::SecretConfig,
};

object! {
    /// Secrets by workspace.
    #[derive(Clone)]
    pub(crate) struct SwapConfig {
        /// By the token's workspace.
        pub(crate) secrets: SortedMap<String, SecretConfig> = required "secrets",
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
    #[derive(Clone, Debug)]
    pub(crate) struct ClaimToHeaderConfig {
        /// A JSON pointer (RFC 6901).
        pub(crate) claim: String = required "claim",
        /// The header; copies of it that clients send are removed.
        pub(crate) header: String = required "header",
        /// `text`: strings as they are, numbers and booleans as JSON (if absent). `csv`: an array of strings, joined by
        /// commas.
        /// `json`: JSON, with escapes for all that is not ASCII. `base64url`: JSON in base64url without padding.
        pub(crate) format: HeaderFormat = optional "format" or HeaderFormat::Text,
        /// What becomes of letters outside of ASCII in the formats `text` and `csv`: the header is left out (`omit`, if
        /// absent), they and `%` are escaped (`percent`), or they are written in UTF-8 (`utf8`).
        pub(crate) non_ascii: NonAscii = optional "non_ascii" or NonAscii::Omit,
    }
}

/// How a claim becomes a header value.
#[derive(Clone, Copy, Debug)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NonAscii {
    /// The header is left out.
    Omit,
    /// They and `%` are written as RFC 3986 section 2.1 has it, in UTF-8.
    Percent,
    /// They are written in UTF-8.
    Utf8,
}

variants!(SwapPlace {
    /// A header of its own.
    Header(String) "header",
    /// A query parameter.
    Param(String) "param",
});
names!(NonAscii { Omit "omit", Percent "percent", Utf8 "utf8", });
names!(HeaderFormat { Text "text", Csv "csv", Json "json", Base64url "base64url", });
