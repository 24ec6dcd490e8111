//! Which protocol a port speaks.

/// The protocol of a service port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// HTTP/1.1.
    Http,
    /// HTTP/2, also in the clear.
    Http2,
    /// gRPC over HTTP/2.
    Grpc,
    /// gRPC-Web: HTTP/1.1 from its clients, HTTP/2 to the workload.
    GrpcWeb,
    /// Bytes, nothing known about them.
    Tcp,
    /// TLS that the mesh does not end: routed by server name.
    Tls,
    /// HTTP inside such TLS.
    Https,
    /// MongoDB's wire protocol; served as TCP.
    Mongo,
    /// Redis; served as TCP.
    Redis,
    /// MySQL; served as TCP (the server speaks first).
    MySql,
    /// UDP; the mesh leaves it alone.
    Udp,
    /// Not declared: found out by looking at the first bytes of a connection.
    Auto,
}

/// Ports whose protocol is taken as TCP when nothing is declared, because their servers speak first: SMTP, DNS, MySQL, MongoDB.
const SERVER_FIRST_PORTS: [u16; 4] = [25, 53, 3306, 27017];

impl Protocol {
    /// Reads a protocol name as policies write it (`HTTP`, `grpc-web`), or `None` if it is none of ours.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "http" => Self::Http,
            "http2" => Self::Http2,
            "grpc" => Self::Grpc,
            "grpc-web" => Self::GrpcWeb,
            "tcp" => Self::Tcp,
            "tls" => Self::Tls,
            "https" => Self::Https,
            "mongo" => Self::Mongo,
            "redis" => Self::Redis,
            "mysql" => Self::MySql,
            "udp" => Self::Udp,
            _ => return None,
        })
    }

    /// The protocol of a Kubernetes Service port: `appProtocol` if given, else the part of the port's name before the first `-`,
    /// else TCP for the well-known server-first ports, else [`Protocol::Auto`]. A UDP port stays UDP whatever it is called.
    pub fn of_kubernetes_port(transport: &str, app_protocol: Option<&str>, name: &str, number: u16) -> Self {
        if transport.eq_ignore_ascii_case("udp") {
            return Self::Udp;
        }
        let declared = match app_protocol {
            Some("kubernetes.io/h2c") => return Self::Http2,
            Some("kubernetes.io/ws") => return Self::Http,
            Some("kubernetes.io/wss") => return Self::Https,
            Some(other) => other,
            None => name,
        };
        Self::from_prefix(declared).unwrap_or_else(|| Self::undeclared(number))
    }

    /// The protocol of a ServiceEntry port: its `protocol`, or [`Protocol::Auto`] when that is empty or unknown.
    pub fn of_entry_port(protocol: &str) -> Self {
        Self::parse(protocol).unwrap_or(Self::Auto)
    }

    // `grpc-web` holds the separator itself and must be tried before the prefix is cut off.
    fn from_prefix(name: &str) -> Option<Self> {
        if name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("grpc-web")) {
            return Some(Self::GrpcWeb);
        }
        Self::parse(name.split('-').next().unwrap_or(name))
    }

    fn undeclared(number: u16) -> Self {
        if SERVER_FIRST_PORTS.contains(&number) { Self::Tcp } else { Self::Auto }
    }

    /// Whether the mesh reads requests of this protocol for certain.
    pub fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Http2 | Self::Grpc | Self::GrpcWeb)
    }

    /// Whether the upstream connection is HTTP/2 for certain.
    pub fn is_http2(self) -> bool {
        matches!(self, Self::Http2 | Self::Grpc | Self::GrpcWeb)
    }

    /// Whether connections are routed by TLS server name.
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Tls | Self::Https)
    }

    /// Whether connections are carried as bytes: TCP, the databases, and TLS that is not ended here.
    pub fn is_tcp(self) -> bool {
        matches!(self, Self::Tcp | Self::Mongo | Self::Redis | Self::MySql) || self.is_tls()
    }

    /// Whether the mesh serves ports of this protocol at all.
    pub fn is_served(self) -> bool {
        self != Self::Udp
    }
}

#[cfg(test)]
mod tests;
