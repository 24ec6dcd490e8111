use std::time::Duration;

use anyhow::bail;

use super::{wait, wait_while};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_wait_ends_with_the_last_error_of_what_it_waits_for() {
    let mut attempts = 0;
    let waited = wait(Duration::from_millis(120), || {
        attempts += 1;
        bail!("attempt {attempts}")
    });
    assert!(format!("{:#}", waited.unwrap_err()).ends_with(&format!("attempt {attempts}")));
    assert!(attempts > 1);
}

#[test]
fn a_wait_without_hope_ends_at_once() {
    let waited = wait_while(LONG, || bail!("it died"), || bail!("not yet"));
    assert_eq!(waited.unwrap_err().to_string(), "it died");
}

#[test]
fn an_answer_counts_only_while_the_one_it_should_come_from_is_alive() {
    assert!(wait_while(LONG, || bail!("it died, another answered"), || Ok(())).is_err());
}
