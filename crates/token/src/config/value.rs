//! Scalar members that several parts of the document have.

use alloc::{string::String, vec::Vec};
use core::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::Value;

use crate::numeric_date::parse_duration;

/// The only version of the document.
#[derive(Clone, Copy)]
pub(crate) struct Version;

/// Whole seconds, written as `30s`, `10m`, `6h` or `1d`.
#[derive(Clone, Copy)]
pub(crate) struct Duration(pub(crate) u64);

/// A text, a whole number or a boolean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    Text(String),
    Integer(u64),
    Boolean(bool),
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            1 => Ok(Self),
            _ => Err(Error::custom("expected 1")),
        }
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration(&text)
            .map(Self)
            .ok_or_else(|| Error::custom("expected a duration such as `30s`, `10m`, `6h` or `1d`"))
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalars;
        impl Visitor<'_> for Scalars {
            type Value = Scalar;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string, a whole number or a boolean")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(text.into()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar::Integer(number))
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar::Boolean(value))
            }
        }
        deserializer.deserialize_any(Scalars)
    }
}

/// Reads an array whose elements are names, or objects with a name in them.
pub(crate) fn names_or_objects<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + From<String>,
{
    struct Element<T>(T);
    struct Elements<T>(core::marker::PhantomData<T>);
    impl<'de, T: Deserialize<'de> + From<String>> Visitor<'de> for Elements<T> {
        type Value = Element<T>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a name, or an object with one")
        }

        fn visit_str<E: Error>(self, name: &str) -> Result<Element<T>, E> {
            Ok(Element(T::from(name.into())))
        }

        fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Element<T>, A::Error> {
            T::deserialize(MapAccessDeserializer::new(members)).map(Element)
        }
    }
    impl<'de, T: Deserialize<'de> + From<String>> Deserialize<'de> for Element<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(Elements(core::marker::PhantomData))
        }
    }
    let elements: Vec<Element<T>> = Vec::deserialize(deserializer)?;
    Ok(elements.into_iter().map(|Element(element)| element).collect())
}

/// Leaves a member to whoever knows its form; [`super::Config::from_json`] fills it in.
pub(super) fn untouched<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    untouched_value(deserializer).map(Some)
}

pub(super) fn untouched_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| Value::Null)
}
