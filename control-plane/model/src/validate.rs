//! What Istio refuses beyond types (the "rejected" columns of istio-coverage.md §1): one small rule a function.

use crate::fields::Context;
use crate::object::{ObjectKey, Spec};

/// Judges one object; findings go to the context.
pub(crate) fn object(_key: &ObjectKey, spec: &Spec, _context: &mut Context<'_>) {
    match spec {
        _ => {}
    }
}
