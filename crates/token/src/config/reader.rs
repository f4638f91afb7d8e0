//! Reads a parsed document into the configuration structs and says where it fails.
//!
//! Not with serde's derive: its code for these structs would be half of the module, and its errors do not say where.

use alloc::{format, string::String, vec::Vec};

use datakit_token_encoding::{
    collections::SortedMap,
    json::{self, Value},
};

use crate::error::ConfigError;

/// What can be read from one place of a document. Errors carry the place, and never a value.
pub(crate) trait Read: Sized {
    fn read(value: Value<'_>) -> Result<Self, ConfigError>;
}

/// An object of which every member is known. It remembers the first fault, so that its members are read one after the
/// other and judged at the end: a way out after each of them would be half of the code.
pub(crate) struct Object<'d> {
    members: json::Object<'d>,
    fault: Option<ConfigError>,
}

/// Names that the configuration of `jwt_authn` has, and what is here in their place.
const ELSEWHERE: [(&str, &str); 12] = [
    ("local_jwks", "`keys.inline`"),
    ("remote_jwks", "`keys.remote`"),
    ("http_uri", "`url` and `cluster`"),
    ("cache_duration", "`refresh`"),
    ("claim_to_headers", "`claims_to_headers`"),
    ("from_headers", "`from.headers`"),
    ("from_params", "`from.params`"),
    ("from_cookies", "`from.cookies`"),
    ("clock_skew_seconds", "`clock_skew`"),
    ("require_expiration", "always so"),
    ("jwt_cache_config", "`limits.cached_tokens`"),
    ("requires", "`require`"),
];

impl<'d> Object<'d> {
    /// Refuses what is no object, and unknown members.
    pub(crate) fn open(value: Value<'d>, known: &[&str]) -> Result<Self, ConfigError> {
        let object = value.as_object().ok_or_else(|| wrong("an object", value))?;
        match object.iter().map(|(name, _)| name).find(|name| !known.contains(name)) {
            None => Ok(Self { members: object, fault: None }),
            Some(unknown) => {
                let here = ELSEWHERE.iter().find(|(name, _)| *name == unknown);
                let here = here.map_or_else(String::new, |(_, here)| format!("what `jwt_authn` has there is {here}; "));
                let problem = format!("unknown member, {here}expected one of {}", list(known));
                Err(ConfigError::new(problem).within(unknown))
            }
        }
    }

    pub(crate) fn optional<T: Read>(&mut self, name: &str) -> Option<T> {
        // `null` is a wrong type, not an absent member.
        self.keep(name, self.members.get(name).map(T::read)?)
    }

    /// In the place of what is missing or wrong stands what nobody will see.
    pub(crate) fn required<T: Read + Default>(&mut self, name: &str) -> T {
        let missing = || Err(ConfigError::new("required, but missing"));
        self.keep(name, self.members.get(name).map_or_else(missing, T::read)).unwrap_or_default()
    }

    /// What was read, unless something was wrong.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, ConfigError> {
        self.fault.map_or(Ok(value), Err)
    }

    fn keep<T>(&mut self, name: &str, read: Result<T, ConfigError>) -> Option<T> {
        read.map_err(|error| self.fail(name, error)).ok()
    }

    #[inline(never)]
    fn fail(&mut self, name: &str, error: ConfigError) {
        if self.fault.is_none() {
            self.fault = Some(error.within(name));
        }
    }
}

