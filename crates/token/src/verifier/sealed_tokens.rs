//! What a verifier does with encrypted tokens, reached through pointers alone: a program that hands in no [`Unseal`]
//! has none of it linked.

use alloc::{boxed::Box, format, string::String};

use crate::{
    config::secret::Environment,
    error::ConfigError,
    reason::Reason,
    refusal::Refusal,
    time::UnixTime,
    token::{
        claims::Claims,
        config::EncryptionConfig,
        sealed::{Opened, Sealed, Unseal},
    },
};

/// Whoever opens the tokens of a verifier, if one was handed in.
pub(crate) type Opener = Option<Box<dyn SealedTokens>>;

/// An [`Unseal`], and what stands around it.
pub(crate) trait SealedTokens: Send + Sync {
    /// Takes over the private keys of the provider at this place.
    fn add_keys(
        &mut self,
        encryption: EncryptionConfig,
        provider: usize,
        environment: Environment<'_>,
    ) -> Result<(), ConfigError>;

    /// Opens a token.
    fn open(&self, sealed: Sealed<'_>, now: UnixTime) -> Result<Opened, Reason>;

    /// RFC 7519 section 5.3: what the header repeats is the same inside.
    fn check_replicated(&self, opened: &Opened, claims: &Claims) -> Result<(), Refusal>;

    /// What to look at when a token of five segments is refused; `None` where its inside is refused.
    fn hint(&self, sealed: &[u8], reason: Reason) -> Option<String>;
}

/// One that was handed in.
pub(crate) struct HandedIn<U>(pub(crate) U);

impl<U: Unseal> SealedTokens for HandedIn<U> {
    fn add_keys(
        &mut self,
        encryption: EncryptionConfig,
        provider: usize,
        environment: Environment<'_>,
    ) -> Result<(), ConfigError> {
        let (place, text) = encryption.keys.text(environment)?;
        let added = self.0.add_keys(provider, &text).map_err(|error| match place {
            // What is in a variable is not in the document.
            "env" => ConfigError::new(format!("expected another JWK Set in this variable: {error}")),
            _ => error,
        });
        added.map_err(|error| error.within(place))
    }

    fn open(&self, sealed: Sealed<'_>, now: UnixTime) -> Result<Opened, Reason> {
        sealed.open(&self.0, now)
    }

    fn check_replicated(&self, opened: &Opened, claims: &Claims) -> Result<(), Refusal> {
        opened.check_replicated(claims)
    }

    fn hint(&self, sealed: &[u8], reason: Reason) -> Option<String> {
        self.0.hint(sealed, reason)
    }
}
