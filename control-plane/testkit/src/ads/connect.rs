use std::{path::PathBuf, str::FromStr};

use anyhow::Context;
use ferro_xds_protos::envoy::envoy::config::core::v3::Node;
use tonic::transport::{Channel, Endpoint};

/// Where an xDS server listens: `host:port`, or `unix:/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `host:port`, in the clear.
    Tcp(String),
    /// The path of a unix socket.
    Unix(PathBuf),
}

// === impl Address ===

impl Address {
    /// Connects.
    ///
    /// # Errors
    /// When the address cannot be used, or nobody listens.
    pub async fn connect(&self) -> anyhow::Result<Channel> {
        let uri = match self {
            Self::Tcp(authority) => format!("http://{authority}"),
            Self::Unix(path) => format!("unix:{}", path.display()),
        };
        let endpoint = Endpoint::from_shared(uri.clone()).with_context(|| format!("bad address {uri}"))?;
        endpoint.connect().await.with_context(|| format!("connecting to {uri}"))
    }
}

impl FromStr for Address {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.strip_prefix("unix:").map_or_else(|| Self::Tcp(text.to_owned()), |path| Self::Unix(path.into())))
    }
}

/// The node a client says it is unless told otherwise: a sidecar as Istio names them.
pub(super) fn default_node() -> Node {
    Node {
        id: "sidecar~127.77.0.9~client.default~default.svc.cluster.local".to_owned(),
        cluster: "client.default".to_owned(),
        ..Node::default()
    }
}