/// A struct of the document: each field with its type, how it is read, and the name of its member. Reader and JSON
/// Schema come from the same lines, and comments become descriptions.
macro_rules! object {
    (
        $(#[doc = $about:literal])*
        $(#[derive($($derive:ident),*)])?
        $visibility:vis struct $type:ident $(described as $described:ident)?
            $(exactly one of $first:literal $(| $other:literal)*)? {
            $(
                $(#[doc = $doc:literal])*
                $field_visibility:vis $field:ident: $of:ty = $kind:ident $name:literal $(or $default:expr)?,
            )*
        }
    ) => {
        $(#[doc = $about])*
        $(#[derive($($derive),*)])?
        $visibility struct $type {
            $($(#[doc = $doc])* $field_visibility $field: $of,)*
        }

        impl crate::config::reader::Read for $type {
            // Of its own: what a document does not have need not be compiled by a browser that starts.
            #[inline(never)]
            fn read(value: datakit_token_encoding::json::Value<'_>) -> Result<Self, crate::error::ConfigError> {
                let mut object = crate::config::reader::Object::open(value, &[$($name),*])?;
                let read = Self { $($field: crate::config::reader::object!(@ object $kind $name $(or $default)?),)* };
                object.finish(read)
            }
        }

        #[cfg(test)]
        impl crate::config::schema::Describe for $type {
            fn describe(definitions: &mut crate::config::schema::Definitions) -> serde_json::Value {
                definitions.refer(crate::config::reader::object!(@ name $type $($described)?), |definitions| {
                    let mut object = crate::config::schema::Described::new(&[$($about),*]);
                    $(object.member::<$of>(definitions, $name, stringify!($kind), &[$($doc),*]);)*
                    $(object.exactly_one_of(&[$first $(, $other)*]);)?
                    object.finish()
                })
            }
        }
    };
    (@ name $type:ident) => { stringify!($type) };
    (@ name $type:ident $described:ident) => { stringify!($described) };
    (@ $object:ident required $name:literal) => { $object.required($name) };
    (@ $object:ident optional $name:literal) => { $object.optional($name) };
    (@ $object:ident optional $name:literal or $default:expr) => {
        match $object.optional($name) {
            Some(value) => value,
            None => $default,
        }
    };
}

/// Reads an enum whose values are names.
macro_rules! names {
    ($type:ident { $($variant:ident $name:literal,)* }) => {
        impl crate::config::reader::Read for $type {
            fn read(value: datakit_token_encoding::json::Value<'_>) -> Result<Self, crate::error::ConfigError> {
                match value.as_str() {
                    $(Some($name) => Ok(Self::$variant),)*
                    _ => Err(crate::config::reader::unknown(&[$($name),*])),
                }
            }
        }

        #[cfg(test)]
        impl crate::config::schema::Describe for $type {
            fn describe(_: &mut crate::config::schema::Definitions) -> serde_json::Value {
                serde_json::json!({ "enum": [$($name),*] })
            }
        }
    };
}

/// Reads an enum whose values are objects of one member; comments become descriptions.
macro_rules! variants {
    ($type:ident { $($(#[doc = $doc:literal])* $variant:ident($of:ty) $name:literal,)* }) => {
        impl crate::config::reader::Read for $type {
            fn read(value: datakit_token_encoding::json::Value<'_>) -> Result<Self, crate::error::ConfigError> {
                let (name, value) = crate::config::reader::only_member(value, &[$($name),*])?;
                match name {
                    $($name => crate::config::reader::Read::read(value).map(Self::$variant),)*
                    _ => Err(crate::config::reader::unknown(&[$($name),*])),
                }
                .map_err(|error| error.within(name))
            }
        }

        #[cfg(test)]
        impl crate::config::schema::Describe for $type {
            fn describe(definitions: &mut crate::config::schema::Definitions) -> serde_json::Value {
                definitions.refer(stringify!($type), |definitions| {
                    let mut object = crate::config::schema::Described::new(&[]);
                    $(object.member::<$of>(definitions, $name, "optional", &[$($doc),*]);)*
                    object.exactly_one_of(&[$($name),*]);
                    object.finish()
                })
            }
        }
    };
}

pub(crate) use {names, object, variants};

/// None of these.
pub(crate) fn unknown(known: &[&str]) -> ConfigError {
    ConfigError::new(format!("expected one of {}", list(known)))
}

/// The only member of an object.
pub(crate) fn only_member<'d>(value: Value<'d>, known: &[&str]) -> Result<(&'d str, Value<'d>), ConfigError> {
    let mut members = value.as_object().into_iter().flat_map(json::Object::iter);
    match (members.next(), members.next()) {
        (Some((name, value)), None) => Ok((name, value)),
        _ => Err(unknown(known)),
    }
}

/// What was expected, and what is there.
pub(crate) fn wrong(expected: &str, found: Value<'_>) -> ConfigError {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    ConfigError::new(format!("expected {expected}, found {found}"))
}

fn list(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

impl Read for String {
    fn read(value: Value<'_>) -> Result<Self, ConfigError> {
        value.as_str().map(Self::from).ok_or_else(|| wrong("a string", value))
    }
}

impl Read for bool {
    fn read(value: Value<'_>) -> Result<Self, ConfigError> {
        value.as_bool().ok_or_else(|| wrong("a boolean", value))
    }
}

impl Read for u64 {
    fn read(value: Value<'_>) -> Result<Self, ConfigError> {
        value.as_u64().ok_or_else(|| match value {
            // No member of the configuration has a fraction or a sign.
            Value::Number(_) => ConfigError::new("expected a whole number from 0 to 18446744073709551615"),
            _ => wrong("a whole number", value),
        })
    }
}

impl Read for u32 {
    fn read(value: Value<'_>) -> Result<Self, ConfigError> {
        whole_number(value, 0, Self::MAX)
    }
}

impl Read for u16 {
    fn read(value: Value<'_>) -> Result<Self, ConfigError> {
        whole_number(value, 0, Self::MAX.into()).map(|number| Self::try_from(number).unwrap_or(Self::MAX))
    }
}

/// A whole number within bounds; both are in.
#[inline(never)]
pub(crate) fn whole_number(value: Value<'_>, least: u32, most: u32) -> Result<u32, ConfigError> {
    let number = u64::read(value)?;
    let within = u32::try_from(number).ok().filter(|number| (least..=most).contains(number));
    within.ok_or_else(|| ConfigError::new(format!("expected a whole number from {least} to {most}")))
}

impl<T: Read> Read for Vec<T> {
    fn read(value: Value<'_>) -> Result<Self, ConfigError> {
        let elements = value.as_array().ok_or_else(|| wrong("an array", value))?;
        let mut read = Self::with_capacity(elements.len());
        for element in elements.iter() {
            read.push(T::read(element).map_err(|error| error.within_element(read.len()))?);
        }
        Ok(read)
    }
}

impl<T: Read> Read for SortedMap<String, T> {
    fn read(value: Value<'_>) -> Result<Self, ConfigError> {
        let members = value.as_object().ok_or_else(|| wrong("an object", value))?;
        let mut read = Self::new();
        for (name, member) in members.sorted() {
            read.insert(name.into(), T::read(member).map_err(|error| error.within(name))?);
        }
        Ok(read)
    }
}
