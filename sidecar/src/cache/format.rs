//! The bytes of the last-known-good file.

use std::{
    io::{self, Write},
    sync::Arc,
};

use ferro_xds_protos::{Kind, Resource};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::{CacheKey, MAX_FILE_BYTES, Saved, Unusable};
use crate::relay::wire;

const MAGIC: &[u8; 8] = b"ferrolkg";
/// Raised when an older agent could misread the file.
pub(super) const VERSION: u32 = 1;
const CHECKSUM_BYTES: usize = 8;

// Field numbers of `DeltaDiscoveryResponse`, its `Resource`, and `Any`.
const RESOURCES: u32 = 2;
const NAME: u32 = 3;
const RESOURCE_VERSION: u32 = 1;
const BODY_VALUE: [u32; 2] = [2, 2];

/// Passes bytes on and hashes them.
struct Hashing<W> {
    inner: W,
    hash: Xxh3,
    written: u64,
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

pub(super) fn write<'a, W, I>(out: W, key: &CacheKey, saved_at: u64, sections: I) -> io::Result<()>
where
    W: Write,
    I: IntoIterator<Item = &'a (Kind, Vec<Resource>)>,
{
    let mut out = Hashing { inner: out, hash: Xxh3::new(), written: 0 };
    out.put(MAGIC)?;
    out.put(&VERSION.to_le_bytes())?;
    out.put(&saved_at.to_le_bytes())?;
    for (_, part) in key.parts() {
        out.put_text(part)?;
    }
    for (kind, resources) in sections {
        out.put_text(kind.type_url())?;
        let length: usize = resources.iter().map(|resource| resource.delta_frame().len()).sum();
        out.put(&(length as u64).to_le_bytes())?;
        for resource in resources {
            out.put(&resource.delta_frame())?;
        }
    }
    let checksum = out.hash.digest().to_le_bytes();
    out.inner.write_all(&checksum)?;
    out.inner.flush()
}

pub(super) fn read(file: &[u8], key: &CacheKey) -> Result<Saved, Unusable> {
    let mut whole = Reader(file);
    if whole.take(MAGIC.len()).ok() != Some(MAGIC) {
        return Err(Unusable::Foreign);
    }
    let found = whole.u32()?;
    if found != VERSION {
        return Err(Unusable::Format { found });
    }
    let (content, checksum) = file.split_last_chunk::<CHECKSUM_BYTES>().ok_or(Unusable::Damaged)?;
    if u64::from_le_bytes(*checksum) != xxh3_64(content) {
        return Err(Unusable::Damaged);
    }
    let mut rest = Reader(content);
    rest.take(MAGIC.len() + size_of_val(&VERSION))?;
    let unix_millis = rest.u64()?;
    for (part, ours) in key.parts() {
        let found = rest.text()?;
        if found != ours {
            return Err(Unusable::OtherOwner { part, found: found.to_owned(), ours: ours.to_owned() });
        }
    }
    Ok(Saved { unix_millis, resources: sections(rest)? })
}

fn sections(mut rest: Reader<'_>) -> Result<Vec<(Kind, Resource)>, Unusable> {
    let mut resources = Vec::new();
    while !rest.0.is_empty() {
        let type_url = rest.text()?;
        let length = usize::try_from(rest.u64()?).map_err(|_| Unusable::Damaged)?;
        let entries = rest.take(length)?;
        // A kind that only a newer agent knows is of no use to this one.
        let Some(kind) = Kind::from_type_url(type_url) else {
            continue;
        };
        for entry in wire::fields(entries) {
            let content = entry.ok().filter(|field| field.number == RESOURCES).and_then(|field| field.content);
            let entry = content.and_then(|content| entries.get(content)).ok_or(Unusable::Damaged)?;
            resources.push((kind, resource(kind, entry).ok_or(Unusable::Damaged)?));
        }
    }
    Ok(resources)
}

fn resource(kind: Kind, entry: &[u8]) -> Option<Resource> {
    let text = |number| -> Option<Arc<str>> { Some(str::from_utf8(wire::find(entry, &[number])?).ok()?.into()) };
    let value = wire::find(entry, &BODY_VALUE).unwrap_or_default();
    Some(Resource::from_parts(kind.type_url(), text(NAME)?, text(RESOURCE_VERSION)?, value))
}

// === impl Hashing ===

impl<W: Write> Hashing<W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        if self.written > MAX_FILE_BYTES {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the configuration is larger than a cache file"));
        }
        self.hash.update(bytes);
        self.inner.write_all(bytes)
    }

    fn put_text(&mut self, text: &str) -> io::Result<()> {
        let length = u32::try_from(text.len()).map_err(io::Error::other)?;
        self.put(&length.to_le_bytes())?;
        self.put(text.as_bytes())
    }
}

// === impl Reader ===

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Unusable> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Unusable::Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], Unusable> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(Unusable::Damaged)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u32(&mut self) -> Result<u32, Unusable> {
        self.chunk().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Unusable> {
        self.chunk().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Result<&'a str, Unusable> {
        let length = usize::try_from(self.u32()?).map_err(|_| Unusable::Damaged)?;
        str::from_utf8(self.take(length)?).map_err(|_| Unusable::Damaged)
    }
}
