//! Killed with -9 while it commits: nothing that was acknowledged is lost (reliability.md R12).

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Write, stdout},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use ferro_store::owner::Owner;

use crate::support::{apply, open, weights};

const FOLDER: &str = "FERRO_STORE_CRASH_FOLDER";
const ROUNDS: u32 = 30;
const NAMES: u64 = 7;

/// Revision `n` gives the object of its turn the weight `n`, so a revision tells the whole content.
fn name_of(revision: u64) -> String {
    format!("name-{}", revision % NAMES)
}

fn content_at(revision: u64) -> Vec<(String, u64)> {
    let latest: BTreeMap<String, u64> = (1..=revision).map(|revision| (name_of(revision), revision)).collect();
    latest.into_iter().collect()
}

#[test]
#[ignore = "the process that the test below kills"]
fn a_process_that_commits_until_it_is_killed() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let store = open(Path::new(&folder));
    loop {
        let next = store.snapshot().revision().0 + 1;
        let committed = store.commit_blocking(apply(&Owner::Api, &name_of(next), next)).expect("committed");
        let mut out = stdout().lock();
        writeln!(out, "acknowledged {}", committed.revision).and_then(|()| out.flush()).expect("the parent listens");
    }
}

/// Lets the process commit for a while, kills it, and returns the last revision that it acknowledged.
fn commit_and_kill(folder: &Path, commits: usize) -> Option<u64> {
    let mut child = Command::new(env::current_exe().expect("this test"))
        .args(["--exact", "crash::a_process_that_commits_until_it_is_killed", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let revision = |line: String| line.rsplit_once("acknowledged ").and_then(|(_, number)| number.parse().ok());
    let mut last = lines.by_ref().filter_map(revision).take(commits).last();
    // In the middle of whatever it does next.
    std::thread::sleep(Duration::from_micros(u64::try_from(commits).expect("few") * 37 % 900));
    child.kill().expect("killed");
    last = lines.filter_map(revision).last().or(last);
    child.wait().expect("reaped");
    last
}

#[test]
fn every_acknowledged_revision_is_there_after_a_kill() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut before = 0;
    for round in 0..ROUNDS {
        let commits = usize::try_from(round * 7 % 23 + 1).expect("few");
        let acknowledged = commit_and_kill(folder.path(), commits).expect("it acknowledged something");
        assert!(acknowledged > before);
        let snapshot = open(folder.path()).snapshot();
        let revision = snapshot.revision().0;
        assert!(
            (acknowledged..=acknowledged + 1).contains(&revision),
            "round {round}: {acknowledged} was acknowledged, {revision} is there"
        );
        assert_eq!(weights(&snapshot), content_at(revision), "round {round}");
        before = revision;
    }
}
