//! What the document says of tokens.

use alloc::{string::String, vec::Vec};

use crate::{
    config::{
        reader::{names, object, variants},
        secret::SecretConfig,
    },
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

names!(Algorithm { EdDsa "EdDSA", Ed25519 "Ed25519", });
variants!(SubjectConfig {
    /// This one.
    Exact(String) "exact",
    /// All that begin like this.
    Prefix(String) "prefix",
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
