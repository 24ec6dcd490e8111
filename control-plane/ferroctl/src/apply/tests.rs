use ferro_api::{Applied, Outcome};

use super::in_force;

fn applied(outcome: Outcome) -> Applied {
    Applied { object: "AuthorizationPolicy shop/deny".to_owned(), outcome }
}

#[test]
fn what_is_in_force_is_no_error() {
    let all = [Outcome::Created, Outcome::Configured, Outcome::Unchanged].map(applied);
    assert!(in_force(&all).is_ok());
    assert!(in_force(&[]).is_ok());
}

#[test]
fn what_is_refused_or_not_supported_is_an_error_that_names_it() {
    for (outcome, reason) in [(Outcome::Refused, "refused"), (Outcome::Unsupported, "not supported yet")] {
        let error = in_force(&[applied(Outcome::Created), applied(outcome)]).unwrap_err().to_string();
        assert!(error.contains(reason) && error.ends_with(": AuthorizationPolicy shop/deny"), "{error}");
    }
}
