//! Shorthands for protobuf's well-known types.

use std::time::Duration;

use prost::{Message, Name};

use crate::envoy::google::protobuf::{
    Any, BoolValue, DoubleValue, Duration as ProtoDuration, ListValue, Struct, UInt32Value, UInt64Value, Value, value,
};

/// Packs a message with its type URL. Maps inside are put in order when the resource around it is encoded.
pub fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

/// A duration on the wire. Longer than protobuf can say (292 billion years) is the longest it can say.
pub fn duration(duration: Duration) -> ProtoDuration {
    ProtoDuration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: duration.subsec_nanos().cast_signed(),
    }
}

/// A present `uint32`.
pub const fn uint32(value: u32) -> UInt32Value {
    UInt32Value { value }
}

/// A present `uint64`.
pub const fn uint64(value: u64) -> UInt64Value {
    UInt64Value { value }
}

/// A present `bool`.
pub const fn boolean(value: bool) -> BoolValue {
    BoolValue { value }
}

/// A present `double`.
pub const fn double(value: f64) -> DoubleValue {
    DoubleValue { value }
}

/// A `Struct` of these fields.
pub fn struct_of<K: Into<String>>(fields: impl IntoIterator<Item = (K, Value)>) -> Struct {
    Struct { fields: fields.into_iter().map(|(key, value)| (key.into(), value)).collect() }
}

/// A string as a `Value`.
pub fn string_value(text: impl Into<String>) -> Value {
    Value { kind: Some(value::Kind::StringValue(text.into())) }
}

/// A boolean as a `Value`.
pub const fn bool_value(flag: bool) -> Value {
    Value { kind: Some(value::Kind::BoolValue(flag)) }
}

/// A number as a `Value`.
pub const fn number_value(number: f64) -> Value {
    Value { kind: Some(value::Kind::NumberValue(number)) }
}

/// A `Struct` as a `Value`.
pub const fn struct_value(fields: Struct) -> Value {
    Value { kind: Some(value::Kind::StructValue(fields)) }
}

/// A list as a `Value`.
pub fn list_value(values: impl IntoIterator<Item = Value>) -> Value {
    Value { kind: Some(value::Kind::ListValue(ListValue { values: values.into_iter().collect() })) }
}

/// The text of `key`, if it is there and a string.
pub fn text<'a>(fields: &'a Struct, key: &str) -> Option<&'a str> {
    match fields.fields.get(key)?.kind.as_ref()? {
        value::Kind::StringValue(text) => Some(text),
        _ => None,
    }
}

/// The `Struct` under `key`, if it is there and one.
pub fn nested<'a>(fields: &'a Struct, key: &str) -> Option<&'a Struct> {
    match fields.fields.get(key)?.kind.as_ref()? {
        value::Kind::StructValue(nested) => Some(nested),
        _ => None,
    }
}
