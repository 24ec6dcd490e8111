//! Random scripts against the [`Model`](super::model::Model) client.

use proptest::{collection::vec, prelude::any, prop_oneof, proptest, strategy::Strategy};

use super::model::{Fate, KINDS, Model, NAMES, Step};

fn fate(bad: bool) -> impl Strategy<Value = Fate> {
    (0..10_u8).prop_map(move |dice| match dice {
        0..=5 => Fate::Good,
        6 | 7 => Fate::Gone,
        _ if bad => Fate::Bad,
        _ => Fate::Good,
    })
}

fn step(bad: bool) -> impl Strategy<Value = Step> {
    let place = || (0..KINDS.len(), 0..NAMES);
    let change = (0..KINDS.len(), 0..NAMES, fate(bad));
    prop_oneof![
        5 => vec(change, 1..6).prop_map(Step::Change),
        3 => place().prop_map(|(kind, name)| Step::Subscribe(kind, name)),
        1 => place().prop_map(|(kind, name)| Step::Unsubscribe(kind, name)),
        6 => any::<bool>().prop_map(|_| Step::Receive),
        6 => any::<bool>().prop_map(|_| Step::Answer),
        1 => any::<bool>().prop_map(|_| Step::Reconnect),
        1 => (0_u64..3000).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn a_client_ends_with_exactly_what_the_server_has(steps in vec(step(false), 1..60)) {
        let mut model = Model::new(true);
        steps.iter().for_each(|step| model.step(step));
        model.finish();
    }

    #[test]
    fn a_client_that_refuses_bad_resources_ends_with_all_good_ones(
        steps in vec(step(true), 1..60),
        names_the_culprit in any::<bool>(),
    ) {
        let mut model = Model::new(names_the_culprit);
        steps.iter().for_each(|step| model.step(step));
        model.finish();
    }
}
