//! A good token, and what follows from it and the configuration alone: found out once for as long as the token is kept.

use crate::{shared::Shared, token::valid::Valid, upstream::claim_header::ClaimHeaders};

/// Belongs to one verifier, whose rules and claim headers never change.
#[derive(Clone)]
pub(crate) struct Accepted {
    pub(crate) valid: Shared<Valid>,
    /// The headers that its claims go to, once a request has asked for them.
    pub(crate) headers: Option<ClaimHeaders>,
    /// The last rule whose requirement the token met by itself, whatever the request.
    pub(crate) met_rule: Option<usize>,
}

impl Accepted {
    /// Of which nothing more is known yet.
    pub(crate) const fn new(valid: Shared<Valid>) -> Self {
        Self { valid, headers: None, met_rule: None }
    }
}
