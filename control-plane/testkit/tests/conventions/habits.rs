//! Habits of the source that no lint of rustc or clippy holds as we want it.

use crate::{
    hold,
    repository::{Repository, is_test},
};

/// Pure cores, as the picture calls them; and the two files that are none, with what they are.
const PURE: [&str; 8] = [
    "control-plane/api/src/",
    "control-plane/model/src/",
    "control-plane/translate/src/",
    "control-plane/xds/src/session.rs",
    "control-plane/xds/src/session/",
    "control-plane/xds/src/snapshot",
    "wasm-filters/core/src/",
    "xds-protos/src/",
];
const IMPURE: [&str; 2] = [
    "control-plane/model/src/bin/", // a program that walks folders of documents
    "xds-protos/src/testing.rs",    // a feature for tests: asks Cargo where the descriptors are
];
/// What a pure core has no word for.
const EFFECTS: [&str; 12] = [
    "SystemTime::now",
    "Instant::now",
    "std::env::",
    "std::fs",
    "std::process",
    "std::thread",
    "TcpStream",
    "UdpSocket",
    "tokio::",
    "async fn",
    ".await",
    "thread_local!",
];

#[test]
fn pure_cores_touch_nothing_outside_them() {
    let rule = "take it as a parameter; what drives the core has the clock, the files and the sockets";
    hold(rule, &lines(is_pure, |line| EFFECTS.into_iter().find(|effect| line.contains(effect))));
}

fn is_pure(file: &str) -> bool {
    PURE.iter().any(|folder| file.starts_with(folder))
        && !IMPURE.iter().any(|other| file.starts_with(other))
        && !is_test(file)
}

#[test]
fn nothing_is_imported_by_a_star() {
    let glob =
        |line: &str| line.starts_with("use ") || line.starts_with("pub use ") || line.starts_with("pub(crate) use ");
    let star = |line: &str| (glob(line) && line.ends_with("::*;") && line != PROPTEST).then_some("import by name");
    hold("a reader must see where a name comes from", &lines(|_| true, star));
}

/// The one prelude: its macros need names that nobody writes.
const PROPTEST: &str = "use proptest::prelude::*;";

#[test]
fn a_lint_is_expected_with_a_reason_never_allowed() {
    let allows = |line: &str| (line.starts_with("#[allow(") || line.starts_with("#![allow(")).then_some("#[allow]");
    hold("write #[expect(.., reason = \"..\")]: it goes when its cause does", &lines(|_| true, allows));
}

#[test]
fn tests_are_named_as_claims() {
    let prefixed = |line: &str| (line.starts_with("fn test_") || line.starts_with("async fn test_")).then_some("test_");
    hold("say what holds, without `test_`", &lines(|_| true, prefixed));
}

/// Where a line of code of these files shows something: `file:line: what`.
fn lines(chosen: impl Fn(&str) -> bool, shows: impl Fn(&str) -> Option<&'static str>) -> Vec<String> {
    let repository = Repository::open();
    let mut found = Vec::new();
    for (file, text) in repository.written().filter(|(file, _)| chosen(file)) {
        for (number, line) in (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.starts_with("//")) {
            found.extend(shows(line).map(|what| format!("{file}:{number}: {what}")));
        }
    }
    found
}
