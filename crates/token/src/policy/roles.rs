//! What roles grant. Wildcards stand here and nowhere else: neither a token nor a requirement has any.

use alloc::{string::String, vec::Vec};

use datakit_token_encoding::collections::SortedMap;

use crate::{
    error::ConfigError,
    token::{
        claims::Claims,
        name::{is_name, is_permission},
    },
};

/// The grants of each role.
#[derive(Debug, Default)]
pub(crate) struct Roles(SortedMap<String, Grants>);

/// Permissions that are granted together.
#[derive(Debug, Default)]
struct Grants {
    permissions: SortedMap<String, ()>,
    /// `log.` for `log.*`.
    areas: Vec<String>,
    all: bool,
}

impl Roles {
    /// Compiles `roles`.
    // Apart, as it runs once: "Cold paths" in docs/performance.md.
    #[inline(never)]
    pub(crate) fn new(roles: SortedMap<String, Vec<String>>) -> Result<Self, ConfigError> {
        let mut compiled = SortedMap::new();
        for (role, grants) in roles {
            let place = |error: ConfigError| error.within(&role).within("roles");
            if !is_name(&role) {
                return Err(place(ConfigError::new(
                    "expected a role of at least one character, without control characters",
                )));
            }
            let mut set = Grants::default();
            for (index, grant) in grants.into_iter().enumerate() {
                set.add(grant).map_err(|error| place(error.within_element(index)))?;
            }
            compiled.insert(role, set);
        }
        Ok(Self(compiled))
    }

    /// Whether the token has the permission itself, or one of its roles grants it. Strings are opaque: compared byte
    /// for byte.
    pub(crate) fn permits(&self, claims: &Claims, permission: &str) -> bool {
        claims.permissions().iter().any(|own| own == permission) || self.grant(claims.roles(), permission)
    }

    /// Whether some role grants the permission, or there are none, so that tokens are to have their own.
    pub(crate) fn grant_at_all(&self, permission: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|(_, grants)| grants.contains(permission))
    }

    /// Whether one of these roles grants the permission.
    pub(crate) fn grant<R: AsRef<str>>(&self, roles: impl IntoIterator<Item = R>, permission: &str) -> bool {
        roles.into_iter().any(|role| self.0.get(role.as_ref()).is_some_and(|grants| grants.contains(permission)))
    }
}

impl Grants {
    fn add(&mut self, grant: String) -> Result<(), ConfigError> {
        match grant.strip_suffix('*') {
            Some("") => self.all = true,
            Some(area) if area.ends_with('.') && is_permission(area) && area.len() > 1 => self.areas.push(area.into()),
            None if is_permission(&grant) => {
                self.permissions.insert(grant, ());
            }
            _ => {
                return Err(ConfigError::new(
                    "expected a permission such as `log.Query`, an area such as `log.*`, or `*`",
                ));
            }
        }
        Ok(())
    }

    fn contains(&self, permission: &str) -> bool {
        let in_area = |area: &String| permission.len() > area.len() && permission.starts_with(area.as_str());
        self.all || self.permissions.get(permission).is_some() || self.areas.iter().any(in_area)
    }
}
