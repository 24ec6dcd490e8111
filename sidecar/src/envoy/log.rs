//! The file that takes Envoy's output, access log included, and its bound.
//!
//! Envoy keeps the file open under its descriptors, so renaming it would change nothing. As Envoy appends, the file can
//! be copied and then cut to nothing; the few lines written between the two are lost.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
};

#[cfg(test)]
mod tests;

/// A file longer than this is put aside; one older file is kept.
pub(super) const MAX_BYTES: u64 = 32 << 20;

/// Opens the file for appending.
pub(super) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Puts the content aside, as `<name>.1`, when there are more than `max_bytes`.
pub(super) fn bound(path: &Path, max_bytes: u64) -> io::Result<()> {
    if fs::metadata(path)?.len() <= max_bytes {
        return Ok(());
    }
    let mut aside = path.as_os_str().to_owned();
    aside.push(".1");
    fs::copy(path, aside)?;
    OpenOptions::new().write(true).open(path)?.set_len(0)
}
