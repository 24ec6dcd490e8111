use std::process::{Command, id};

use super::shutdown_token;

#[tokio::test]
async fn sigterm_cancels_the_token() {
    let token = shutdown_token().unwrap();
    assert!(!token.is_cancelled());
    let sent = Command::new("kill").args(["-TERM", &id().to_string()]).status().unwrap();
    assert!(sent.success());
    token.cancelled().await;
}
