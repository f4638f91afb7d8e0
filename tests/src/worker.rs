//! A verifier and what its worker remembers, as a server has them.

use std::sync::Arc;

use datakit_token::{Decision, Memory, Refusal, Request, UnixTime, Valid, Verifier};

/// One worker.
pub struct Worker {
    /// What it judges by.
    pub verifier: Verifier,
    /// What it remembers.
    pub memory: Memory,
}

impl Worker {
    /// One that remembers nothing yet.
    #[must_use]
    pub fn new(verifier: Verifier) -> Self {
        let memory = verifier.memory();
        Self { verifier, memory }
    }

    /// One that keeps no tokens, unless the configuration says so.
    #[must_use]
    pub fn without_cache(verifier: Verifier) -> Self {
        let memory = verifier.memory_for(0);
        Self { verifier, memory }
    }

    /// Judges a bare token.
    ///
    /// # Errors
    /// The refusal.
    pub fn verify(&mut self, token: &[u8], now: UnixTime) -> Result<Arc<Valid>, Refusal> {
        self.verifier.verify_with(&mut self.memory, token, now)
    }

    /// Judges a request.
    pub fn decide(&mut self, request: &Request<'_>, now: UnixTime) -> Decision {
        self.verifier.decide_with(&mut self.memory, request, now)
    }
}
