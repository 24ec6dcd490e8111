//! Any bytes as a policy file: reading them ends without a panic, and every accepted object reads back as itself.

#![no_main]

use ferro_model::{Limits, MeshConfig, document};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let parsed = document::parse("fuzz.yaml", &text, &Limits::default());
    for finding in &parsed.diagnostics {
        assert!(!finding.to_string().contains('\n'), "one line a finding");
    }
    for (object, _) in &parsed.objects {
        let again = document::parse("again.yaml", &object.source_text, &Limits::default());
        let same = again.objects.first().is_some_and(|(same, _)| same.key == object.key && same.spec == object.spec);
        assert!(same, "{} reads back as itself: {}", object.key, object.source_text);
    }
    let _ = MeshConfig::parse("fuzz.yaml", &text);
});
