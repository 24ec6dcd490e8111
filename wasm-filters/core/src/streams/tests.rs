use std::collections::BTreeMap;
use std::vec::Vec;

use proptest::prelude::*;

use super::{FIRST_SLOTS, SLOT_LIMIT, Streams};

#[test]
fn a_stream_is_remembered_until_it_is_removed() {
    let mut streams = Streams::new();
    streams.insert(7, 'a');
    assert_eq!(streams.remove(7), Some('a'));
    assert_eq!(streams.remove(7), None);
}

#[test]
fn short_streams_beside_long_ones_do_not_grow_the_table() {
    let mut streams = Streams::new();
    streams.insert(1, 0_u32);
    for id in 2..100_000 {
        streams.insert(id, id);
        assert_eq!(streams.remove(id), Some(id));
    }
    assert_eq!(streams.slots.len(), FIRST_SLOTS);
    assert_eq!(streams.remove(1), Some(0));
}

#[test]
fn beyond_the_limit_the_oldest_streams_are_forgotten() {
    let mut streams = Streams::new();
    let total = u32::try_from(SLOT_LIMIT).expect("small") + 1000;
    for id in 1..=total {
        streams.insert(id, ());
    }
    assert_eq!(streams.slots.len(), SLOT_LIMIT);
    let known: Vec<_> = (1..=total).filter(|id| streams.remove(*id).is_some()).collect();
    assert_eq!(known, (1001..=total).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn below_the_limit_it_is_a_map(steps in prop::collection::vec((any::<bool>(), 0..3000_u32, any::<u8>()), 0..3000)) {
        let mut streams = Streams::new();
        let mut model = BTreeMap::new();
        for (insert, id, value) in steps {
            if insert {
                streams.insert(id, value);
                model.insert(id, value);
            } else {
                prop_assert_eq!(streams.remove(id), model.remove(&id));
            }
        }
        for (id, value) in model {
            prop_assert_eq!(streams.remove(id), Some(value));
        }
    }
}
