//! The claims of a valid token (RFC 7519 section 4).

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use core::fmt;

use datakit_token_encoding::json::{self, Array, Json, Number, Value};

use crate::{
    time::NumericDate,
    token::authority::{Authority, AuthorityClaim, Malformed},
};

/// The claims of a valid token.
pub struct Claims {
    /// The payload, in the very text that was signed.
    json: Json,
    issuer: String,
    expires_at: u64,
    issued_at: Option<u64>,
    roles: Vec<String>,
    /// Those of the scope come last.
    permissions: Vec<String>,
    scopes: usize,
    workspace: Option<String>,
    malformed: Vec<Malformed>,
}

impl Claims {
    /// Those of this issuer, that were judged.
    pub(crate) fn new(
        json: Json,
        issuer: String,
        expires_at: u64,
        issued_at: Option<u64>,
        authority: Authority<String>,
    ) -> Self {
        let Authority { roles, permissions, scopes, workspace, malformed } = authority;
        Self { json, issuer, expires_at, issued_at, roles, permissions, scopes, workspace, malformed }
    }

    /// `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `sub`, if present.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.get("sub").and_then(Value::as_str)
    }

    /// `aud`: at least one, of which the provider accepts one.
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        let audience = self.get("aud");
        let several = audience.and_then(Value::as_array).into_iter().flat_map(Array::iter).filter_map(Value::as_str);
        audience.and_then(Value::as_str).into_iter().chain(several)
    }

    /// `jti`, if present.
    #[must_use]
    pub fn jwt_id(&self) -> Option<&str> {
        self.get("jti").and_then(Value::as_str)
    }

    /// `client_id` (RFC 8693 section 4.3), if present.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.get("client_id").and_then(Value::as_str)
    }

    /// `roles`, from where the configuration says; none if the claim is no array of names.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// `permissions`, followed by the values of `scope`.
    #[must_use]
    pub fn permissions(&self) -> &[String] {
        &self.permissions
    }

    /// The values of `scope`.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        self.permissions.get(self.permissions.len().saturating_sub(self.scopes)..).unwrap_or_default()
    }

    /// `workspace`, if it is present and a name.
    #[must_use]
    pub fn workspace(&self) -> Option<&str> {
        self.workspace.as_deref()
    }

    /// The place of the first of these claims that is there, and has not the form that authorisation needs.
    pub(crate) fn find_malformed(&self, claims: &[AuthorityClaim]) -> Option<&str> {
        let malformed = self.malformed.iter().find(|malformed| claims.contains(&malformed.claim));
        malformed.map(|malformed| malformed.place.as_str())
    }

    /// `nbf` in seconds since 1970, rounded up, if present.
    #[must_use]
    pub fn not_before(&self) -> Option<u64> {
        self.get("nbf").and_then(Value::as_number).and_then(NumericDate::from_number).map(NumericDate::ceil)
    }

    /// `exp` in seconds since 1970, rounded down.
    #[must_use]
    pub const fn expires_at(&self) -> u64 {
        self.expires_at
    }

    /// `iat` in seconds since 1970, rounded down, if present.
    #[must_use]
    pub const fn issued_at(&self) -> Option<u64> {
        self.issued_at
    }

    /// The value of a claim, if it is present; for one that lies deeper see [`Value::pointer`].
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'_>> {
        self.json.members().get(name)
    }

    /// All claims, read into a type of the application's own. Needs the feature `serde`.
    ///
    /// # Errors
    /// [`InvalidClaims`]: the claims have another form.
    #[cfg(feature = "serde")]
    pub fn deserialize<'c, T: serde::Deserialize<'c>>(&'c self) -> Result<T, InvalidClaims> {
        serde_json::from_str(self.as_signed_json()).map_err(|error| InvalidClaims { column: error.column() })
    }

    /// All claims as compact JSON; numbers as they were written.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.json.value().to_json()
    }

    /// All claims as JSON, in the very text that was signed.
    #[must_use]
    pub fn as_signed_json(&self) -> &str {
        self.json.text()
    }

    /// Numbers with an exponent, or with more than so many digits: the JSON pointer (RFC 6901) and the decimal text of
    /// each.
    #[must_use]
    pub fn numbers_beyond(&self, digits: usize) -> Vec<(String, String)> {
        let mut found = Vec::new();
        collect_numbers(self.json.value(), digits, &mut String::new(), &mut found);
        found
    }

    /// The value at a JSON pointer.
    pub(crate) fn at(&self, pointer: &str) -> Option<Value<'_>> {
        self.json.value().pointer(pointer)
    }

    /// Whether there is nothing at a JSON pointer. Something without members on the way to it is not its absence.
    pub(crate) fn is_absent(&self, pointer: &str) -> bool {
        let mut outer = pointer;
        while let Some((parent, _)) = outer.rsplit_once('/').filter(|(parent, _)| !parent.is_empty()) {
            if let Some(value) = self.at(parent) {
                return value.as_object().is_some() && self.at(pointer).is_none();
            }
            outer = parent;
        }
        self.at(pointer).is_none()
    }
}

/// The claims are not of the form that was asked for. It does not repeat what is in them.
#[cfg(feature = "serde")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidClaims {
    column: usize,
}

#[cfg(feature = "serde")]
impl fmt::Display for InvalidClaims {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the claims have another form than was asked for, at their byte {}", self.column)
    }
}

#[cfg(feature = "serde")]
impl core::error::Error for InvalidClaims {}

impl fmt::Debug for Claims {
    /// How many there are, and none of them: whoever wants to show one asks for it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Claims({})", self.json.members().iter().count())
    }
}

/// Looks at what is at this pointer, which is as it was when this ends.
fn collect_numbers(value: Value<'_>, digits: usize, pointer: &mut String, found: &mut Vec<(String, String)>) {
    let mut collect_at = |name: &str, member: Value<'_>| {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(&json::escape(name));
        collect_numbers(member, digits, pointer, found);
        pointer.truncate(length);
    };
    // Most claims are texts, and need no pointer.
    let may_have = |value: &Value<'_>| matches!(value, Value::Number(_) | Value::Array(_) | Value::Object(_));
    match value {
        Value::Number(number) if is_beyond(number, digits) => found.push((pointer.clone(), number.as_str().into())),
        Value::Array(array) => {
            let elements = array.iter().enumerate().filter(|(_, element)| may_have(element));
            elements.for_each(|(index, element)| collect_at(&index.to_string(), element));
        }
        Value::Object(object) => {
            object.iter().filter(|(_, member)| may_have(member)).for_each(|(name, member)| collect_at(name, member));
        }
        _ => {}
    }
}

fn is_beyond(number: Number<'_>, digits: usize) -> bool {
    let text = number.as_str();
    text.contains(['e', 'E']) || text.bytes().filter(u8::is_ascii_digit).count() > digits
}
