use std::collections::BTreeMap;

use crate::fields::{fields, words};

fields! {
    /// Servers at the edge (istio-coverage.md §1.3).
    pub struct Gateway {
        /// What the proxies listen on.
        servers: Vec<Server> = "servers",
        /// Labels of the proxies; none means every gateway proxy.
        selector: BTreeMap<String, String> = "selector",
    }

    /// One server.
    pub struct Server {
        /// Where it listens.
        port: Option<ServerPort> = "port",
        /// The address it listens on.
        bind: Option<String> = "bind",
        /// Names it answers to: `host`, `./host`, `namespace/host`.
        hosts: Vec<String> = "hosts",
        /// Transport security.
        tls: Option<ServerTlsSettings> = "tls",
        /// Without effect.
        default_endpoint: Option<String> = "defaultEndpoint",
        /// Without effect.
        name: Option<String> = "name",
    }

    /// The port of a server.
    pub struct ServerPort {
        /// 1 to 65535.
        number: u32 = "number",
        /// HTTP, HTTPS, GRPC, HTTP2, MONGO, TCP, TLS, ...
        protocol: Option<String> = "protocol",
        /// Unique in the gateway.
        name: Option<String> = "name",
        /// Deprecated.
        target_port: Option<u32> = "targetPort",
    }

    /// Transport security of a server.
    pub struct ServerTlsSettings {
        /// Send plain requests to https.
        https_redirect: Option<bool> = "httpsRedirect",
        /// Absent: passed through.
        mode: Option<ServerTlsMode> = "mode",
        /// A file.
        server_certificate: Option<String> = "serverCertificate",
        /// A file.
        private_key: Option<String> = "privateKey",
        /// A file.
        ca_certificates: Option<String> = "caCertificates",
        /// A file of revoked certificates.
        ca_crl: Option<String> = "caCrl",
        /// A secret.
        credential_name: Option<String> = "credentialName",
        /// Up to two secrets, RSA and ECDSA.
        credential_names: Vec<String> = "credentialNames",
        /// A secret with the trusted roots.
        ca_cert_credential_name: Option<String> = "caCertCredentialName",
        /// Several certificates from files.
        tls_certificates: Vec<TlsCertificate> = "tlsCertificates",
        /// Names one of which the client's certificate must carry.
        subject_alt_names: Vec<String> = "subjectAltNames",
        /// Hashes of the client's key.
        verify_certificate_spki: Vec<String> = "verifyCertificateSpki",
        /// Hashes of the client's certificate.
        verify_certificate_hash: Vec<String> = "verifyCertificateHash",
        /// The oldest version.
        min_protocol_version: Option<TlsVersion> = "minProtocolVersion",
        /// The newest version.
        max_protocol_version: Option<TlsVersion> = "maxProtocolVersion",
        /// Allowed cipher suites.
        cipher_suites: Vec<String> = "cipherSuites",
        /// Trust any client certificate.
        insecure_skip_verify: Option<bool> = "insecureSkipVerify",
    }

    /// A certificate from files.
    pub struct TlsCertificate {
        /// A file.
        server_certificate: Option<String> = "serverCertificate",
        /// A file.
        private_key: Option<String> = "privateKey",
        /// A file.
        ca_certificates: Option<String> = "caCertificates",
    }
}

words! {
    /// What a server does with TLS.
    pub enum ServerTlsMode {
        /// Forwards it by server name.
        Passthrough = "PASSTHROUGH",
        /// Ends it.
        Simple = "SIMPLE",
        /// Ends it and asks for a client certificate.
        Mutual = "MUTUAL",
        /// Forwards it to the service the server name spells.
        AutoPassthrough = "AUTO_PASSTHROUGH",
        /// Mutual, with certificates of the mesh.
        IstioMutual = "ISTIO_MUTUAL",
        /// Asks for a client certificate without insisting.
        OptionalMutual = "OPTIONAL_MUTUAL",
    }

    /// Versions of TLS.
    pub enum TlsVersion {
        /// The proxy decides.
        Auto = "TLS_AUTO",
        /// 1.0.
        V1_0 = "TLSV1_0",
        /// 1.1.
        V1_1 = "TLSV1_1",
        /// 1.2.
        V1_2 = "TLSV1_2",
        /// 1.3.
        V1_3 = "TLSV1_3",
    }
}
