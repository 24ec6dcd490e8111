//! The folders and files that are followed, and how the kernel is asked to tell about them.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tracing::warn;

use super::walk::is_policy_file;

#[cfg(test)]
mod tests;

/// The roots as absolute paths.
#[derive(Clone, Debug)]
pub(super) struct Roots(Vec<PathBuf>);

/// What is watched for which root.
#[derive(Debug, Default)]
pub(super) struct Watches {
    by_root: BTreeMap<PathBuf, Watched>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Watched {
    path: PathBuf,
    mode: RecursiveMode,
    /// Of the folder under the watch: one that was replaced has to be watched anew.
    device: u64,
    inode: u64,
}

// === impl Roots ===

impl Roots {
    /// Makes the roots absolute, by the current folder, without following links.
    pub(super) fn new(paths: &[PathBuf]) -> std::io::Result<Self> {
        paths.iter().map(std::path::absolute).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(PathBuf::as_path)
    }

    /// Whether `path` is a policy file under a root, or a root itself. A root that names a file may have any name.
    pub(super) fn accept(&self, path: &Path) -> bool {
        path.to_str().is_some()
            && self.iter().any(|root| match path.strip_prefix(root) {
                Ok(rest) if rest.as_os_str().is_empty() => true,
                Ok(rest) => is_policy_file(path) && !has_hidden_part(rest),
                Err(_) => false,
            })
    }

    /// Whether `path` is a root.
    pub(super) fn is_root(&self, path: &Path) -> bool {
        self.iter().any(|root| root == path)
    }

    /// Whether `path` is or was below a root that does not exist.
    pub(super) fn is_lost(&self, path: &Path) -> bool {
        self.iter().any(|root| path.starts_with(root) && fs::metadata(root).is_err())
    }

    /// Whether `path` is a folder above policy files, or may be one: under a root and not hidden.
    pub(super) fn may_hold(&self, path: &Path) -> bool {
        self.iter()
            .any(|root| path.strip_prefix(root).is_ok_and(|rest| !has_hidden_part(rest)) || root.starts_with(path))
    }
}

fn has_hidden_part(rest: &Path) -> bool {
    rest.components().any(|part| matches!(part, Component::Normal(name) if name.as_encoded_bytes().starts_with(b".")))
}

// === impl Watches ===

impl Watches {
    /// Watches what is not watched yet: roots that appeared or were replaced. Returns whether anything changed, so that
    /// what happened before the watch is looked at.
    pub(super) fn update(&mut self, watcher: &mut RecommendedWatcher, roots: &Roots) -> bool {
        let mut changed = false;
        for root in roots.iter() {
            let wanted = wanted_watch(root);
            if self.by_root.get(root) == wanted.as_ref() {
                continue;
            }
            if let Some(old) = self.by_root.remove(root)
                && !self.by_root.values().any(|other| other.path == old.path)
            {
                // It fails when the folder is gone, and the watch with it.
                let _ = watcher.unwatch(&old.path);
            }
            let Some(wanted) = wanted else { continue };
            match watcher.watch(&wanted.path, wanted.mode) {
                Ok(()) => {
                    self.by_root.insert(root.to_owned(), wanted);
                    changed = true;
                }
                Err(error) => {
                    warn!(path = %wanted.path.display(), %error, "cannot watch; changes are seen by the periodic look only");
                }
            }
        }
        changed
    }
}

/// A folder is watched with all below it. A file is watched through its folder, because a watch of the file itself would
/// stay with the old file when another is renamed over it. So is a root that is not there yet.
fn wanted_watch(root: &Path) -> Option<Watched> {
    let is_folder = fs::metadata(root).is_ok_and(|metadata| metadata.is_dir());
    let (path, mode) =
        if is_folder { (root, RecursiveMode::Recursive) } else { (root.parent()?, RecursiveMode::NonRecursive) };
    let metadata = fs::metadata(path).ok()?;
    Some(Watched { path: path.to_owned(), mode, device: metadata.dev(), inode: metadata.ino() })
}
