//! The files of the repository.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Every file that git tracks or would add, by its path from the top.
pub(crate) struct Repository {
    root: PathBuf,
    files: Vec<String>,
}

// === impl Repository ===

impl Repository {
    /// Asks git what there is.
    pub(crate) fn open() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace's folder");
        let mut safe = std::ffi::OsString::from("safe.directory=");
        safe.push(&root); // a container often checks out as another user than the one who tests
        let output = Command::new("git")
            .current_dir(&root)
            .arg("-c")
            .arg(safe)
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .output()
            .expect("git runs");
        assert!(output.status.success(), "git cannot list the files: {}", String::from_utf8_lossy(&output.stderr));
        let listed = String::from_utf8(output.stdout).expect("paths are UTF-8");
        let mut files: Vec<String> = listed.split_terminator('\0').map(str::to_owned).collect();
        files.retain(|file| root.join(file).is_file()); // one that is deleted and not yet committed is still tracked
        Self { root, files }
    }

    /// The top folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// All files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    /// The files whose names end so.
    pub(crate) fn ending<'a>(&'a self, end: &'a str) -> impl Iterator<Item = &'a str> {
        self.files().filter(move |file| file.ends_with(end))
    }

    /// A file's content, unless it is no text.
    pub(crate) fn text(&self, file: &str) -> Option<String> {
        String::from_utf8(fs::read(self.root.join(file)).expect("a listed file can be read")).ok()
    }

    /// The Rust files that people wrote, with their text.
    pub(crate) fn written(&self) -> impl Iterator<Item = (&str, String)> {
        let rust = self.ending(".rs").filter_map(|file| Some((file, self.text(file)?)));
        rust.filter(|(_, text)| !text.lines().take(3).any(|line| line.starts_with("//") && line.contains("@generated")))
    }
}

/// Whether a file holds tests only.
pub(crate) fn is_test(file: &str) -> bool {
    let mut parts = file.split('/');
    parts.next_back().is_some_and(|name| matches!(name, "tests.rs" | "testing.rs"))
        || parts.any(|folder| matches!(folder, "tests" | "benches"))
}
