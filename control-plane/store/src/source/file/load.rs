//! Reading one file, with everything that can be wrong before it is YAML.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use super::stamp::Stamp;

#[cfg(test)]
mod tests;

/// What came of reading a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Loaded {
    /// Its text.
    Text(String),
    /// It is not there, or a folder is in its place.
    Absent,
    /// It changed while it was read: look again later.
    Unstable,
    /// It cannot be taken.
    Refused(Refusal),
}

/// Why a file is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// It is larger than a policy file may be; it was not read.
    #[error("the file has {bytes} bytes; at most {limit} are read")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The policy files together are larger than they may be.
    #[error("the policy files together have more than {limit} bytes")]
    TooMuch {
        /// The limit.
        limit: u64,
    },
    /// It is a device, a pipe, a socket.
    #[error("it is not a regular file")]
    NotAFile,
    /// It is not text.
    #[error("the file is not UTF-8: byte {offset} begins no character")]
    NotUtf8 {
        /// Where.
        offset: usize,
    },
    /// The system refuses.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    /// It looks as a writer leaves it who stops in the middle.
    #[error("{0}")]
    HalfWritten(&'static str),
}

/// Reads `path` if it has at most `limit` bytes.
pub(super) fn load(path: &Path, limit: u64) -> (Option<Stamp>, Loaded) {
    match try_load(path, limit) {
        Ok((stamp, loaded)) => (Some(stamp), loaded),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (None, Loaded::Absent),
        Err(error) => (None, Loaded::Refused(Refusal::Unreadable(error.to_string()))),
    }
}

fn try_load(path: &Path, limit: u64) -> io::Result<(Stamp, Loaded)> {
    // Before opening: to open a pipe would wait for its writer.
    let metadata = fs::metadata(path)?;
    let stamp = Stamp::of(&metadata);
    if metadata.is_dir() {
        return Ok((stamp, Loaded::Absent));
    }
    if !metadata.is_file() {
        return Ok((stamp, Loaded::Refused(Refusal::NotAFile)));
    }
    if metadata.len() > limit {
        return Ok((stamp, Loaded::Refused(Refusal::TooLarge { bytes: metadata.len(), limit })));
    }
    let mut file = File::open(path)?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    (&mut file).take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if Stamp::of(&file.metadata()?) != stamp {
        return Ok((stamp, Loaded::Unstable));
    }
    let loaded = match String::from_utf8(bytes) {
        Ok(text) => Loaded::Text(text),
        Err(error) => Loaded::Refused(Refusal::NotUtf8 { offset: error.utf8_error().valid_up_to() }),
    };
    Ok((stamp, loaded))
}

/// How a text ends, remembered of the version in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// With a line break.
    WholeLine,
    /// In the middle of a line.
    PartLine,
}

/// How `text` ends.
pub(super) fn ending(text: &str) -> Ending {
    if text.ends_with('\n') { Ending::WholeLine } else { Ending::PartLine }
}

/// Why `text`, written over a version that is in force, looks like the beginning of a text whose writer was killed.
///
/// A writer that dies closes its file, so the kernel's word is not enough. What is left then ends in the middle of a line
/// in all but a few cases in a hundred; files whose last version did so too are taken as they are.
pub(super) fn half_written(text: &str, in_force: Ending) -> Option<Refusal> {
    if text.is_empty() {
        let reason =
            "the file is empty, as a writer leaves it who stops at once; delete the file to remove its objects";
        return Some(Refusal::HalfWritten(reason));
    }
    (in_force == Ending::WholeLine && ending(text) == Ending::PartLine).then_some(Refusal::HalfWritten(
        "the file ends in the middle of a line, as a writer leaves it who stops half way; end it with a line break, or \
         replace it by a rename",
    ))
}
