//! The conformance checklist: one test a rule, named by its number and claim, against a scripted client.
//!
//! By default every test has a server of its own in this process. With `XDS_ADDRESS` the same tests talk to any xDS
//! server, changed through the program that `XDS_DRIVER` names (see [`world`]); run them with `--test-threads 1` then.

mod elsewhere;
mod flow;
mod identity;
mod limits;
mod nonces;
mod order;
mod responses;
mod samples;
mod subscriptions;
mod world;
