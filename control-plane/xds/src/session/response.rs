use std::{collections::VecDeque, sync::Arc};

use bytes::{BufMut, Bytes, BytesMut};
use ferro_xds_protos::{Kind, Resource};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

use crate::Variant;

/// A response up to this size is copied into one frame: cheaper than a frame each for a handful of small resources.
const COPY_LIMIT: usize = 4 * 1024;

/// The prefix of a gRPC message: one byte "not compressed", four bytes of length.
const GRPC_PREFIX: usize = 5;

/// One response, ready to be written: a small head made for this client, and the bytes it shares with all others.
#[derive(Clone, Debug)]
pub struct Response {
    /// The kind it carries.
    pub kind: Kind,
    /// The variant it is encoded for.
    pub variant: Variant,
    /// Its nonce.
    pub nonce: Arc<str>,
    /// A hash of what the view holds of this kind.
    pub version: Arc<str>,
    /// The resources it carries.
    pub resources: Arc<[Resource]>,
    /// The names it says are gone (delta).
    pub removed: Vec<Arc<str>>,
    /// What it says of the server.
    pub identity: Arc<str>,
}

/// The frames of one response, in order: the pieces of one gRPC message.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    pieces: VecDeque<Bytes>,
}

const VERSION: u32 = 1;
const TYPE_URL: u32 = 4;
const NONCE: u32 = 5;
const DELTA_REMOVED: u32 = 6;
const DELTA_CONTROL_PLANE: u32 = 7;
const SOTW_CONTROL_PLANE: u32 = 6;
const CONTROL_PLANE_IDENTIFIER: u32 = 1;

// === impl Response ===

impl Response {
    /// The size of the message, in bytes.
    pub fn len(&self) -> usize {
        self.head_len() + self.bodies().map(|body| body.len()).sum::<usize>()
    }

    /// Whether the message has no field at all; it never is, having a type and a nonce.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The message as gRPC frames it. The bytes of the resources are not copied, unless all of it is tiny.
    pub fn frames(&self) -> Frames {
        let len = self.len();
        let copy = len <= COPY_LIMIT;
        let mut head = BytesMut::with_capacity(GRPC_PREFIX + if copy { len } else { self.head_len() });
        head.put_u8(0);
        // A message beyond 4 GiB cannot be framed; a snapshot would have to be larger than any client's memory.
        head.put_u32(u32::try_from(len).unwrap_or(u32::MAX));
        self.put_head(&mut head);
        let mut pieces = VecDeque::new();
        if copy {
            self.bodies().for_each(|body| head.put(body));
            pieces.push_back(head.freeze());
        } else {
            pieces.push_back(head.freeze());
            pieces.extend(self.bodies());
        }
        Frames { pieces }
    }

    fn bodies(&self) -> impl Iterator<Item = Bytes> {
        self.resources.iter().map(|resource| match self.variant {
            Variant::Delta => resource.delta_frame(),
            Variant::Sotw => resource.sotw_frame(),
        })
    }

    fn control_plane(&self) -> u32 {
        match self.variant {
            Variant::Delta => DELTA_CONTROL_PLANE,
            Variant::Sotw => SOTW_CONTROL_PLANE,
        }
    }

    fn head_len(&self) -> usize {
        let identity = field_len(CONTROL_PLANE_IDENTIFIER, self.identity.len());
        field_len(VERSION, self.version.len())
            + field_len(TYPE_URL, self.kind.type_url().len())
            + field_len(NONCE, self.nonce.len())
            + self.removed.iter().map(|name| field_len(DELTA_REMOVED, name.len())).sum::<usize>()
            + field_len(self.control_plane(), identity)
    }

    /// Writes all fields but the resources. `removed` is empty in state of the world, which has no such field.
    fn put_head(&self, head: &mut BytesMut) {
        put_field(VERSION, self.version.as_bytes(), head);
        put_field(TYPE_URL, self.kind.type_url().as_bytes(), head);
        put_field(NONCE, self.nonce.as_bytes(), head);
        self.removed.iter().for_each(|name| put_field(DELTA_REMOVED, name.as_bytes(), head));
        put_header(self.control_plane(), field_len(CONTROL_PLANE_IDENTIFIER, self.identity.len()), head);
        put_field(CONTROL_PLANE_IDENTIFIER, self.identity.as_bytes(), head);
    }
}

// === impl Frames ===

impl Iterator for Frames {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        self.pieces.pop_front()
    }
}

impl Frames {
    /// Whether every piece was taken.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}

fn field_len(field: u32, len: usize) -> usize {
    key_len(field) + encoded_len_varint(len as u64) + len
}

fn put_header(field: u32, len: usize, buf: &mut BytesMut) {
    encode_key(field, WireType::LengthDelimited, buf);
    encode_varint(len as u64, buf);
}

fn put_field(field: u32, value: &[u8], buf: &mut BytesMut) {
    put_header(field, value.len(), buf);
    buf.put_slice(value);
}
