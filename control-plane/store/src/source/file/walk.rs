//! Which policy files a set of roots holds.

use std::{
    collections::BTreeMap,
    fs::{self, Metadata},
    path::{Path, PathBuf},
};

#[cfg(test)]
mod tests;

/// Folders within folders at most: a deeper tree is somebody's mistake.
const MAX_DEPTH: usize = 32;

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Policy files in the order of their paths.
    pub(super) files: BTreeMap<PathBuf, Metadata>,
    /// What could not be looked into, and why. Files below it are not known to be gone.
    pub(super) unreadable: BTreeMap<PathBuf, String>,
    /// Files left out because there are more than the limit.
    pub(super) left_out: usize,
}

// === impl Found ===

impl Found {
    /// Whether the walk could have seen `path`, so that its absence means that it is gone.
    pub(super) fn covers(&self, path: &Path) -> bool {
        self.left_out == 0 && !self.unreadable.keys().any(|unreadable| path.starts_with(unreadable))
    }

    fn visit(&mut self, path: PathBuf, depth: usize, limit: usize) {
        if path.to_str().is_none() {
            // Names are shown, stored and compared as text.
            self.unreadable.insert(path, "its name is not UTF-8".to_owned());
            return;
        }
        // Through symbolic links for files, as mounted configuration is full of them, but not for folders: a link to a
        // parent would never end.
        let is_link = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink());
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() && (depth == 0 || !is_link) => self.visit_folder(&path, depth, limit),
            Ok(metadata) if metadata.is_file() && (depth == 0 || is_policy_file(&path)) => {
                if self.files.len() < limit {
                    self.files.insert(path, metadata);
                } else {
                    self.left_out += 1;
                }
            }
            Ok(_) => {}
            // Gone between the listing and the look, or a link to nothing: absent either way. A root must exist.
            Err(error) if depth > 0 && error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                self.unreadable.insert(path, error.to_string());
            }
        }
    }

    fn visit_folder(&mut self, path: &Path, depth: usize, limit: usize) {
        if depth > MAX_DEPTH {
            self.unreadable.insert(path.to_owned(), format!("nested deeper than {MAX_DEPTH} folders"));
            return;
        }
        let children = fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        match children {
            Ok(mut children) => {
                // The order decides which files are left out past the limit.
                children.sort_by_key(fs::DirEntry::file_name);
                for child in children.iter().filter(|child| !is_hidden(Path::new(&child.file_name()))) {
                    self.visit(child.path(), depth + 1, limit);
                }
            }
            Err(error) if depth > 0 && error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                self.unreadable.insert(path.to_owned(), error.to_string());
            }
        }
    }
}

/// Lists the policy files of `roots`, which are folders or single files of any name, up to `limit` files.
pub(super) fn walk<'a>(roots: impl IntoIterator<Item = &'a Path>, limit: usize) -> Found {
    let mut found = Found::default();
    for root in roots {
        found.visit(root.to_owned(), 0, limit);
    }
    found
}

/// Whether a path names a policy file: `*.yaml`, `*.yml`, `*.json`, not hidden.
pub(super) fn is_policy_file(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("yaml" | "yml" | "json")) && !is_hidden(path)
}

/// Whether the last part of a path starts with a dot, as editors' temporary files do.
pub(super) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}
