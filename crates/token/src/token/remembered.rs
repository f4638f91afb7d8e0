//! What follows from a good token and the configuration alone: found out once for as long as the token is kept.

use alloc::{rc::Rc, vec::Vec};
use core::cell::{Cell, OnceCell};

use crate::refusal::Refusal;

/// Belongs to one token of one verifier, whose rules and claim headers never change.
#[derive(Default)]
pub(crate) struct Remembered {
    headers: OnceCell<Result<Rc<[ClaimValue]>, Refusal>>,
    /// The last rule whose requirement the token met by itself, whatever the request.
    rule: Cell<Option<usize>>,
}

impl Remembered {
    /// The headers that the claims go to.
    pub(crate) fn headers(
        &self,
        find: impl FnOnce() -> Result<Rc<[ClaimValue]>, Refusal>,
    ) -> Result<Rc<[ClaimValue]>, Refusal> {
        self.headers.get_or_init(find).clone()
    }

    /// Whether the token is known to meet the requirement of this rule.
    pub(crate) fn meets(&self, rule: usize) -> bool {
        self.rule.get() == Some(rule)
    }

    /// The token meets the requirement of this rule, which looks at nothing but the token.
    pub(crate) fn keep_met(&self, rule: usize) {
        self.rule.set(Some(rule));
    }
}

/// A header, in lower case, and the value of its claim. Shared by all requests with the token.
#[derive(Debug)]
pub(crate) struct ClaimValue {
    pub(crate) name: Rc<str>,
    pub(crate) value: Vec<u8>,
}
