use ferro_xds_protos::Kind;

/// Which gRPC services a client uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// One stream for all kinds.
    Aggregated,
    /// A stream for each kind, on its own service.
    SingleType,
}

/// The variant a path is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Variant {
    Sotw,
    Delta,
}

// === impl Service ===

impl Service {
    /// The path of the method that serves `kind`.
    pub(super) fn path(self, kind: Kind, variant: Variant) -> anyhow::Result<&'static str> {
        let (sotw, delta) = match self {
            Self::Aggregated => AGGREGATED,
            Self::SingleType => {
                single_type(kind).ok_or_else(|| anyhow::anyhow!("{kind:?} has no service of its own"))?
            }
        };
        let path = match variant {
            Variant::Sotw => sotw,
            Variant::Delta => delta,
        };
        anyhow::ensure!(!path.is_empty(), "{kind:?} has no service in this variant");
        Ok(path)
    }
}

const AGGREGATED: (&str, &str) = (
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
);

/// State of the world, delta.
fn single_type(kind: Kind) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        Kind::Cluster => (
            "/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters",
            "/envoy.service.cluster.v3.ClusterDiscoveryService/DeltaClusters",
        ),
        Kind::Endpoint => (
            "/envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints",
            "/envoy.service.endpoint.v3.EndpointDiscoveryService/DeltaEndpoints",
        ),
        Kind::Listener => (
            "/envoy.service.listener.v3.ListenerDiscoveryService/StreamListeners",
            "/envoy.service.listener.v3.ListenerDiscoveryService/DeltaListeners",
        ),
        Kind::Route => (
            "/envoy.service.route.v3.RouteDiscoveryService/StreamRoutes",
            "/envoy.service.route.v3.RouteDiscoveryService/DeltaRoutes",
        ),
        Kind::VirtualHost => ("", "/envoy.service.route.v3.VirtualHostDiscoveryService/DeltaVirtualHosts"),
        Kind::ExtensionConfig => (
            "/envoy.service.extension.v3.ExtensionConfigDiscoveryService/StreamExtensionConfigs",
            "/envoy.service.extension.v3.ExtensionConfigDiscoveryService/DeltaExtensionConfigs",
        ),
        Kind::Secret => (
            "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets",
            "/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets",
        ),
        Kind::Runtime => (
            "/envoy.service.runtime.v3.RuntimeDiscoveryService/StreamRuntime",
            "/envoy.service.runtime.v3.RuntimeDiscoveryService/DeltaRuntime",
        ),
        Kind::NameTable => return None,
    })
}
