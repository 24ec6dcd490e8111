use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

use crate::Kind;

#[cfg(test)]
mod tests;

const RESOURCE_NAME: u32 = 3;
const VERSION: u32 = 1;
const RESOURCE: u32 = 2;
const ANY_TYPE_URL: u32 = 1;
const ANY_VALUE: u32 = 2;
const RESPONSE_RESOURCES: u32 = 2;

/// One encoded resource, ready to be spliced into any number of responses without copying.
///
/// The bytes are an entry of `DeltaDiscoveryResponse.resources`, key and length included. `Resource.resource` has the
/// same field number as `DiscoveryResponse.resources` (2) and is encoded last, so the tail of a delta entry *is* a
/// state-of-the-world entry: both variants share one allocation.
#[derive(Clone, Debug)]
pub struct Resource {
    name: Arc<str>,
    version: Arc<str>,
    frame: Bytes,
    any_at: usize,
}

impl Resource {
    /// Encodes `message` deterministically; the version is a hash of the encoded bytes, so equal content has equal
    /// versions on every replica and after every restart.
    pub fn encode<M: Message>(kind: Kind, name: impl Into<Arc<str>>, message: &M) -> Self {
        Self::from_encoded(kind, name, &crate::encode(kind, message))
    }

    /// Wraps the result of [`encode`](crate::encode), or a concatenation of such results: joining the encodings of two
    /// messages of one type encodes their merger (protobuf encoding, "Last One Wins").
    pub fn from_encoded(kind: Kind, name: impl Into<Arc<str>>, value: &[u8]) -> Self {
        let version = format!("{:016x}", xxhash_rust::xxh3::xxh3_64(value));
        Self::from_parts(kind.type_url(), name.into(), version.into(), value)
    }

    /// Wraps bytes that are already encoded, under a version that was given elsewhere (the agent's relay passes
    /// versions through unchanged).
    pub fn from_parts(type_url: &str, name: Arc<str>, version: Arc<str>, value: &[u8]) -> Self {
        let any = field_len(ANY_TYPE_URL, type_url.len()) + field_len(ANY_VALUE, value.len());
        let body = field_len(RESOURCE_NAME, name.len()) + field_len(VERSION, version.len()) + field_len(RESOURCE, any);
        let mut frame = BytesMut::with_capacity(field_len(RESPONSE_RESOURCES, body));
        put_header(RESPONSE_RESOURCES, body, &mut frame);
        put_text(RESOURCE_NAME, &name, &mut frame);
        put_text(VERSION, &version, &mut frame);
        let any_at = frame.len();
        put_header(RESOURCE, any, &mut frame);
        put_text(ANY_TYPE_URL, type_url, &mut frame);
        put_header(ANY_VALUE, value.len(), &mut frame);
        frame.put_slice(value);
        Self { name, version, frame: frame.freeze(), any_at }
    }

    /// The resource's name on the wire.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The opaque version of its content.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// One entry of `DeltaDiscoveryResponse.resources`, key and length included.
    pub fn delta_frame(&self) -> Bytes {
        self.frame.clone()
    }

    /// One entry of `DiscoveryResponse.resources`, key and length included; a slice of [`Self::delta_frame`].
    pub fn sotw_frame(&self) -> Bytes {
        self.frame.slice(self.any_at..)
    }
}

fn field_len(tag: u32, len: usize) -> usize {
    key_len(tag) + encoded_len_varint(len as u64) + len
}

fn put_header(tag: u32, len: usize, buf: &mut impl BufMut) {
    encode_key(tag, WireType::LengthDelimited, buf);
    encode_varint(len as u64, buf);
}

fn put_text(tag: u32, text: &str, buf: &mut impl BufMut) {
    put_header(tag, text.len(), buf);
    buf.put_slice(text.as_bytes());
}
