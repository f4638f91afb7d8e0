//! What Envoy's statistics show.

use datakit_token::Reason;

use crate::host::{Host, HostError};

/// One counter for each verdict, defined once.
pub(crate) struct Counters {
    allowed: u32,
    denied: Vec<(Reason, u32)>,
    /// What would have been denied.
    observed: Vec<(Reason, u32)>,
}

impl Counters {
    /// Defines them.
    pub(crate) fn define(host: &impl Host) -> Result<Self, HostError> {
        let each = |kind: &str| {
            let define = |reason: &Reason| {
                let name = format!("datakit_token.{kind}.{}", reason.code());
                host.define_counter(&name).map(|counter| (*reason, counter))
            };
            Reason::ALL.iter().map(define).collect::<Result<Vec<_>, _>>()
        };
        let allowed = host.define_counter("datakit_token.allowed")?;
        Ok(Self { allowed, denied: each("denied")?, observed: each("observed_denied")? })
    }

    pub(crate) fn count_allowed(&self, host: &impl Host) {
        host.increment(self.allowed);
    }

    pub(crate) fn count_denied(&self, host: &impl Host, denied: Reason) {
        increment(host, &self.denied, denied);
    }

    pub(crate) fn count_observed(&self, host: &impl Host, observed: Reason) {
        increment(host, &self.observed, observed);
    }
}

fn increment(host: &impl Host, counters: &[(Reason, u32)], reason: Reason) {
    if let Some((_, counter)) = counters.iter().find(|(counted, _)| *counted == reason) {
        host.increment(*counter);
    }
}
