//! What is said about bad files, word for word: `diagnostics/<case>.yaml` and the reviewed text beside it.

use std::fmt::Write as _;
use std::path::Path;

use ferro_model::{Limits, document};

#[test]
fn bad_files_are_explained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    let mut cases: Vec<_> =
        folder.read_dir().expect("the cases are here").map(|entry| entry.expect("readable").path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    cases.sort();
    assert!(cases.len() >= 4, "{cases:?}");
    for case in cases {
        let name = case.file_stem().and_then(|stem| stem.to_str()).expect("cases have plain names");
        let text = std::fs::read_to_string(&case).expect("the case is text");
        insta::with_settings!({ snapshot_path => &folder, prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, explain(&format!("{name}.yaml"), &text));
        });
    }
}

/// What a person is shown: every finding, then what became of the documents.
fn explain(file: &str, text: &str) -> String {
    let parsed = document::parse(file, text, &Limits::default());
    let mut shown = String::new();
    for finding in &parsed.diagnostics {
        writeln!(shown, "{finding}").expect("strings take everything");
    }
    for (object, location) in &parsed.objects {
        writeln!(shown, "accepted: {} ({location})", object.key).expect("strings take everything");
    }
    for other in &parsed.unsupported {
        writeln!(shown, "not supported: {} {} {} ({})", other.api_version, other.kind, other.name, other.location)
            .expect("strings take everything");
    }
    shown
}
