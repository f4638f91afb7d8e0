//! A refusal: why, and which claim it is about.

use alloc::{borrow::Cow, string::String};
use core::fmt;

use crate::reason::Reason;

/// Why a token is refused, and the claim that it is about. It carries nothing that the token says: the name is one that
/// the configuration has, or a registered one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    reason: Reason,
    claim: Option<Cow<'static, str>>,
}

impl Refusal {
    /// About a registered claim (RFC 7519 section 4.1).
    pub(crate) const fn about(reason: Reason, claim: &'static str) -> Self {
        Self { reason, claim: Some(Cow::Borrowed(claim)) }
    }

    /// About the claim at a JSON pointer.
    pub(crate) fn at(reason: Reason, pointer: &str) -> Self {
        let top = pointer.strip_prefix('/').filter(|name| !name.is_empty() && !name.contains(['/', '~']));
        Self { reason, claim: Some(Cow::Owned(String::from(top.unwrap_or(pointer)))) }
    }

    /// Why.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The stable code of the reason.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.reason.code()
    }

    /// The name of the claim that is missing, has a wrong form or does not match, or the JSON pointer (RFC 6901) to one
    /// that lies deeper; `None` where no claim, or more than one, is the cause.
    #[must_use]
    pub fn claim(&self) -> Option<&str> {
        self.claim.as_deref()
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { reason, claim: None }
    }
}

impl fmt::Display for Refusal {
    /// The sentence of the reason, and the claim that it is about.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.claim {
            Some(claim) => write!(formatter, "{} (claim {claim})", self.reason),
            None => self.reason.fmt(formatter),
        }
    }
}

impl core::error::Error for Refusal {}
