use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::super::procfs;
use super::{Process, Record, end_all, start};

fn running(argv: &[&str]) -> Process {
    let argv = argv.iter().map(|word| (*word).to_owned()).collect();
    Process { name: "sleeper".to_owned(), argv, ..Process::default() }
}

fn sleeper() -> Process {
    running(&["sleep", "60"])
}

fn log() -> PathBuf {
    std::env::temp_dir().join(format!("ferro-process-{}.log", std::process::id()))
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

fn end(record: &Record) {
    record.terminate();
    assert!(record.wait_end(soon()));
}

fn children(record: &Record) -> Vec<i32> {
    procfs::others().filter(|stat| stat.parent == record.pid).map(|stat| stat.pid).collect()
}

#[test]
fn a_started_process_is_alive_until_it_is_stopped() {
    let record = start(&sleeper(), &log()).unwrap();
    assert!(record.alive());
    end(&record);
    assert!(!record.alive());
}

#[test]
fn a_record_with_another_start_time_is_another_process() {
    let mut record = start(&sleeper(), &log()).unwrap();
    record.started += 1;
    assert!(!record.alive() && !record.remains());
    record.started -= 1;
    end(&record);
}

#[test]
fn children_end_with_their_application() {
    let record = start(&running(&["sh", "-c", "sleep 60 & sleep 60 & wait"]), &log()).unwrap();
    while children(&record).len() < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let started = children(&record);
    end(&record);
    assert!(started.iter().all(|child| procfs::stat(*child).is_none()), "{started:?}");
}

#[test]
fn children_that_a_dead_application_left_behind_are_ended_too() {
    let record = start(&running(&["sh", "-c", "sleep 60 & sleep 0.1"]), &log()).unwrap();
    while record.alive() {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(record.remains());
    end(&record);
}

#[test]
fn a_record_tells_a_changed_command_line() {
    let record = start(&sleeper(), &log()).unwrap();
    assert!(record.matches(&sleeper()));
    assert!(!record.matches(&running(&["sleep", "61"])));
    end(&record);
}

#[test]
fn a_record_tells_a_process_that_is_to_live_in_another_namespace() {
    let mut record = start(&sleeper(), &log()).unwrap();
    let elsewhere = Process { netns: Some("nowhere-1".to_owned()), ..sleeper() };
    assert!(!record.matches(&elsewhere));
    record.netns = elsewhere.netns.clone();
    assert!(!record.matches(&elsewhere), "a namespace of that name was made anew; the process is in the old one");
    end(&record);
}

#[test]
fn a_record_tells_a_program_that_was_built_anew() {
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("program");
    std::fs::write(&binary, "old").unwrap();
    let process = Process { binaries: vec![binary.clone()], ..sleeper() };
    let record = start(&process, &log()).unwrap();
    assert!(record.matches(&process));
    std::fs::write(folder.path().join("new"), "new").unwrap();
    std::fs::rename(folder.path().join("new"), binary).unwrap();
    assert!(!record.matches(&process));
    end(&record);
}

#[test]
fn what_nobody_recorded_is_found_by_its_environment() {
    let (name, value) = ("FERRO_TEST_MARK", format!("mesh-{}", std::process::id()));
    let marked = Process { env: BTreeMap::from([(name.to_owned(), value.clone())]), ..sleeper() };
    let (ours, other) = (start(&marked, &log()).unwrap(), start(&sleeper(), &log()).unwrap());
    while !procfs::has_variable(ours.pid, name, &value) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(end_all(|pid| procfs::has_variable(pid, name, &value)), 1);
    assert!(!ours.alive() && other.alive());
    end(&other);
}

#[test]
fn a_program_that_does_not_exist_is_named() {
    let process = running(&["no-such-program"]);
    assert!(format!("{:#}", start(&process, &log()).unwrap_err()).contains("no-such-program"));
}
