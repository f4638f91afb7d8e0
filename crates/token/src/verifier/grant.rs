//! What an allowed request is allowed with.

use core::fmt;

use crate::{shared::Shared, token::valid::Valid, upstream::editor::UpstreamEdits};

/// A request that may go on, and what to change before.
pub struct Grant {
    valid: Option<Shared<Valid>>,
    edits: UpstreamEdits,
}

impl Grant {
    pub(crate) const fn new(valid: Option<Shared<Valid>>, edits: UpstreamEdits) -> Self {
        Self { valid, edits }
    }

    /// The token; `None` where the rules ask for none.
    #[must_use]
    pub fn valid(&self) -> Option<&Valid> {
        self.valid.as_deref()
    }

    /// The same, to keep.
    #[must_use]
    pub fn shared(&self) -> Option<Shared<Valid>> {
        self.valid.clone()
    }

    /// The changes to make to the request.
    #[must_use]
    pub const fn edits(&self) -> &UpstreamEdits {
        &self.edits
    }
}

impl fmt::Debug for Grant {
    /// Neither claims nor secrets: these are for the upstream alone.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Grant").field("valid", &self.valid).finish_non_exhaustive()
    }
}
