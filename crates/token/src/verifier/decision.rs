//! What to do with a request.

use crate::{response::denial::Denial, upstream::editor::UpstreamEdits, verifier::grant::Grant};

/// What to do with a request. Whoever matches has to know all there is: an arm for others could let something pass.
#[must_use]
#[derive(Debug)]
pub enum Decision {
    /// Let it go on, with the grant's edits.
    Allow(Grant),
    /// Answer it with the denial's response.
    Deny(Denial),
    /// It would be denied, but the configuration says to watch only: let it go on, with these edits.
    Observe(Denial, UpstreamEdits),
}
