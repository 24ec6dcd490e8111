//! Pure translation of mesh and proxy into Envoy resources.
//!
//! ```text
//!  Node ──► Proxy ──► views ──► View::Outbound, View::Local         who shares what
//!                                     │
//!  Change ──► impact ──► Dirty ──► Translation::update ──► Update   what is translated again, and what came of it
//!                                     │
//!               cluster  endpoint  listener  route  gateway  filter  name_table
//! ```
//! Nothing here reads a clock, a file or a global; what a translation depends on stands in [`Input`] and in the key of the
//! [`View`]. A [`Translation`] remembers what each unit of a view yielded, so that a change costs what it touches.

mod cluster;
mod destination;
mod endpoint;
mod filter;
mod finding;
mod gateway;
mod impact;
mod l4;
mod limit;
mod listener;
mod local;
mod name_table;
mod names;
mod outbound;
mod output;
mod parts;
mod pb;
mod proxy;
mod route;
mod settings;
mod tables;
mod translation;
mod unit;
mod view;

pub use finding::{Code, Finding};
pub use impact::{Impact, impact};
pub use proxy::{Capture, InvalidNode, Proxy, ProxyKind, Variant};
pub use settings::{InvalidHash, ModuleHash, Settings};
pub use translation::{Input, Translation, Update};
pub use unit::Dirty;
pub use view::{Application, Binding, InboundPort, IpFamilies, LocalKey, OutboundKey, View, Views, views};
