//! The folder in which the agent keeps Wasm modules for its Envoy, each under the SHA-256 of its content.
//!
//! A module enters by [`Modules::receive`]: it is written beside its final place, hashed on the way, and renamed only if
//! the hash is the one that was asked for; then nothing may write to it any more (mode 0444). A name in this folder is
//! therefore a promise about the content, and [`Modules::get`] checks it once per process, because disks break it.

use std::{
    collections::HashSet,
    fmt, fs, io,
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    str::FromStr,
};

use sha2::{Digest as _, Sha256};

#[cfg(test)]
mod tests;

/// The largest module an agent accepts (reliability.md, S19).
pub const MAX_MODULE_BYTES: u64 = 32 * 1024 * 1024;
/// How many modules stay in the folder; the ones in use stay in any case.
const KEPT_MODULES: usize = 4;
const EXTENSION: &str = "wasm";
const UNFINISHED: &str = "part";

/// The SHA-256 of a module.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleDigest([u8; 32]);

/// A text that is not 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a SHA-256 of 64 lower-case hexadecimal digits")]
pub struct InvalidDigest(String);

/// Why a module did not enter the folder.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// The bytes received are not the module that was asked for.
    #[error("module {wanted} was asked for and bytes of SHA-256 {received} were received")]
    WrongContent {
        /// The digest asked for.
        wanted: ModuleDigest,
        /// The digest of what came.
        received: ModuleDigest,
    },
    /// The module is larger than [`MAX_MODULE_BYTES`].
    #[error("module {0} is larger than {limit} MiB", limit = MAX_MODULE_BYTES / 1024 / 1024)]
    TooLarge(ModuleDigest),
    /// The folder cannot be written.
    #[error("module {digest} cannot be written to {path}", path = path.display())]
    Write {
        /// The module.
        digest: ModuleDigest,
        /// The file that was written.
        path: PathBuf,
        /// What the system says.
        #[source]
        reason: io::Error,
    },
}

/// The folder of modules.
#[derive(Debug)]
pub struct Modules {
    folder: PathBuf,
    /// What this process has seen with its own eyes; everything else is hashed before it is used.
    verified: HashSet<ModuleDigest>,
}

/// A module that is being received.
#[derive(Debug)]
pub struct Incoming {
    digest: ModuleDigest,
    hasher: Sha256,
    received: u64,
    file: fs::File,
    unfinished: Unfinished,
    target: PathBuf,
}

/// Removes the file of a module that did not arrive whole.
#[derive(Debug)]
struct Unfinished(PathBuf);

// === impl ModuleDigest ===

impl ModuleDigest {
    /// The digest of `content`.
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }
}

impl FromStr for ModuleDigest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidDigest(text.to_owned());
        let (pairs, odd) = text.as_bytes().as_chunks::<2>();
        let mut digest = [0; 32];
        if pairs.len() != digest.len() || !odd.is_empty() {
            return Err(invalid());
        }
        for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
            *byte = hex_digit(*high).zip(hex_digit(*low)).map(|(high, low)| high << 4 | low).ok_or_else(invalid)?;
        }
        Ok(Self(digest))
    }
}

impl fmt::Display for ModuleDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for ModuleDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

const fn hex_digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

// === impl Modules ===

