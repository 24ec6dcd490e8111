//! Translation as a whole: golden pairs, requests walked over the result, a real Envoy's opinion, and incremental updates.

mod case;
mod dump;
mod envoy;
mod golden;
mod incremental;
mod invariants;
mod limits;
mod walk;
mod world;
