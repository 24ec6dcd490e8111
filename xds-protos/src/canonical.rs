//! Deterministic encoding.
//!
//! prost encodes a proto map from a `std::collections::HashMap`, so the same message has as many encodings as its maps
//! have orders (measured: 200 equal clusters gave 12 encodings; control-plane-performance.md, trap 1). A version that is
//! a hash of the bytes would flap, and Envoy would rebuild what did not change. Sorting while encoding would need
//! another code generator; sorting afterwards needs only to know where the maps are, and permuting the entries of a map
//! changes no length on the way up. So [`sort_maps`] works in place on the encoded bytes.
//!
//! Where the maps are stands in [`schema`], generated from the descriptors `envoy-types` ships; a test regenerates it
//! and compares. Messages inside an `Any` are found by their type URL. A type the table lacks has no map below it.

use std::ops::Range;

use prost::Message;

use crate::Kind;

#[rustfmt::skip]
mod schema;
#[cfg(test)]
mod tests;

use self::schema::MESSAGES;

/// What stands below a field that leads to a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    /// A message, by its position in [`MESSAGES`].
    Message(u16),
    /// A map whose values lead to no further map.
    Map,
    /// A map of messages, by the position of the value type.
    MapOf(u16),
    /// A map of `google.protobuf.Any`.
    MapOfAny,
    /// A `google.protobuf.Any`.
    Any,
}

/// A message that leads to a map: its full name and the fields that do, by number.
type Entry = (&'static str, &'static [(u32, Field)]);

/// The value of a map entry has field number 2 (protobuf encoding, "Maps").
const MAP_VALUE: u32 = 2;
const ANY_TYPE_URL: u32 = 1;
const ANY_VALUE: u32 = 2;

/// Encodes a message of this kind; equal messages have equal bytes.
pub fn encode<M: Message>(kind: Kind, message: &M) -> Vec<u8> {
    let mut bytes = message.encode_to_vec();
    sort_maps(kind.type_url(), &mut bytes);
    bytes
}

/// Orders the entries of every map in `message`, the encoding of the type with this type URL.
///
/// Bytes that are no valid encoding are left as they are from the place where they stop making sense.
fn sort_maps(type_url: &str, message: &mut [u8]) {
    let name = type_url.rsplit_once('/').map_or(type_url, |(_, name)| name);
    if let Ok(at) = MESSAGES.binary_search_by(|entry| entry.0.cmp(name)) {
        sort_message(MESSAGES[at].1, message);
    }
}

fn sort_message(fields: &[(u32, Field)], message: &mut [u8]) {
    let mut run: Option<(u32, Vec<Range<usize>>)> = None;
    let mut at = 0;
    while let Some(found) = next_field(message, at) {
        if run.as_ref().is_some_and(|(tag, _)| *tag != found.tag) {
            order_run(message, run.take());
        }
        if let Some((_, field)) = fields.iter().find(|(tag, _)| *tag == found.tag) {
            sort_field(*field, &mut message[found.payload.clone()]);
            if matches!(field, Field::Map | Field::MapOf(_) | Field::MapOfAny) {
                run.get_or_insert_with(|| (found.tag, Vec::new())).1.push(at..found.payload.end);
            }
        }
        at = found.payload.end;
    }
    order_run(message, run);
}

fn sort_field(field: Field, payload: &mut [u8]) {
    match field {
        Field::Message(of) => sort_message(MESSAGES[usize::from(of)].1, payload),
        Field::Map => {}
        Field::MapOf(of) => sort_message(&[(MAP_VALUE, Field::Message(of))], payload),
        Field::MapOfAny => sort_message(&[(MAP_VALUE, Field::Any)], payload),
        Field::Any => sort_any(payload),
    }
}

fn sort_any(any: &mut [u8]) {
    let (mut url, mut value, mut at) = (0..0, 0..0, 0);
    while let Some(found) = next_field(any, at) {
        at = found.payload.end;
        match found.tag {
            ANY_TYPE_URL => url = found.payload,
            ANY_VALUE => value = found.payload,
            _ => {}
        }
    }
    // prost writes the URL first; another order is left alone rather than guessed at.
    if url.end > value.start {
        return;
    }
    let (head, tail) = any.split_at_mut(value.start);
    if let (Ok(url), Some(value)) = (std::str::from_utf8(&head[url]), tail.get_mut(..value.len())) {
        sort_maps(url, value);
    }
}

/// Sorts the adjacent entries of one map; their total length stays.
fn order_run(message: &mut [u8], run: Option<(u32, Vec<Range<usize>>)>) {
    let Some((_, entries)) = run else { return };
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return };
    if entries.is_sorted_by(|a, b| message[a.clone()] <= message[b.clone()]) {
        return;
    }
    let whole = first.start..last.end;
    let mut sorted: Vec<&[u8]> = entries.iter().map(|entry| &message[entry.clone()]).collect();
    sorted.sort_unstable();
    let sorted = sorted.concat();
    message[whole].copy_from_slice(&sorted);
}

/// One field on the wire. The payload of a scalar is its bytes after the key.
struct Found {
    tag: u32,
    payload: Range<usize>,
}

fn next_field(message: &[u8], at: usize) -> Option<Found> {
    let (key, start) = varint(message, at)?;
    let tag = u32::try_from(key >> 3).ok()?;
    let payload = match key & 7 {
        0 => start..varint(message, start)?.1,
        1 => start..start.checked_add(8)?,
        2 => {
            let (len, start) = varint(message, start)?;
            start..start.checked_add(usize::try_from(len).ok()?)?
        }
        5 => start..start.checked_add(4)?,
        _ => return None,
    };
    (payload.end <= message.len()).then_some(Found { tag, payload })
}

fn varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some((value, at));
        }
    }
    None
}
