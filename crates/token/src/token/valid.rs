//! A token that is valid: the first stage that shows claims.

use core::fmt;

use datakit_token_encoding::json::Json;

use crate::{
    shared::Shared,
    time::ValidityPeriod,
    token::{authority::Authority, claims::Claims, config::ClaimPlaces, header::JoseHeader},
};

/// A token whose signature, claims and time hold: the first stage that shows claims.
pub struct Valid {
    claims: Claims,
    /// Tells it from every other token that the same verifier has kept; 0 for no number.
    serial: u32,
    /// `None` for a token without a signature.
    header: Option<Shared<JoseHeader>>,
    /// The place of the provider in the configuration.
    provider: usize,
    window: ValidityPeriod,
}

impl Valid {
    /// What the configuration says that a token without a signature stands for. `claims` are in the places where this
    /// project has them.
    pub(crate) fn opaque(claims: Json, issuer: &str, expires_at: u64, provider: usize) -> Self {
        let authority = Authority::read(claims.members(), &ClaimPlaces::default()).into_owned();
        let claims = Claims::new(claims, issuer.into(), expires_at, None, authority);
        Self::new(claims, None, provider, ValidityPeriod::new(0, expires_at))
    }

    pub(crate) fn new(
        claims: Claims,
        header: Option<Shared<JoseHeader>>,
        provider: usize,
        window: ValidityPeriod,
    ) -> Self {
        Self { claims, serial: 0, header, provider, window }
    }

    /// The claims.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The key id of the verified header, if the token names one.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.header.as_ref()?.key_id.as_deref()
    }

    /// A number that no other verification of the same verifier has, if the token is kept and the host has asked for
    /// numbers ([`crate::Memory::number_kept`]). A token that comes out of the cache is the same one, so what was made
    /// of it may be kept under this number.
    #[must_use]
    pub const fn serial(&self) -> Option<u32> {
        if self.serial == 0 { None } else { Some(self.serial) }
    }

    pub(crate) const fn set_serial(&mut self, serial: u32) {
        self.serial = serial;
    }

    pub(crate) const fn provider(&self) -> usize {
        self.provider
    }

    /// When the same token would get the same verdict, with these keys and rules.
    pub(crate) const fn window(&self) -> ValidityPeriod {
        self.window
    }

    /// Shortens the window to what else limits it.
    pub(crate) fn limit(&mut self, other: ValidityPeriod) {
        self.window = self.window.intersect(other);
    }
}

impl fmt::Debug for Valid {
    /// No claim: whoever wants to show one asks for it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Valid").field("provider", &self.provider).finish_non_exhaustive()
    }
}
