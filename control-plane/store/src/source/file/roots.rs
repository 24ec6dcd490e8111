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

/// Links on the way to one root at most, as for the kernel; more are a circle.
const MAX_LINKS: usize = 40;

/// The roots as absolute paths.
#[derive(Clone, Debug)]
pub(super) struct Roots(Vec<PathBuf>);

/// What is watched.
#[derive(Debug, Default)]
pub(super) struct Watches {
    by_path: BTreeMap<PathBuf, Watched>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Watched {
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
        let wanted = wanted_watches(roots);
        self.by_path.retain(|path, watched| {
            let is_wanted = wanted.get(path) == Some(watched);
            if !is_wanted {
                // It fails when the folder is gone, and the watch with it.
                let _ = watcher.unwatch(path);
            }
            is_wanted
        });
        let mut changed = false;
        for (path, watched) in wanted {
            if self.by_path.contains_key(&path) {
                continue;
            }
            // With a slash at its end, as else the watcher skips a root that is a link.
            match watcher.watch(&path.join(""), watched.mode) {
                Ok(()) => {
                    self.by_path.insert(path, watched);
                    changed = true;
                }
                Err(error) => {
                    warn!(path = %path.display(), %error, "cannot watch; changes are seen by the periodic look only");
                }
            }
        }
        changed
    }

    /// Lets the next update watch `path` anew: it came, went or was exchanged, and its watch went with it.
    pub(super) fn drop_watch(&mut self, watcher: &mut RecommendedWatcher, path: &Path) {
        if self.by_path.remove(path).is_some() {
            // It fails when the watch is gone already.
            let _ = watcher.unwatch(path);
        }
    }
}

/// A folder is watched with all below it. A file is watched through its folder, because a watch of the file itself would
/// stay with the old file when another is renamed over it. So is every link that leads to a root, as mounted configuration
/// and checked out revisions are exchanged by such a link, and what is missing on the way to one.
fn wanted_watches(roots: &Roots) -> BTreeMap<PathBuf, Watched> {
    let (folders, others): (Vec<&Path>, Vec<&Path>) = roots.iter().partition(|root| root.is_dir());
    let turns: Vec<PathBuf> = roots.iter().flat_map(turns_to).collect();
    let places = turns.iter().map(PathBuf::as_path).chain(others).filter_map(Path::parent);
    let places = places.filter(|place| !folders.iter().any(|folder| place.starts_with(folder)));
    let recursive = folders.iter().map(|folder| (*folder, RecursiveMode::Recursive));
    let wanted = places.map(|place| (place, RecursiveMode::NonRecursive)).chain(recursive);
    wanted.filter_map(|(path, mode)| Some((path.to_owned(), Watched::of(path, mode)?))).collect()
}

/// The symbolic links that are followed on the way to `path`, which is absolute, and where the way ends early.
fn turns_to(path: &Path) -> Vec<PathBuf> {
    let parts = |path: &Path| path.components().rev().map(|part| part.as_os_str().to_owned()).collect::<Vec<_>>();
    let (mut turns, mut place, mut rest) = (Vec::new(), PathBuf::new(), parts(path));
    while let Some(part) = rest.pop() {
        match part.as_encoded_bytes() {
            b"." => {}
            b".." => drop(place.pop()),
            _ => place.push(part),
        }
        if fs::symlink_metadata(&place).is_ok_and(|metadata| !metadata.is_symlink()) {
            continue;
        }
        turns.push(place.clone());
        let Some(target) = fs::read_link(&place).ok().filter(|_| turns.len() < MAX_LINKS) else { break };
        place.pop();
        rest.extend(parts(&target));
    }
    turns
}

// === impl Watched ===

impl Watched {
    fn of(path: &Path, mode: RecursiveMode) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self { mode, device: metadata.dev(), inode: metadata.ino() })
    }
}
