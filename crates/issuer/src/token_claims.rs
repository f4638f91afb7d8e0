//! The claims of a token (RFC 9068 section 2.2).

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use serde_json::{Map, Value, json};

use crate::error::IssuerError;

/// What [`TokenClaims`] has methods for, and `cnf` (RFC 7800): it binds a token to a proof that nobody would ask for.
const RESERVED: [&str; 13] =
    ["iss", "aud", "sub", "client_id", "iat", "nbf", "exp", "jti", "workspace", "roles", "permissions", "scope", "cnf"];

/// The claims of a token. Times are seconds since 1970; what is not said is not in the token.
#[derive(Clone, Debug)]
pub struct TokenClaims {
    issuer: String,
    audience: Vec<String>,
    client_id: String,
    subject: Option<String>,
    issued_at: u64,
    not_before: Option<u64>,
    expires_at: u64,
    workspace: Option<String>,
    roles: Vec<String>,
    permissions: Vec<String>,
    scope: Option<String>,
    others: Map<String, Value>,
}

fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Vec<String> {
    texts.into_iter().map(Into::into).collect()
}

impl TokenClaims {
    /// For a credential of one machine or application (`client_id`), issued now and good for so many seconds.
    #[must_use]
    pub fn new<A: Into<String>>(
        issuer: impl Into<String>,
        audience: impl IntoIterator<Item = A>,
        client_id: impl Into<String>,
        now: u64,
        lifetime: u64,
    ) -> Self {
        Self {
            issuer: issuer.into(),
            audience: texts(audience),
            client_id: client_id.into(),
            subject: None,
            issued_at: now,
            not_before: None,
            expires_at: now.saturating_add(lifetime),
            workspace: None,
            roles: Vec::new(),
            permissions: Vec::new(),
            scope: None,
            others: Map::new(),
        }
    }

    /// Whom the token is about; the client, where no person takes part, unless this is said.
    #[must_use]
    pub fn with_subject(mut self, subject: Option<impl Into<String>>) -> Self {
        self.subject = subject.map(Into::into);
        self
    }

    /// Not good before this second.
    #[must_use]
    pub const fn with_not_before(mut self, not_before: Option<u64>) -> Self {
        self.not_before = not_before;
        self
    }

    /// The workspace that it is for.
    #[must_use]
    pub fn with_workspace(mut self, workspace: Option<impl Into<String>>) -> Self {
        self.workspace = workspace.map(Into::into);
        self
    }

    /// Roles.
    #[must_use]
    pub fn with_roles<R: Into<String>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.roles = texts(roles);
        self
    }

    /// Permissions.
    #[must_use]
    pub fn with_permissions<P: Into<String>>(mut self, permissions: impl IntoIterator<Item = P>) -> Self {
        self.permissions = texts(permissions);
        self
    }

    /// `scope`, with a space between two.
    #[must_use]
    pub fn with_scope(mut self, scope: Option<impl Into<String>>) -> Self {
        self.scope = scope.map(Into::into);
        self
    }

    /// A claim of the application's own.
    ///
    /// # Errors
    /// [`IssuerError::ReservedClaim`] for a name that another method sets, and for `cnf`.
    pub fn with_claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Result<Self, IssuerError> {
        let name = name.into();
        if RESERVED.contains(&name.as_str()) {
            return Err(IssuerError::ReservedClaim { name });
        }
        self.others.insert(name, value.into());
        Ok(self)
    }

    /// When the token ends.
    #[must_use]
    pub const fn expires_at(&self) -> u64 {
        self.expires_at
    }

    /// The claims as JSON, each object sorted by its names, for [`crate::PrivateKey::sign_token`]; `jwt_id` is one that
    /// no other token has.
    #[must_use]
    pub fn to_json(&self, jwt_id: &str) -> String {
        let mut claims = self.others.clone();
        let mut add = |name: &str, value: Value| {
            let absent = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
            if !absent {
                claims.insert(name.into(), value);
            }
        };
        add("iss", json!(self.issuer));
        add("aud", if let [only] = self.audience.as_slice() { json!(only) } else { json!(self.audience) });
        // RFC 9068 section 2.2: where no person takes part, the client is the subject.
        add("sub", json!(self.subject.as_ref().unwrap_or(&self.client_id)));
        add("client_id", json!(self.client_id));
        add("iat", json!(self.issued_at));
        add("nbf", json!(self.not_before));
        add("exp", json!(self.expires_at));
        add("jti", json!(jwt_id));
        add("workspace", json!(self.workspace));
        add("roles", json!(self.roles));
        add("permissions", json!(self.permissions));
        add("scope", json!(self.scope));
        let mut claims = Value::Object(claims);
        // The same text whatever the program has told serde_json to preserve.
        claims.sort_all_objects();
        claims.to_string()
    }
}
