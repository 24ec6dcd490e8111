use std::time::Duration;

use proptest::prelude::*;

use super::{BUCKETS, Histogram, bucket_of, upper_end};

#[test]
fn an_empty_histogram_answers_zero() {
    let empty = Histogram::new();
    assert_eq!((empty.quantile(0.99), empty.mean(), empty.max()), Default::default());
}

#[test]
fn the_biggest_value_has_the_last_bucket() {
    assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    assert_eq!(upper_end(BUCKETS - 1), u64::MAX);
}

proptest! {
    #[test]
    fn a_bucket_ends_at_most_a_thirty_second_above_its_values(value in any::<u64>(), shift in 0..64_u32) {
        let value = value >> shift;
        let end = upper_end(bucket_of(value));
        prop_assert!(end >= value);
        prop_assert!(end - value <= value / 32, "{value} in a bucket up to {end}");
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_samples(
        mut left in prop::collection::vec(0..10_000_000_u64, 1..200),
        right in prop::collection::vec(0..10_000_000_u64, 0..200),
        share in 0.0..1.0_f64,
    ) {
        let histogram_of = |samples: &[u64]| {
            let mut histogram = Histogram::new();
            samples.iter().for_each(|sample| histogram.add(Duration::from_micros(*sample)));
            histogram
        };
        let mut histogram = histogram_of(&left);
        histogram.merge(&histogram_of(&right));
        left.extend(right);
        left.sort_unstable();

        let rank = ((left.len() as f64 * share).ceil() as usize).max(1);
        let exact = left[rank - 1];
        let found = u64::try_from(histogram.quantile(share).as_micros()).expect("small");
        prop_assert!(found >= exact && found - exact <= exact / 32, "{found} for {exact}");
        prop_assert_eq!(histogram.max(), Duration::from_micros(left[left.len() - 1]));
    }
}
