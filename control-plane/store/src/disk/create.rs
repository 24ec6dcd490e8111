//! The first start: a file of the store's name is a whole store from the first moment on.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read},
    path::Path,
};

use tracing::warn;

use super::{OpenError, builder, format, not_opened};

/// The bytes at the start of every redb file.
const MAGIC_BYTES: u64 = 9;

/// Makes an empty store at `path` if none is there. It is made under another name first: whoever is killed meanwhile
/// leaves nothing that the next start could take for a damaged store.
pub(super) fn unless_there(path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Create { path: path.to_owned(), source };
    if is_made(path).map_err(failed)? {
        return Ok(());
    }
    let draft = path.with_extension("new");
    let file = File::options().read(true).write(true).create(true).truncate(false).open(&draft).map_err(failed)?;
    lock(&file, path)?;
    if is_made(path).map_err(failed)? {
        return Ok(());
    }
    file.set_len(0).map_err(failed)?;
    let database = builder().create_file(file).map_err(|error| not_opened(path, error))?;
    format::prepare(&database, path, &format::CURRENT)?;
    set_aside(path).map_err(failed)?;
    // Before the database is closed and its lock released.
    fs::rename(&draft, path).and_then(|()| sync_folder(path)).map_err(failed)
}

/// Whether `path` is more than the beginning of a database: redb writes the first bytes last.
fn is_made(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    match File::open(path).and_then(|file| file.take(MAGIC_BYTES).read_to_end(&mut start)) {
        Ok(_) => Ok(start.iter().any(|byte| *byte != 0)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Of two that start at once, one makes the store.
fn lock(file: &File, path: &Path) -> Result<(), OpenError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        // Where there are no locks, redb has none either.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        Err(TryLockError::Error(source)) => Err(OpenError::Create { path: path.to_owned(), source }),
    }
}

/// An older version made the file under its own name, and was killed before redb had finished it.
fn set_aside(path: &Path) -> io::Result<()> {
    let aside = path.with_extension("unfinished");
    match fs::rename(path, &aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => {
            warn!(path = %path.display(), aside = %aside.display(), "the store was never finished; starting an empty one");
            Ok(())
        }
    }
}

/// Makes a rename in the folder of `path` survive a loss of power.
fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
