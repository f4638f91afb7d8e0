//! Encrypted tokens (JWE, RFC 7516): recognised here, opened by whoever is handed in. This crate has no cipher.

use alloc::{string::String, vec::Vec};

use crate::{
    error::ConfigError,
    reason::Reason,
    refusal::Refusal,
    time::{UnixTime, ValidityPeriod},
    token::claims::Claims,
};

/// Claims that the header of an encrypted token may repeat (RFC 7519 section 5.3).
const REPLICATED: [&str; 3] = ["iss", "sub", "aud"];

/// Opens encrypted tokens with the private keys of all providers. `datakit-token-sealed` has the one that there is;
/// [`crate::VerifierBuilder::with_unsealer`] takes it.
pub trait Unseal: Send + Sync {
    /// Takes over the private keys of the provider at this place in the configuration: the text of a JWK Set (RFC
    /// 7517).
    ///
    /// # Errors
    /// [`ConfigError`]: the place in the set, and what was expected there. It shows nothing of the set.
    fn add_keys(&mut self, provider: usize, keys: &str) -> Result<(), ConfigError>;

    /// Opens a text of five segments.
    ///
    /// # Errors
    /// [`Reason::DecryptionFailed`] for whatever is wrong with a text that is well formed and of an accepted algorithm:
    /// one reason, in one time.
    fn open(&self, sealed: &[u8], now: UnixTime) -> Result<Opened, Reason>;

    /// What to look at when [`Unseal::open`] refuses this text for this reason, if there is more to say. For whoever
    /// runs the verifier; it says nothing of the text but which of the things known it is.
    fn hint(&self, sealed: &[u8], reason: Reason) -> Option<String>;
}

/// What was in an encrypted token: a text of which nothing is known yet.
pub struct Opened {
    text: Vec<u8>,
    key_id: String,
    providers: Vec<usize>,
    period: ValidityPeriod,
    /// The values of [`REPLICATED`], as JSON, where the header has them.
    replicated: [Option<String>; 3],
}

impl Opened {
    /// A text, the id of the key that has opened it, and whose key that is: places of providers.
    #[must_use]
    pub fn new(text: Vec<u8>, key_id: &str, providers: &[usize]) -> Self {
        let period = ValidityPeriod::new(0, u64::MAX);
        Self { text, key_id: key_id.into(), providers: providers.into(), period, replicated: [None, None, None] }
    }

    /// The seconds, from one until before another, in which the same key opens the same text.
    #[must_use]
    pub const fn with_period(mut self, from: u64, until: u64) -> Self {
        self.period = ValidityPeriod::new(from, until);
        self
    }

    /// The claims that the header repeats: each must be the one inside. `member` gives what the header has under a
    /// name, as compact JSON.
    #[must_use]
    pub fn with_replicated(mut self, member: impl Fn(&str) -> Option<String>) -> Self {
        self.replicated = REPLICATED.map(member);
        self
    }

    /// The text, which a caller has to parse as every other one.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whose key has opened it.
    pub(crate) fn providers(&self) -> &[usize] {
        &self.providers
    }

    /// The id of that key.
    pub(crate) fn key_id(&self) -> &str {
        &self.key_id
    }

    pub(crate) const fn period(&self) -> ValidityPeriod {
        self.period
    }

    /// RFC 7519 section 5.3: what the header repeats is the same inside.
    pub(crate) fn check_replicated(&self, claims: &Claims) -> Result<(), Refusal> {
        for (name, outside) in REPLICATED.into_iter().zip(&self.replicated) {
            if outside.is_some() && *outside != claims.get(name).map(|inside| inside.to_json()) {
                return Err(Refusal::about(Reason::ClaimInvalid, name));
            }
        }
        Ok(())
    }
}

/// A text of five segments (RFC 7516 section 7.1), within the size that is looked at; nothing else is known of it.
pub struct Sealed<'t>(&'t [u8]);

impl<'t> Sealed<'t> {
    /// `None` if the text does not have five segments.
    pub(crate) fn recognise(text: &'t [u8], max_bytes: usize) -> Result<Option<Self>, Reason> {
        // The cap comes before any work.
        if text.len() > max_bytes {
            return Err(Reason::TooLarge);
        }
        let is_sealed = text.iter().filter(|byte| **byte == b'.').count() == 4;
        Ok(is_sealed.then_some(Self(text)))
    }

    /// Opens it.
    pub(crate) fn open(self, unsealer: &dyn Unseal, now: UnixTime) -> Result<Opened, Reason> {
        unsealer.open(self.0, now)
    }
}
