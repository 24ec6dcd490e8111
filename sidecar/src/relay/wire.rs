//! Reading and changing encoded protobuf messages in place.
//!
//! The relay hands resources on as ferrod encoded them. Decoding one into generated types and encoding it again would
//! lose every field our protos do not know yet; so the one string the relay changes is replaced in the bytes.

use std::ops::Range;

use prost::{
    DecodeError,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field},
};

#[cfg(test)]
mod tests;

/// One field of an encoded message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its number in the message.
    pub(crate) number: u32,
    /// Where the whole of it stands in the message, key included.
    pub(crate) span: Range<usize>,
    /// Where its content stands; `None` for numbers, which have no length of their own.
    pub(crate) content: Option<Range<usize>>,
}

/// The fields of an encoded message, in order. Ends after the first error.
pub(crate) fn fields(message: &[u8]) -> impl Iterator<Item = Result<Field, DecodeError>> + '_ {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let start = message.len() - rest.len();
        let field = next_field(&mut rest, message.len(), start);
        if field.is_err() {
            rest = &[];
        }
        Some(field)
    })
}

fn next_field(rest: &mut &[u8], total: usize, start: usize) -> Result<Field, DecodeError> {
    let (number, wire_type) = decode_key(rest)?;
    let mut after_length = *rest;
    let length = if wire_type == WireType::LengthDelimited { Some(decode_varint(&mut after_length)?) } else { None };
    skip_field(wire_type, number, rest, DecodeContext::default())?;
    // `skip_field` made sure that the content lies inside the message.
    let content_start = total - after_length.len();
    let content = length.and_then(|length| Some(content_start..content_start + usize::try_from(length).ok()?));
    Ok(Field { number, span: start..total - rest.len(), content })
}

/// The content of the field that `path` leads to, through nested messages; the last one where a field is repeated.
pub(crate) fn find<'a>(message: &'a [u8], path: &[u32]) -> Option<&'a [u8]> {
    let Some((number, deeper)) = path.split_first() else {
        return Some(message);
    };
    let field = last_field(message, *number)?;
    find(message.get(field.content?)?, deeper)
}

/// `message` with the content at `path` replaced; every other byte but the lengths around it stays as it was. `None` if
/// there is nothing at `path`.
pub(crate) fn replace(message: &[u8], path: &[u32], content: &[u8]) -> Option<Vec<u8>> {
    let Some((number, deeper)) = path.split_first() else {
        return Some(content.to_vec());
    };
    let field = last_field(message, *number)?;
    let inner = replace(message.get(field.content?)?, deeper, content)?;
    let mut changed = Vec::with_capacity(message.len() + content.len());
    changed.extend_from_slice(message.get(..field.span.start)?);
    encode_key(*number, WireType::LengthDelimited, &mut changed);
    encode_varint(inner.len() as u64, &mut changed);
    changed.extend_from_slice(&inner);
    changed.extend_from_slice(message.get(field.span.end..)?);
    Some(changed)
}

fn last_field(message: &[u8], number: u32) -> Option<Field> {
    fields(message).map_while(Result::ok).filter(|field| field.number == number && field.content.is_some()).last()
}
