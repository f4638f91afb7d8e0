//! What authorisation looks at in a token: roles, permissions, scope and workspace, wherever the configuration says
//! they are.

use alloc::{string::String, vec::Vec};

use datakit_token_encoding::json::{Object, Value};

use crate::{
    reason::Reason,
    token::{config::ClaimPlaces, name::is_name},
};

/// A claim that authorisation looks at, wherever the configuration says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthorityClaim {
    Roles,
    Permissions,
    Scope,
    Workspace,
}

/// One that is there in another form.
pub(crate) struct Malformed {
    pub(crate) claim: AuthorityClaim,
    /// A JSON pointer.
    pub(crate) place: String,
}

impl AuthorityClaim {
    const fn place(self, places: &ClaimPlaces) -> &String {
        match self {
            Self::Roles => &places.roles,
            Self::Permissions => &places.permissions,
            Self::Scope => &places.scope,
            Self::Workspace => &places.workspace,
        }
    }
}

/// What authorisation looks at. Issuers have claims of these names in forms of their own, so one in another form counts
/// as absent, and is a fault only where something asks for it.
pub(crate) struct Authority<T> {
    pub(crate) roles: Vec<T>,
    /// Those of the scope come last.
    pub(crate) permissions: Vec<T>,
    pub(crate) scopes: usize,
    pub(crate) workspace: Option<T>,
    pub(crate) malformed: Vec<Malformed>,
}

impl<'c> Authority<&'c str> {
    pub(crate) fn read(members: Object<'c>, places: &ClaimPlaces) -> Self {
        let mut malformed = Vec::new();
        let at = |claim: AuthorityClaim| find(members, claim.place(places));
        let mut note = |claim: AuthorityClaim| malformed.push(Malformed { claim, place: claim.place(places).clone() });
        let mut names = |claim: AuthorityClaim, read: fn(Option<Value<'c>>) -> Result<Vec<&'c str>, Reason>| {
            at(claim).and_then(read).unwrap_or_else(|_| {
                note(claim);
                Vec::new()
            })
        };
        let roles = names(AuthorityClaim::Roles, texts);
        let mut permissions = names(AuthorityClaim::Permissions, texts);
        let scope = names(AuthorityClaim::Scope, scopes);
        let scopes = scope.len();
        permissions.extend(scope);
        let workspace = at(AuthorityClaim::Workspace).and_then(text).unwrap_or_else(|_| {
            note(AuthorityClaim::Workspace);
            None
        });
        Self { roles, permissions, scopes, workspace, malformed }
    }

    pub(crate) fn into_owned(self) -> Authority<String> {
        let owned = |texts: Vec<&str>| texts.into_iter().map(String::from).collect();
        Authority {
            roles: owned(self.roles),
            permissions: owned(self.permissions),
            scopes: self.scopes,
            workspace: self.workspace.map(String::from),
            malformed: self.malformed,
        }
    }
}

/// Text that may be compared, mapped and forwarded: not empty, no control characters.
fn printable(text: &str) -> Result<&str, Reason> {
    if is_name(text) { Ok(text) } else { Err(Reason::ClaimInvalid) }
}

/// The member at a JSON pointer. Something else on the way to it is not its absence.
fn find<'c>(members: Object<'c>, pointer: &str) -> Result<Option<Value<'c>>, Reason> {
    let (mut place, mut names) = (members, pointer.strip_prefix('/').unwrap_or(pointer));
    while let Some((name, rest)) = names.split_once('/') {
        place = match place.named(name) {
            None => return Ok(None),
            Some(value) => value.as_object().ok_or(Reason::ClaimInvalid)?,
        };
        names = rest;
    }
    Ok(place.named(names))
}

pub(crate) fn text(claim: Option<Value<'_>>) -> Result<Option<&str>, Reason> {
    match claim {
        None => Ok(None),
        Some(Value::String(text)) => printable(text).map(Some),
        Some(_) => Err(Reason::ClaimInvalid),
    }
}

pub(crate) fn texts(claim: Option<Value<'_>>) -> Result<Vec<&str>, Reason> {
    match claim {
        None => Ok(Vec::new()),
        Some(Value::Array(array)) => {
            array.iter().map(|one| one.as_str().ok_or(Reason::ClaimInvalid).and_then(printable)).collect()
        }
        Some(_) => Err(Reason::ClaimInvalid),
    }
}

/// RFC 8693 section 4.2: names with one space between them.
fn scopes(claim: Option<Value<'_>>) -> Result<Vec<&str>, Reason> {
    match claim {
        None | Some(Value::String("")) => Ok(Vec::new()),
        Some(Value::String(scope)) => scope.split(' ').map(printable).collect(),
        Some(_) => Err(Reason::ClaimInvalid),
    }
}
