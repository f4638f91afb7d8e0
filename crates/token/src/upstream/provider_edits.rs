//! What becomes of a provider's tokens, and of their claims, before a request goes on.

use alloc::vec::Vec;

use crate::{
    config::secret::Environment,
    error::ConfigError,
    upstream::{
        claim_header::ClaimHeader,
        config::{ClaimToHeaderConfig, SwapConfig},
        token_forwarding::TokenForwarding,
    },
};

/// Of one provider.
pub(crate) struct ProviderEdits {
    pub(crate) token_forwarding: TokenForwarding,
    pub(crate) claim_headers: Vec<ClaimHeader>,
}

impl ProviderEdits {
    /// Checks and compiles `claims_to_headers`, `forward` and `swap`; `workspace` is where tokens have theirs.
    #[inline(never)]
    pub(crate) fn new(
        claims_to_headers: Vec<ClaimToHeaderConfig>,
        forward: bool,
        swap: Option<SwapConfig>,
        workspace: &str,
        environment: Environment<'_>,
    ) -> Result<Self, ConfigError> {
        let mut claim_headers = Vec::new();
        for (index, mapping) in claims_to_headers.into_iter().enumerate() {
            let place = |error: ConfigError| error.within_element(index).within("claims_to_headers");
            let header = ClaimHeader::new(mapping).map_err(place)?;
            if claim_headers.iter().any(|other: &ClaimHeader| other.name() == header.name()) {
                return Err(place(ConfigError::new("expected a header that no other claim goes to").within("header")));
            }
            claim_headers.push(header);
        }
        let token_forwarding = TokenForwarding::new(forward, swap, workspace, environment)?;
        if let Some(header) = token_forwarding.header()
            && claim_headers.iter().any(|claim| claim.name() == header)
        {
            let error = ConfigError::new("expected a header that no claim goes to").within("header");
            return Err(error.within("to").within("swap"));
        }
        Ok(Self { token_forwarding, claim_headers })
    }

    /// The headers that nobody else may set, in lower case.
    pub(crate) fn own_headers(&self) -> impl Iterator<Item = &str> {
        self.claim_headers.iter().map(ClaimHeader::name).chain(self.token_forwarding.header())
    }
}
