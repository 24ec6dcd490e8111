//! The sessions without a server: what needs a clock, and what random scripts find.

mod arbitrary_requests;
mod frames;
mod model;
mod properties;
mod rig;
mod sotw_model;
mod timing;
