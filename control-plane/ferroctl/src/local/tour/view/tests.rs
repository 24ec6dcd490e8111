use std::path::Path;

use super::{ACTS, Counts, rates};

#[test]
fn every_policy_that_takes_its_turn_is_one_of_the_sample() {
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../istio-manifests/samples/shop/policies");
    for act in ACTS {
        assert!(policies.join(format!("{}.yaml", act.policy)).is_file(), "{}", act.policy);
    }
}

#[test]
fn rates_are_growth_a_second_of_classes_that_were_met() {
    let counts = |ok: u64, failed: u64| -> Counts {
        [(("a".to_owned(), "2xx"), ok), (("a".to_owned(), "4xx"), 0), (("a".to_owned(), "5xx"), failed)].into()
    };
    assert_eq!(rates(&counts(100, 7), &counts(300, 7), 2.0), [["a", "2xx 100  5xx 0"]]);
    assert_eq!(rates(&Counts::new(), &counts(300, 0), 1.0), [["a", "2xx 0"]], "what was before is not known");
}
