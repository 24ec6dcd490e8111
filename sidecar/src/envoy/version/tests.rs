use std::path::Path;

use super::{EnvoyVersion, VersionError, ask};

#[test]
fn the_second_part_of_the_line_is_the_version() {
    for line in [
        "/opt/a/envoy  version: 9e55/1.40.0/Clean/RELEASE/BoringSSL",
        "envoy version: 9e55/1.40.0-dev/Modified/DEBUG/x",
    ] {
        let version: EnvoyVersion = line.parse().unwrap();
        assert_eq!(version.to_string(), "1.40.0");
        assert_eq!(version.minor_version(), "1.40");
    }
}

#[test]
fn anything_else_is_shown() {
    for line in ["", "nginx/1.27", "version: a/b/c", "a/1.2.3/c", "version: a/1.2/c", "version: a/1.2.3.4/c"] {
        assert!(matches!(line.parse::<EnvoyVersion>(), Err(VersionError::Unexpected(_))), "{line:?}");
    }
}

#[tokio::test]
async fn a_program_that_is_no_envoy_is_noticed() {
    assert!(matches!(ask(Path::new("/bin/true")).await, Err(VersionError::Unexpected(_))));
    assert!(matches!(ask(Path::new("/nonexistent")).await, Err(VersionError::Run(_))));
}
