//! What `-f` names: files, folders, standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Every file that is meant, those of a folder in the order of their names.
pub(crate) fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let mut inside: Vec<PathBuf> = std::fs::read_dir(path)?.flatten().map(|entry| entry.path()).collect();
            inside.retain(|file| {
                file.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|wanted| end == *wanted))
            });
            inside.sort();
            files.extend(inside);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// The text of one of them; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<String> {
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    }
    Ok(text)
}
