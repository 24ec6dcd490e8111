//! A writer that stops in the middle of a file, a hundred times at other places: nothing of it is seen (reliability.md R4).

use std::{fs::File, io::Write, path::Path, time::Duration};

use ferro_process::CancellationToken;
use ferro_store::{
    Snapshot, Store,
    source::file::{FileOptions, FileSource, Synced},
};
use tokio::time::timeout;

use crate::support::{open, text, weights};

const DOCUMENTS: usize = 4;
const STOPS: u64 = 100;

fn whole(weight: u64) -> String {
    (0..DOCUMENTS).map(|number| text(&format!("x{number}"), weight)).collect::<Vec<_>>().join("---\n")
}

/// The weight that all objects have, and a panic if they differ or one is missing.
fn one_weight(snapshot: &Snapshot) -> u64 {
    let weights = weights(snapshot);
    let (_, first) = weights.first().expect("nothing is deleted");
    assert!(
        weights.len() == DOCUMENTS && weights.iter().all(|(_, weight)| weight == first),
        "a partial state: {weights:?}"
    );
    *first
}

async fn source_of(policies: &Path, store: &Store) -> CancellationToken {
    let options = FileOptions { rescan: Duration::from_millis(20), ..FileOptions::new(vec![policies.to_owned()]) };
    let source = FileSource::new(&options, store.clone()).expect("listens");
    let (mut status, stop) = (source.status(), CancellationToken::new());
    tokio::spawn(source.run(stop.clone()));
    status.wait_for(|status| status.synced == Synced::Yes).await.expect("running");
    stop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_writer_that_stops_half_way_nothing_is_seen() {
    let (policies, data) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let path = policies.path().join("a.yaml");
    std::fs::write(&path, whole(0)).expect("written");
    let store = open(data.path());
    let stop = source_of(policies.path(), &store).await;
    let mut snapshots = store.watch();
    for weight in 1..=STOPS {
        let text = whole(weight);
        let length = u64::try_from(text.len()).expect("short");
        let cut = usize::try_from(length * weight / (STOPS + 1)).expect("short");
        let mut file = File::create(&path).expect("opened");
        file.write_all(&text.as_bytes()[..cut]).expect("written");
        // Longer than the periodic look takes to come by.
        tokio::time::sleep(Duration::from_millis(25)).await;
        assert_eq!(one_weight(&store.snapshot()), weight - 1, "stopped after {cut} bytes");
        file.write_all(&text.as_bytes()[cut..]).expect("written");
        drop(file);
        let seen = snapshots.wait_for(|snapshot| one_weight(snapshot) == weight);
        timeout(Duration::from_secs(10), seen).await.expect("in time").expect("open");
    }
    assert_eq!(store.snapshot().revision().0, STOPS + 1);
    stop.cancel();
}
