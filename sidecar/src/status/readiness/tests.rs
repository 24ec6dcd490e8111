use super::{Facts, Listening, missing};
use crate::probes::state::Health;

fn ready() -> Facts {
    Facts { draining: false, listening: Listening::Yes, application: Health::Unknown }
}

#[test]
fn a_serving_envoy_is_enough_while_no_probe_fails() {
    assert!(missing(&ready()).is_empty());
    assert!(missing(&Facts { application: Health::Healthy, ..ready() }).is_empty());
}

#[test]
fn each_thing_that_is_missing_is_named() {
    let facts = Facts {
        draining: true,
        listening: Listening::No("Envoy is INITIALIZING".to_owned()),
        application: Health::Unhealthy("refused".to_owned()),
    };
    assert_eq!(missing(&facts), ["draining", "Envoy is INITIALIZING", "the application is unhealthy: refused"]);
}

#[test]
fn one_thing_missing_is_enough_not_to_be_ready() {
    assert_eq!(missing(&Facts { draining: true, ..ready() }).len(), 1);
    assert_eq!(missing(&Facts { listening: Listening::No(String::new()), ..ready() }).len(), 1);
    assert_eq!(missing(&Facts { application: Health::Unhealthy(String::new()), ..ready() }).len(), 1);
}
