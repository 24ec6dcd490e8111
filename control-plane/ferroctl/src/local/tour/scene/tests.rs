use std::process::Command;

use super::{Driver, Report};
use crate::local::procfs;

#[test]
fn a_driver_does_not_outlive_whoever_waits_for_it() {
    let mut command = Command::new("sleep");
    command.arg("60");
    let driver = Driver::start(command).unwrap();
    let pid = i32::try_from(driver.0.id()).unwrap();
    assert!(procfs::stat(pid).is_some());
    drop(driver);
    assert!(procfs::stat(pid).is_none());
}

#[test]
fn a_driver_reports_what_it_printed_unless_it_failed() {
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Driver::start(command).unwrap().finish::<Vec<u32>>()
    };
    assert_eq!(shell("echo '[1, 2]'").unwrap(), [1, 2]);
    assert!(shell("echo '[1, 2]'; exit 3").unwrap_err().to_string().contains('3'));
}

#[test]
fn reports_add_up() {
    let report = |v1: u64| Report {
        requests: 10,
        versions: [("v1".to_owned(), v1), ("v2".to_owned(), 10 - v1)].into(),
        ..Report::default()
    };
    let mut sum = report(9);
    sum.add(report(8));
    assert_eq!((sum.requests, sum.version("v1"), sum.version("v2")), (20, 17, 3));
}
