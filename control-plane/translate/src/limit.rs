//! How much one object may grow to.
//!
//! Hosts times routes, subsets times ports: a document of a megabyte can ask for hundreds of millions of resources. What is far
//! beyond any real configuration is not made but said.

/// The most that one object may yield of one thing: routes, clusters, listeners, conditions of a filter chain.
pub(crate) const MOST: usize = 50_000;

/// What is wrong with `left` times `right` of something; `None` if it is few enough.
pub(crate) fn exceeded(left: (usize, &str), right: (usize, &str), of: &str) -> Option<String> {
    let product = left.0.saturating_mul(right.0);
    (product > MOST).then(|| {
        format!("{} {} and {} {} make {product} {of}, and at most {MOST} are made", left.0, left.1, right.0, right.1)
    })
}

#[cfg(test)]
mod tests;
