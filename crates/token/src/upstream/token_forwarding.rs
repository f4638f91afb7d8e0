//! What becomes of an accepted token: it goes no further, goes on, or makes room for a secret.

use alloc::string::String;

use datakit_token_encoding::collections::SortedMap;

use crate::{
    config::secret::{Environment, read_secret},
    error::ConfigError,
    reason::Reason,
    refusal::Refusal,
    request::field_name::{is_field_name, own_header},
    token::{authority::AuthorityClaim, valid::Valid},
    upstream::config::{SwapConfig, SwapPlace},
};

/// What becomes of an accepted token.
pub(crate) enum TokenForwarding {
    /// It goes no further.
    Strip,
    Keep,
    /// The secret of its workspace goes on instead.
    Swap(Swap),
}

/// The secret of a workspace.
pub(crate) struct Swap {
    /// By workspace.
    secrets: SortedMap<String, String>,
    /// Where it goes; into the token's place if absent.
    pub(crate) to: Option<SwapPlace>,
    /// Where the token has its workspace: a JSON pointer.
    workspace: String,
}

impl TokenForwarding {
    pub(crate) fn new(
        forward: bool,
        swap: Option<SwapConfig>,
        workspace: &str,
        environment: Environment<'_>,
    ) -> Result<Self, ConfigError> {
        match swap {
            Some(_) if forward => {
                Err(ConfigError::new("expected no `forward`: the secret goes in the token's place").within("swap"))
            }
            Some(swap) => Swap::new(swap, workspace, environment).map(Self::Swap),
            None => Ok(if forward { Self::Keep } else { Self::Strip }),
        }
    }

    /// The header that gets the secret, if it has one of its own.
    pub(crate) fn header(&self) -> Option<&str> {
        match self {
            Self::Swap(Swap { to: Some(SwapPlace::Header(name)), .. }) => Some(name),
            _ => None,
        }
    }
}

impl Swap {
    // Apart, as few configurations come here: "Cold paths" in docs/performance.md.
    #[inline(never)]
    fn new(
        SwapConfig { secrets, to }: SwapConfig,
        workspace: &str,
        environment: Environment<'_>,
    ) -> Result<Self, ConfigError> {
        let mut read = SortedMap::new();
        for (workspace, secret) in secrets {
            let place = |error: ConfigError| error.within(&workspace).within("secrets").within("swap");
            read.insert(workspace.clone(), read_secret(secret, environment).map_err(place)?);
        }
        let to = match to {
            Some(SwapPlace::Header(name)) => {
                let name = own_header(&name).map_err(|error| error.within("to").within("swap"))?;
                Some(SwapPlace::Header(name))
            }
            Some(SwapPlace::Param(name)) if !is_field_name(&name) => {
                let problem = "expected the name of a query parameter that needs no escapes";
                return Err(ConfigError::new(problem).within("param").within("to").within("swap"));
            }
            to => to,
        };
        Ok(Self { secrets: read, to, workspace: workspace.into() })
    }

    /// The secret of the token's workspace.
    pub(crate) fn secret(&self, valid: &Valid) -> Result<&str, Refusal> {
        let claims = valid.claims();
        let malformed = claims.find_malformed(&[AuthorityClaim::Workspace]).is_some();
        let lacking = if malformed { Reason::ClaimInvalid } else { Reason::ClaimMissing };
        let workspace = claims.workspace().ok_or_else(|| Refusal::at(lacking, &self.workspace))?;
        // The token is good; the operator has to add the workspace.
        Ok(self.secrets.get(workspace).ok_or(Reason::NotConfigured)?)
    }
}
