use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Process, start};

fn sleeper() -> Process {
    Process {
        name: "sleeper".to_owned(),
        argv: vec!["sleep".to_owned(), "60".to_owned()],
        env: BTreeMap::new(),
        netns: None,
    }
}

fn log() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("ferro-process-{}.log", std::process::id()))
}

#[test]
fn a_started_process_is_alive_until_it_is_stopped() {
    let record = start(&sleeper(), &log()).unwrap();
    assert!(record.alive());
    record.terminate();
    assert!(record.wait_end(Instant::now() + Duration::from_secs(10)));
    assert!(!record.alive());
}

#[test]
fn a_record_with_another_start_time_is_another_process() {
    let mut record = start(&sleeper(), &log()).unwrap();
    record.started += 1;
    assert!(!record.alive());
    record.started -= 1;
    record.terminate();
}

#[test]
fn a_record_tells_a_changed_command_line() {
    let record = start(&sleeper(), &log()).unwrap();
    assert!(record.matches(&sleeper()));
    assert!(!record.matches(&Process { argv: vec!["sleep".to_owned(), "61".to_owned()], ..sleeper() }));
    record.terminate();
}

#[test]
fn a_program_that_does_not_exist_is_named() {
    let process = Process { argv: vec!["no-such-program".to_owned()], ..sleeper() };
    assert!(format!("{:#}", start(&process, &log()).unwrap_err()).contains("no-such-program"));
}
