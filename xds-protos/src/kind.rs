/// A type of resource that xDS carries, in the order one push sends them: make before break
/// (Envoy `xds_protocol.rst`, "Eventual consistency considerations"; reliability.md rule 38).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// CDS: upstream clusters.
    Cluster,
    /// EDS: the endpoints of a cluster.
    Endpoint,
    /// SDS: certificates and trust bundles.
    Secret,
    /// ECDS: configuration of one HTTP or network filter.
    ExtensionConfig,
    /// LDS: listeners.
    Listener,
    /// RDS: route configurations.
    Route,
    /// VHDS: one virtual host of a route configuration, named `<route config>/<virtual host>`. Delta only.
    VirtualHost,
    /// RTDS: a runtime layer.
    Runtime,
    /// Our own: the names the agent's DNS proxy answers for.
    NameTable,
}

impl Kind {
    /// Every kind, in push order.
    pub const ALL: [Self; 9] = [
        Self::Cluster,
        Self::Endpoint,
        Self::Secret,
        Self::ExtensionConfig,
        Self::Listener,
        Self::Route,
        Self::VirtualHost,
        Self::Runtime,
        Self::NameTable,
    ];

    /// The position in [`Kind::ALL`], for tables indexed by kind.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The type URL that names this kind on the wire.
    pub const fn type_url(self) -> &'static str {
        match self {
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoint => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Secret => "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            Self::ExtensionConfig => "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Route => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
            Self::VirtualHost => "type.googleapis.com/envoy.config.route.v3.VirtualHost",
            Self::Runtime => "type.googleapis.com/envoy.service.runtime.v3.Runtime",
            Self::NameTable => "type.googleapis.com/ferromesh.v1.NameTable",
        }
    }

    /// The kind a type URL names, if it is one we serve.
    pub fn from_type_url(url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.type_url() == url)
    }

    /// The short name people know: `CDS`, `EDS`, ...
    pub const fn short(self) -> &'static str {
        match self {
            Self::Cluster => "CDS",
            Self::Endpoint => "EDS",
            Self::Secret => "SDS",
            Self::ExtensionConfig => "ECDS",
            Self::Listener => "LDS",
            Self::Route => "RDS",
            Self::VirtualHost => "VHDS",
            Self::Runtime => "RTDS",
            Self::NameTable => "NDS",
        }
    }

    /// Whether a request that names nothing means "everything" for this kind (`xds_protocol.rst`, "How the client
    /// specifies what resources to return"; for VHDS reliability.md M15).
    pub const fn wildcard_by_default(self) -> bool {
        matches!(self, Self::Cluster | Self::Listener | Self::VirtualHost | Self::NameTable)
    }
}
