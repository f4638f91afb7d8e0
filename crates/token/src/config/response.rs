//! `responses`: what a denial looks like.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use super::{
    reader::{names, object},
    value::Duration,
};

/// What a denial looks like. What is absent here may come from a preset.
#[derive(Default)]
pub(crate) struct ResponsesConfig {
    /// `realm` of the challenge (RFC 6750); `datakit` if absent.
    pub(crate) realm: Option<String>,
    /// Of an answer with the status 503; `5s` if absent.
    pub(crate) retry_after: Option<Duration>,
    /// The body; `problem+json` if absent.
    pub(crate) format: Option<BodyFormat>,
    /// Whether body and challenge say why; `true` if absent.
    pub(crate) show_reason: Option<bool>,
    /// Other statuses, by reason.
    pub(crate) status: Option<BTreeMap<String, u16>>,
    /// Lets pages read the answer.
    pub(crate) cors: Option<CorsConfig>,
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

/// Pages that may read denials (Fetch standard, CORS protocol).
#[derive(Clone)]
pub(crate) struct CorsConfig {
    /// Origins such as `https://app.example.com`; `*` alone for all.
    pub(crate) origins: Vec<String>,
}

object!(ResponsesConfig {
    realm: optional "realm",
    retry_after: optional "retry_after",
    format: optional "format",
    show_reason: optional "show_reason",
    status: optional "status",
    cors: optional "cors",
});
names!(BodyFormat { Problem "problem+json", Guance "guance", Text "text", None "none", });
object!(CorsConfig { origins: required "origins", });
