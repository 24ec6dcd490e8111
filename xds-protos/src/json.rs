//! Resources as proto JSON, for people: config dumps, reviewed test output.

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::Value;

use crate::envoy::envoy::service::discovery::v3::DiscoveryResponse;
use crate::envoy::google::protobuf::Any;
use crate::{Kind, Resource};

/// The messages that resources consist of. The test `descriptors` cuts them out of Envoy's; what translation begins to use
/// is named there.
static DESCRIPTORS: &[u8] = include_bytes!("json/descriptors.bin");

/// Reads resources. Making one takes some milliseconds.
#[derive(Clone, Debug)]
pub struct Decoder {
    pool: DescriptorPool,
}

/// Why a resource cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum Undecodable {
    /// The descriptors are broken: a mistake of this crate.
    #[error("the message descriptors cannot be read")]
    Descriptors(#[source] prost_reflect::DescriptorError),
    /// No descriptor has the name.
    #[error("no descriptor of {0}; name it in the test `descriptors`")]
    Unknown(String),
    /// The bytes are no message of their type.
    #[error("the bytes are no {kind:?} resource")]
    Bytes {
        /// The kind they were to be of.
        kind: Kind,
        /// Why not.
        #[source]
        reason: prost::DecodeError,
    },
    /// The message has fields that its descriptor lacks.
    #[error("the {0:?} resource has fields that its descriptor lacks")]
    UnknownFields(Kind),
    /// A message inside, packed in an `Any`, cannot be shown.
    #[error("the {kind:?} resource cannot be written as JSON")]
    Json {
        /// The kind it is of.
        kind: Kind,
        /// Why not.
        #[source]
        reason: serde_json::Error,
    },
}

// === impl Decoder ===

impl Decoder {
    /// Reads the descriptors.
    ///
    /// # Errors
    /// They are broken.
    pub fn new() -> Result<Self, Undecodable> {
        Ok(Self { pool: DescriptorPool::decode(DESCRIPTORS).map_err(Undecodable::Descriptors)? })
    }

    /// A resource as proto JSON: names in camel case, default values left out, 64-bit integers as numbers.
    ///
    /// # Errors
    /// It is no resource of this kind, or holds something without descriptor.
    pub fn json(&self, kind: Kind, resource: &Resource) -> Result<Value, Undecodable> {
        let bytes = |reason| Undecodable::Bytes { kind, reason };
        let any = body(resource).map_err(bytes)?;
        let name = any.type_url.rsplit('/').next().unwrap_or_default();
        let descriptor =
            self.pool.get_message_by_name(name).ok_or_else(|| Undecodable::Unknown(any.type_url.clone()))?;
        let message = DynamicMessage::decode(descriptor, &*any.value).map_err(bytes)?;
        if message.unknown_fields().next().is_some() {
            return Err(Undecodable::UnknownFields(kind));
        }
        let options = SerializeOptions::new().stringify_64_bit_integers(false);
        let json = message.serialize_with_options(serde_json::value::Serializer, &options);
        json.map_err(|reason| Undecodable::Json { kind, reason })
    }
}

/// What a resource says on the wire, with its type.
///
/// # Errors
/// The frame is none.
pub fn body(resource: &Resource) -> Result<Any, prost::DecodeError> {
    let response = DiscoveryResponse::decode(resource.sotw_frame())?;
    Ok(response.resources.into_iter().next().unwrap_or_default())
}

#[cfg(test)]
mod tests;
