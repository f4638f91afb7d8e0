//! Reads a parsed document into the configuration structs and says where it fails.

use alloc::string::{String, ToString};

use serde::{
    de::{
        DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
        Visitor, value::StrDeserializer,
    },
    forward_to_deserialize_any,
};
use serde_json::{Map, Value};

use crate::config_error::ConfigError;

/// One place in the document.
///
/// Unlike serde_json's own reader of values its errors carry the place, and never a value.
#[derive(Clone, Copy)]
pub(super) struct Reader<'d>(&'d Value);

impl<'d> Reader<'d> {
    pub(super) const fn new(document: &'d Value) -> Self {
        Self(document)
    }
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = ConfigError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match number.as_u64() {
                Some(number) => visitor.visit_u64(number),
                // No member of the configuration has a fraction or a sign.
                None => Err(ConfigError::new("expected a whole number from 0 to 18446744073709551615")),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(array) => visitor.visit_seq(Elements { rest: array, index: 0 }),
            Value::Object(object) => visitor.visit_map(Members::new(object)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        // `null` is a wrong type, not an absent member.
        visitor.visit_some(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        match self.0 {
            Value::String(name) => {
                let name: StrDeserializer<'_, ConfigError> = name.as_str().into_deserializer();
                visitor.visit_enum(name)
            }
            Value::Object(object) => {
                let mut members = object.iter();
                match (members.next(), members.next()) {
                    (Some((name, value)), None) => visitor.visit_enum(Variant { name, value }),
                    _ => Err(ConfigError::unknown_variant("", variants)),
                }
            }
            _ => Err(ConfigError::unknown_variant("", variants)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ConfigError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier
    }
}

struct Elements<'d> {
    rest: &'d [Value],
    index: usize,
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = ConfigError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ConfigError> {
        let Some((first, rest)) = self.rest.split_first() else {
            return Ok(None);
        };
        let value = seed.deserialize(Reader(first)).map_err(|error| error.within(&self.index.to_string()))?;
        self.rest = rest;
        self.index = self.index.saturating_add(1);
        Ok(Some(value))
    }
}

struct Members<'d> {
    rest: serde_json::map::Iter<'d>,
    current: Option<(&'d String, &'d Value)>,
}

impl<'d> Members<'d> {
    fn new(object: &'d Map<String, Value>) -> Self {
        Self { rest: object.iter(), current: None }
    }
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = ConfigError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ConfigError> {
        self.current = self.rest.next();
        let Some((name, _)) = self.current else {
            return Ok(None);
        };
        let key: StrDeserializer<'_, ConfigError> = name.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|error| error.within(name))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ConfigError> {
        let (name, value) = self.current.ok_or_else(|| ConfigError::new("expected a member"))?;
        seed.deserialize(Reader(value)).map_err(|error| error.within(name))
    }
}

/// `{"name": value}` as an enum with one member.
struct Variant<'d> {
    name: &'d str,
    value: &'d Value,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = ConfigError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), ConfigError> {
        let name: StrDeserializer<'_, ConfigError> = self.name.into_deserializer();
        let variant = seed.deserialize(name).map_err(|error: ConfigError| error.within(self.name))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = ConfigError;

    fn unit_variant(self) -> Result<(), ConfigError> {
        Err(ConfigError::new("expected a string").within(self.name))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ConfigError> {
        seed.deserialize(Reader(self.value)).map_err(|error| error.within(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ConfigError> {
        Reader(self.value).deserialize_any(visitor).map_err(|error| error.within(self.name))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, ConfigError> {
        Reader(self.value).deserialize_any(visitor).map_err(|error| error.within(self.name))
    }
}
