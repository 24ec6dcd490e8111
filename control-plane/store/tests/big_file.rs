//! What is far past the limits costs its size in no memory. In a program of its own: the peak of the process is measured.

use std::fs::{self, File};

use ferro_model::{Limits, document};
use ferro_process::CancellationToken;
use ferro_store::source::file::{FileOptions, FileSource, Synced};
use ferro_store::{Store, StoreOptions};

const BIG: usize = 100_000_000;
/// What a store, its threads and a small policy may cost meanwhile, in KiB.
const SMALL: usize = 16 * 1024;
const SERVICE: &str =
    "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: ns}, spec: {ports: [{name: http, port: 80}]}}\n";

/// The most memory this process ever had, in KiB.
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}

#[tokio::test]
async fn a_file_of_100_mb_is_refused_in_bounded_memory_and_spoils_no_other() {
    let (policies, data) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    fs::write(policies.path().join("good.yaml"), SERVICE).expect("written");
    // A hole, not data: whoever reads it gets 100 MB of zeros.
    let big = policies.path().join("big.yaml");
    File::create(big).and_then(|file| file.set_len(u64::try_from(BIG).expect("small"))).expect("created");
    let before = peak();
    let store = Store::open(data.path(), StoreOptions::default()).expect("the store opens");
    let source = FileSource::new(&FileOptions::new(vec![policies.path().to_owned()]), store.clone()).expect("listens");
    let (mut status, stop) = (source.status(), CancellationToken::new());
    let running = tokio::spawn(source.run(stop.clone()));
    let status = status.wait_for(|status| status.synced == Synced::Yes).await.expect("running").clone();
    let cost = peak() - before;
    assert!(cost < SMALL, "{cost} KiB");
    let said: Vec<String> = status.diagnostics().map(ToString::to_string).collect();
    assert!(said.len() == 1 && said[0].contains("big.yaml") && said[0].contains(&BIG.to_string()), "{said:?}");
    assert_eq!(store.snapshot().iter().count(), 1);
    stop.cancel();
    running.await.expect("no panic").expect("an orderly end");

    let text = "a: b\n".repeat(BIG / 5);
    let before = peak();
    let parsed = document::parse("api", &text, &Limits::default());
    let cost = peak() - before;
    assert!(cost < SMALL, "{cost} KiB");
    assert!(parsed.objects.is_empty() && parsed.diagnostics[0].message.contains(&BIG.to_string()));
}
