//! What the document says of tokens.

use alloc::{format, string::String, vec::Vec};

use datakit_token_encoding::json::Value;
use zeroize::Zeroizing;

use crate::{
    config::{
        reader::{Read, names, object, variants},
        secret::{Environment, SecretConfig},
    },
    error::ConfigError,
    token::header::Algorithm,
};

/// An accepted `sub`.
#[derive(Clone, Debug)]
pub(crate) enum SubjectConfig {
    /// This one.
    Exact(String),
    /// All that begin like this.
    Prefix(String),
}

object! {
    /// JSON pointers (RFC 6901) into the claims.
    #[derive(Clone, Debug)]
    pub(crate) struct ClaimPlaces {
        /// An array of strings; `/roles` if absent.
        pub(crate) roles: String = optional "roles" or Self::default().roles,
        /// An array of strings; `/permissions` if absent.
        pub(crate) permissions: String = optional "permissions" or Self::default().permissions,
        /// A string with a space between two scopes; `/scope` if absent.
        pub(crate) scope: String = optional "scope" or Self::default().scope,
        /// A string; `/workspace` if absent.
        pub(crate) workspace: String = optional "workspace" or Self::default().workspace,
    }
}

object! {
    /// A token without a signature, and what it stands for.
    #[derive(Clone)]
    pub(crate) struct OpaqueTokenConfig {
        /// The token.
        pub(crate) token: SecretConfig = required "token",
        /// When it ends: seconds since 1970.
        pub(crate) expires_at: u64 = required "expires_at",
        /// `sub`
        pub(crate) subject: Option<String> = optional "subject",
        /// `workspace`
        pub(crate) workspace: Option<String> = optional "workspace",
        /// `roles`
        pub(crate) roles: Vec<String> = optional "roles" or Vec::new(),
        /// `permissions`
        pub(crate) permissions: Vec<String> = optional "permissions" or Vec::new(),
    }
}

object! {
    /// Encrypted tokens (JWE).
    pub(crate) struct EncryptionConfig {
        /// Refuses tokens that are not encrypted; `false` if absent.
        pub(crate) required: bool = optional "required" or false,
        /// The private keys that tokens are encrypted for: a JWK Set (RFC 7517) of X25519 keys, each with `kid`, and
        /// with `nbf` and `exp` where its time is limited.
        pub(crate) keys: DecryptionKeysConfig = required "keys",
    }
}

/// Private keys: whoever shows a configuration must not show them.
pub(crate) enum DecryptionKeysConfig {
    /// Here.
    Inline(PrivateJwkSet),
    /// In this variable of the host's environment.
    Env(String),
}

/// The text of a JWK Set with private keys, wiped when it is dropped.
pub(crate) struct PrivateJwkSet(pub(crate) Zeroizing<String>);

impl DecryptionKeysConfig {
    /// Where it stands in the document, and the text of the set.
    pub(crate) fn text(self, environment: Environment<'_>) -> Result<(&'static str, Zeroizing<String>), ConfigError> {
        match self {
            Self::Inline(set) => Ok(("inline", set.0)),
            Self::Env(name) => {
                let text = environment(&name).map(|text| ("env", Zeroizing::new(text)));
                text.ok_or_else(|| {
                    ConfigError::new(format!("expected the variable `{name}` in the environment")).within("env")
                })
            }
        }
    }
}

impl Default for DecryptionKeysConfig {
    /// None at all, which nobody accepts.
    fn default() -> Self {
        Self::Env(String::new())
    }
}

impl Read for PrivateJwkSet {
    fn read(value: Value<'_>) -> Result<Self, ConfigError> {
        Ok(Self(Zeroizing::new(value.to_json())))
    }
}

names!(Algorithm { EdDsa "EdDSA", Ed25519 "Ed25519", });
variants!(SubjectConfig {
    /// This one.
    Exact(String) "exact",
    /// All that begin like this.
    Prefix(String) "prefix",
});

variants!(DecryptionKeysConfig {
    /// The private keys themselves.
    Inline(PrivateJwkSet) "inline",
    /// The variable of the environment that has their JWK Set.
    Env(String) "env",
});

impl Default for ClaimPlaces {
    fn default() -> Self {
        Self {
            roles: "/roles".into(),
            permissions: "/permissions".into(),
            scope: "/scope".into(),
            workspace: "/workspace".into(),
        }
    }
}
