//! Istio's traffic policy, typed: the fields of `networking.istio.io`, under their own names
//! (<https://istio.io/latest/docs/reference/config/networking/>).

mod common;
mod destination_rule;
mod gateway;
mod service_entry;
mod sidecar;
mod virtual_service;
mod workload;

pub use common::{Destination, HeaderOperations, Headers, Percent, Port, PortSelector, StringMatch, WorkloadSelector};
pub use destination_rule::{
    ClientTlsMode, ClientTlsSettings, ConnectionPool, ConsistentHash, CookieAttribute, DestinationRule, Distribute,
    Failover, H2UpgradePolicy, HttpCodeRange, HttpCookie, HttpKeepAlive, HttpSettings, LoadBalancer, LocalityLbSetting,
    Maglev, OutlierDetection, Percentage, PortTrafficPolicy, ProxyProtocol, ProxyProtocolVersion, RetryBudget,
    RingHash, SimpleLb, Subset, TcpKeepalive, TcpSettings, TrafficPolicy, TunnelSettings, Warmup, ZoneAwareLbSetting,
};
pub use gateway::{Gateway, Server, ServerPort, ServerTlsMode, ServerTlsSettings, TlsCertificate, TlsVersion};
pub use service_entry::{Location, Resolution, ServiceEntry, ServicePort};
pub use sidecar::{
    CaptureMode, EgressProxy, IstioEgressListener, IstioIngressListener, OutboundMode, OutboundTrafficPolicy, Sidecar,
};
pub use virtual_service::{
    CorsPolicy, Delegate, DirectResponse, Fault, FaultAbort, FaultDelay, HeaderMatch, HttpBody, HttpMatchRequest,
    HttpMirror, HttpRedirect, HttpRetry, HttpRewrite, HttpRoute, HttpRouteDestination, L4MatchAttributes, RedirectPort,
    RegexRewrite, RouteDestination, TcpRoute, TlsMatchAttributes, TlsRoute, UnmatchedPreflights, VirtualService,
    grpc_status,
};
pub use workload::{
    ExecAction, GrpcAction, Health, HealthCondition, HttpGetAction, HttpHeader, ObjectTemplate, Probe, TcpSocketAction,
    WorkloadEntry, WorkloadGroup, WorkloadTemplate,
};

use crate::context::Context;
use crate::fields::{FromNode, field, unknown_fields};
use crate::node::Node;

/// The fields every document may have besides its own.
const DOCUMENT: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];

/// Reads `spec`, which Istio's kinds require.
fn spec<T: FromNode>(document: &Node, context: &mut Context<'_>) -> Option<T> {
    unknown_fields(document, &DOCUMENT, context)?;
    field(document, "spec", context)
}

macro_rules! documents {
    ($($kind:ident),+) => { $(
        impl $kind {
            pub(crate) fn from_document(document: &Node, context: &mut Context<'_>) -> Option<Self> {
                spec(document, context)
            }
        }
    )+ };
}

documents!(VirtualService, DestinationRule, ServiceEntry, WorkloadGroup, Sidecar, Gateway);
