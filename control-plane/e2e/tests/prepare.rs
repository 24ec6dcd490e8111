//! `.ci/prepare` on machines that lack something: every program it may call is a fake that notes how it was called.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A machine with nothing but what the script needs to look around.
struct Machine {
    folder: TempDir,
}

/// Notes the call, then does what follows.
const FAKE: &str = "#!/bin/bash\necho \"$(basename \"$0\") $*\" >> \"$FAKE_LOG\"\n";
/// What a script cannot do without; everything else is faked.
const REAL: [&str; 8] = ["bash", "basename", "cat", "chmod", "dirname", "env", "grep", "sed"];
/// What `.ci/prepare` looks for, but Rust.
const PRESENT: [&str; 5] = ["cc", "python3", "curl", "ip", "iptables"];

// === impl Machine ===

impl Machine {
    /// Everything is there, but Rust; `known` is what apt answers when asked for rustup.
    fn without_rust(user: u32, known: &str) -> Self {
        let machine = Self { folder: tempfile::tempdir().expect("a folder of our own") };
        for name in REAL {
            symlink(real(name), machine.bin(name)).expect("an empty folder");
        }
        PRESENT.iter().for_each(|name| machine.fake(name, ""));
        machine.fake("id", &format!("echo {user}"));
        machine.fake("apt-cache", &format!("printf '{known}'"));
        // Installing rustup puts both proxies there; the toolchain is still to come.
        let proxy =
            "printf '#!/bin/bash\\necho \"rustup $*\" >> \"$FAKE_LOG\"\\n[ \"$1\" != run ]\\n' > \"$FAKE_BIN/rustup\"";
        let install = format!(
            "case \"$*\" in *install*rustup*) {proxy}; cat \"$FAKE_BIN/rustup\" > \"$FAKE_BIN/cargo\";
            chmod +x \"$FAKE_BIN/rustup\" \"$FAKE_BIN/cargo\" ;; esac"
        );
        machine.fake("apt-get", &install);
        machine
    }

    fn bin(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn fake(&self, name: &str, then: &str) {
        fs::write(self.bin(name), format!("{FAKE}{then}\n")).expect("a folder of our own");
        fs::set_permissions(self.bin(name), fs::Permissions::from_mode(0o755)).expect("a file of our own");
    }

    /// Runs the script where nobody can answer; what it said, and what it called.
    fn prepare(&self) -> (Output, String) {
        let log = self.folder.path().join("calls.log");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/prepare");
        let output = Command::new(script)
            .env_clear()
            .env("PATH", self.folder.path())
            .env("HOME", self.folder.path())
            .env("FAKE_LOG", &log)
            .env("FAKE_BIN", self.folder.path())
            .stdin(Stdio::null())
            .output()
            .expect("the script runs");
        (output, fs::read_to_string(log).unwrap_or_default())
    }
}

fn real(name: &str) -> PathBuf {
    let folders = ["/bin", "/usr/bin"].map(|folder| Path::new(folder).join(name));
    folders.into_iter().find(|path| path.exists()).unwrap_or_else(|| panic!("{name} is on every machine"))
}

fn channel() -> String {
    let toolchain = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rust-toolchain.toml"));
    let toolchain = toolchain.expect("the workspace has one");
    let line = toolchain.lines().find_map(|line| line.strip_prefix("channel = "));
    line.expect("it names a channel").trim_matches('"').to_owned()
}

#[test]
fn rust_comes_from_the_distribution_where_it_has_rustup() {
    let (output, calls) = Machine::without_rust(0, "rustup - installer\\n").prepare();
    assert!(output.status.success(), "{output:?}\n{calls}");
    assert!(calls.contains("apt-get install -y -qq --no-install-recommends rustup\n"), "{calls}");
    assert!(calls.contains(&format!("rustup toolchain install {} ", channel())), "{calls}");
    assert!(calls.contains("rustup target add wasm32-unknown-unknown"), "{calls}");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("missing on this machine: rustup"),
        "it says so: {output:?}"
    );
}

#[test]
fn elsewhere_the_command_is_told_and_nothing_is_fetched_unasked() {
    let (output, calls) = Machine::without_rust(0, "").prepare();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("run:  curl") && said.contains("https://sh.rustup.rs"), "{said}");
    assert!(!calls.contains("curl") && !calls.contains("apt-get"), "{calls}");
}

#[test]
fn without_root_nothing_is_installed_unasked() {
    let (output, calls) = Machine::without_rust(1000, "rustup - installer\\n").prepare();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("run:  sudo apt-get install rustup"), "{said}");
    assert!(!calls.contains("apt-get"), "{calls}");
}