impl Modules {
    /// Opens the folder, makes it if it is missing, and clears away what an earlier process did not finish.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o755).create(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == UNFINISHED) {
                fs::remove_file(path)?;
            }
        }
        Ok(Self { folder, verified: HashSet::new() })
    }

    /// The file of a module, if it is here and its content is what its name says. A file whose content is not is
    /// removed.
    pub fn get(&mut self, digest: ModuleDigest) -> Option<PathBuf> {
        let path = self.path(digest);
        if self.verified.contains(&digest) {
            return path.exists().then_some(path);
        }
        match digest_of_file(&path) {
            Ok(found) if found == digest => {
                self.verified.insert(digest);
                Some(path)
            }
            Ok(found) => {
                tracing::warn!(%digest, %found, "a kept Wasm module was damaged; it is removed and fetched again");
                // If the removal fails, the rename of the new copy replaces the file all the same.
                fs::remove_file(&path).ok();
                None
            }
            Err(_) => None,
        }
    }

    /// Starts to receive a module.
    ///
    /// # Errors
    /// [`ModuleError::Write`].
    pub fn receive(&self, digest: ModuleDigest) -> Result<Incoming, ModuleError> {
        let target = self.path(digest);
        let part = target.with_extension(UNFINISHED);
        // A fetch that was given up on may have left the file; with its mode it could not be opened again.
        fs::remove_file(&part).ok();
        let file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o444)
            .open(&part)
            .map_err(|reason| ModuleError::Write { digest, path: part.clone(), reason })?;
        Ok(Incoming { digest, hasher: Sha256::new(), received: 0, file, unfinished: Unfinished(part), target })
    }

    /// Removes the modules longest unused (by the time they were written) beyond the number that is kept; those
    /// `in_use` stay.
    pub fn prune(&mut self, in_use: &HashSet<ModuleDigest>) {
        let mut spare = self.spare_modules(in_use);
        spare.sort_by_key(|(_, written)| *written);
        let excess = (spare.len() + in_use.len()).saturating_sub(KEPT_MODULES).min(spare.len());
        for (digest, _) in spare.drain(..excess) {
            self.verified.remove(&digest);
            if let Err(error) = fs::remove_file(self.path(digest)) {
                tracing::warn!(%digest, %error, "an unused Wasm module cannot be removed");
            }
        }
    }

    fn spare_modules(&self, in_use: &HashSet<ModuleDigest>) -> Vec<(ModuleDigest, std::time::SystemTime)> {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let digest: ModuleDigest = entry.path().file_stem()?.to_str()?.parse().ok()?;
                let written = entry.metadata().ok()?.modified().ok()?;
                (!in_use.contains(&digest)).then_some((digest, written))
            })
            .collect()
    }

    fn path(&self, digest: ModuleDigest) -> PathBuf {
        self.folder.join(format!("{digest}.{EXTENSION}"))
    }
}

fn digest_of_file(path: &Path) -> io::Result<ModuleDigest> {
    let mut file = fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        let length = file.read(&mut chunk)?;
        let Some(read) = chunk.get(..length).filter(|read| !read.is_empty()) else {
            return Ok(ModuleDigest(hasher.finalize().into()));
        };
        hasher.update(read);
    }
}

// === impl Incoming ===

impl Incoming {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`ModuleError::TooLarge`], [`ModuleError::Write`].
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), ModuleError> {
        self.received = self.received.saturating_add(chunk.len() as u64);
        if self.received > MAX_MODULE_BYTES {
            return Err(ModuleError::TooLarge(self.digest));
        }
        self.hasher.update(chunk);
        self.file.write_all(chunk).map_err(|reason| self.write_error(reason))
    }

    /// Puts the module in its place if it is the one that was asked for.
    ///
    /// # Errors
    /// [`ModuleError::WrongContent`], [`ModuleError::Write`].
    pub fn finish(self, modules: &mut Modules) -> Result<PathBuf, ModuleError> {
        let received = ModuleDigest(self.hasher.clone().finalize().into());
        if received != self.digest {
            return Err(ModuleError::WrongContent { wanted: self.digest, received });
        }
        fs::rename(&self.unfinished.0, &self.target).map_err(|reason| self.write_error(reason))?;
        modules.verified.insert(self.digest);
        Ok(self.target.clone())
    }

    fn write_error(&self, reason: io::Error) -> ModuleError {
        ModuleError::Write { digest: self.digest, path: self.unfinished.0.clone(), reason }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After the rename there is nothing here any more; what is left of a failed one goes with the next start.
        fs::remove_file(&self.0).ok();
    }
}
