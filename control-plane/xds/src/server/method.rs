use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use ferro_process::CancellationToken;
use ferro_xds_protos::{
    Kind,
    envoy::envoy::{
        config::core::v3::Node,
        service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest},
    },
};
use http::{HeaderValue, header::CONTENT_TYPE};
use tonic::{Streaming, body::Body, codec::Codec};
use tonic_prost::ProstCodec;
use tower::Service;
use tracing::{Instrument, debug_span};

use super::{Server, body::ResponseBody, connection::Peer, drive::Driver, link::Link};
use crate::{
    StreamScope, Variant,
    session::{Session, SessionError},
};

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// One gRPC method: its path, and what it carries.
#[derive(Debug)]
pub(super) struct Method {
    pub(super) path: &'static str,
    variant: Variant,
    scope: StreamScope,
}

/// The methods served. LDS lists its variants in another order than its siblings in Envoy's protos; here it does not.
pub(super) const METHODS: [Method; 17] = [
    sotw("/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources", StreamScope::Aggregated),
    delta("/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources", StreamScope::Aggregated),
    sotw("/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters", single(Kind::Cluster)),
    delta("/envoy.service.cluster.v3.ClusterDiscoveryService/DeltaClusters", single(Kind::Cluster)),
    sotw("/envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints", single(Kind::Endpoint)),
    delta("/envoy.service.endpoint.v3.EndpointDiscoveryService/DeltaEndpoints", single(Kind::Endpoint)),
    sotw("/envoy.service.listener.v3.ListenerDiscoveryService/StreamListeners", single(Kind::Listener)),
    delta("/envoy.service.listener.v3.ListenerDiscoveryService/DeltaListeners", single(Kind::Listener)),
    sotw("/envoy.service.route.v3.RouteDiscoveryService/StreamRoutes", single(Kind::Route)),
    delta("/envoy.service.route.v3.RouteDiscoveryService/DeltaRoutes", single(Kind::Route)),
    delta("/envoy.service.route.v3.VirtualHostDiscoveryService/DeltaVirtualHosts", single(Kind::VirtualHost)),
    sotw(
        "/envoy.service.extension.v3.ExtensionConfigDiscoveryService/StreamExtensionConfigs",
        single(Kind::ExtensionConfig),
    ),
    delta(
        "/envoy.service.extension.v3.ExtensionConfigDiscoveryService/DeltaExtensionConfigs",
        single(Kind::ExtensionConfig),
    ),
    sotw("/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets", single(Kind::Secret)),
    delta("/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets", single(Kind::Secret)),
    sotw("/envoy.service.runtime.v3.RuntimeDiscoveryService/StreamRuntime", single(Kind::Runtime)),
    delta("/envoy.service.runtime.v3.RuntimeDiscoveryService/DeltaRuntime", single(Kind::Runtime)),
];

/// What distinguishes the request messages of the two variants.
pub(super) trait Request: prost::Message + Default + 'static {
    /// The node, taken out.
    fn take_node(&mut self) -> Option<Node>;

    /// Hands the request to the session.
    fn hand_to(self, session: &mut Session, now: std::time::Instant) -> Result<(), SessionError>;
}

/// The tower service behind one method.
#[derive(Clone, Debug)]
pub(super) struct MethodService {
    server: Server,
    method: &'static Method,
}

const fn single(kind: Kind) -> StreamScope {
    StreamScope::Single(kind)
}

const fn sotw(path: &'static str, scope: StreamScope) -> Method {
    Method { path, variant: Variant::Sotw, scope }
}

const fn delta(path: &'static str, scope: StreamScope) -> Method {
    Method { path, variant: Variant::Delta, scope }
}

// === impl MethodService ===

impl MethodService {
    pub(super) fn new(server: Server, method: &'static Method) -> Self {
        Self { server, method }
    }

    fn open<R, B>(&self, request: http::Request<B>) -> http::Response<Body>
    where
        R: Request,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<tonic::codegen::StdError>,
    {
        let closer = request.extensions().get::<Peer>().map_or_else(CancellationToken::new, Peer::closer);
        let mut codec = ProstCodec::<(), R>::default();
        let limit = Some(self.server.shared.limits.request_bytes);
        let requests = Streaming::new_request(codec.decoder(), request.into_body(), None, limit);
        let stream = self.server.shared.next_stream();
        let link = Arc::new(Link::new(stream, Arc::clone(&self.server.shared.source)));
        let driver = Driver {
            shared: Arc::clone(&self.server.shared),
            link: Arc::clone(&link),
            variant: self.method.variant,
            scope: self.method.scope,
            closer,
        };
        // The task ends with its stream: the link tells it when the transport drops the body.
        tokio::spawn(driver.run(requests).instrument(debug_span!("xds", %stream)));
        let mut response = http::Response::new(Body::new(ResponseBody::new(link)));
        response.headers_mut().insert(CONTENT_TYPE, GRPC);
        response
    }
}

impl<B> Service<http::Request<B>> for MethodService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<tonic::codegen::StdError>,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let is_grpc = |value: &HeaderValue| value.as_bytes().starts_with(GRPC.as_bytes());
        if !request.headers().get(CONTENT_TYPE).is_some_and(is_grpc) {
            let mut response = http::Response::new(Body::empty());
            *response.status_mut() = http::StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return ready(Ok(response));
        }
        ready(Ok(match self.method.variant {
            Variant::Delta => self.open::<DeltaDiscoveryRequest, B>(request),
            Variant::Sotw => self.open::<DiscoveryRequest, B>(request),
        }))
    }
}

// === impl Request ===

impl Request for DeltaDiscoveryRequest {
    fn take_node(&mut self) -> Option<Node> {
        self.node.take()
    }

    fn hand_to(self, session: &mut Session, now: std::time::Instant) -> Result<(), SessionError> {
        session.on_delta_request(self, now)
    }
}

impl Request for DiscoveryRequest {
    fn take_node(&mut self) -> Option<Node> {
        self.node.take()
    }

    fn hand_to(self, session: &mut Session, now: std::time::Instant) -> Result<(), SessionError> {
        session.on_sotw_request(self, now)
    }
}
