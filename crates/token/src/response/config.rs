//! `responses`: what a denial looks like.

use alloc::{string::String, vec::Vec};

use datakit_token_encoding::collections::SortedMap;

use crate::config::{
    reader::{names, object},
    value::Duration,
};

object! {
    /// What a denial looks like. What is absent here may come from a preset.
    #[derive(Clone, Default)]
    pub(crate) struct ResponsesConfig {
        /// `realm` of the challenge (RFC 6750); `datakit` if absent.
        pub(crate) realm: Option<String> = optional "realm",
        /// Of an answer with the status 503; `5s` if absent.
        pub(crate) retry_after: Option<Duration> = optional "retry_after",
        /// The body; `problem+json` if absent.
        pub(crate) format: Option<BodyFormat> = optional "format",
        /// Whether body and challenge say why; `true` if absent.
        pub(crate) show_reason: Option<bool> = optional "show_reason",
        /// Other statuses, by reason.
        pub(crate) status: Option<SortedMap<String, u16>> = optional "status",
        /// Lets pages read the answer.
        pub(crate) cors: Option<CorsConfig> = optional "cors",
    }
}

/// The body of a denial.
#[derive(Clone, Copy)]
pub(crate) enum BodyFormat {
    /// RFC 9457.
    Problem,
    /// `{"error_code": ..., "message": ...}`, as DataKit and Dataway answer.
    Guance,
    /// One line for people.
    Text,
    /// Nothing.
    None,
}

object! {
    /// Pages that may read denials (Fetch standard, CORS protocol).
    #[derive(Clone)]
    pub(crate) struct CorsConfig {
        /// Origins such as `https://app.example.com`; `*` alone for all.
        pub(crate) origins: Vec<String> = required "origins",
    }
}

names!(BodyFormat { Problem "problem+json", Guance "guance", Text "text", None "none", });
