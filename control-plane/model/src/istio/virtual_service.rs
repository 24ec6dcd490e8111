use std::collections::BTreeMap;
use std::time::Duration;

use super::common::{Destination, Headers, Percent, StringMatch};
use crate::context::Context;
use crate::fields::{FromNode, fields, words};
use crate::node::{Node, Value};

fields! {
    /// Routes for hosts (istio-coverage.md §1.1).
    pub struct VirtualService {
        /// Names clients use; empty for a delegate.
        hosts: Vec<String> = "hosts",
        /// Where the routes are bound; none means `mesh`.
        gateways: Vec<String> = "gateways",
        /// HTTP routes, first match wins.
        http: Vec<HttpRoute> = "http",
        /// Routes of TLS that is passed through.
        tls: Vec<TlsRoute> = "tls",
        /// Routes of opaque TCP.
        tcp: Vec<TcpRoute> = "tcp",
        /// Namespaces that see it; none means the mesh's default.
        export_to: Vec<String> = "exportTo",
    }

    /// One HTTP route.
    pub struct HttpRoute {
        /// Shown in logs and metrics.
        name: Option<String> = "name",
        /// Alternatives; none matches everything.
        match_: Vec<HttpMatchRequest> = "match",
        /// Weighted destinations.
        route: Vec<HttpRouteDestination> = "route",
        /// Instead of a destination.
        redirect: Option<HttpRedirect> = "redirect",
        /// Instead of a destination.
        direct_response: Option<DirectResponse> = "directResponse",
        /// Routes of another VirtualService.
        delegate: Option<Delegate> = "delegate",
        /// Changes to path and authority.
        rewrite: Option<HttpRewrite> = "rewrite",
        /// 0 is off.
        timeout: Option<Duration> = "timeout",
        /// How often and when a request is tried again.
        retries: Option<HttpRetry> = "retries",
        /// Injected delays and errors.
        fault: Option<Fault> = "fault",
        /// Where copies go.
        mirror: Option<Destination> = "mirror",
        /// Several mirrors.
        mirrors: Vec<HttpMirror> = "mirrors",
        /// Deprecated form of `mirrorPercentage`.
        mirror_percent: Option<u32> = "mirrorPercent",
        /// The share that is copied; all if not given.
        mirror_percentage: Option<Percent> = "mirrorPercentage",
        /// Cross-origin requests.
        cors_policy: Option<CorsPolicy> = "corsPolicy",
        /// Changes to headers.
        headers: Option<Headers> = "headers",
    }

    /// Conditions that must all hold.
    pub struct HttpMatchRequest {
        /// Appended to the name of the route.
        name: Option<String> = "name",
        /// The path.
        uri: Option<StringMatch> = "uri",
        /// `http` or `https`.
        scheme: Option<StringMatch> = "scheme",
        /// The method.
        method: Option<StringMatch> = "method",
        /// The authority.
        authority: Option<StringMatch> = "authority",
        /// An empty match means present.
        headers: BTreeMap<String, HeaderMatch> = "headers",
        /// Must not match.
        without_headers: BTreeMap<String, HeaderMatch> = "withoutHeaders",
        /// Query parameters; an empty match means present.
        query_params: BTreeMap<String, HeaderMatch> = "queryParams",
        /// Applies to `uri` exact and prefix.
        ignore_uri_case: Option<bool> = "ignoreUriCase",
        /// The port the request came to.
        port: Option<u32> = "port",
        /// Labels of the calling workload.
        source_labels: BTreeMap<String, String> = "sourceLabels",
        /// Namespace of the calling workload.
        source_namespace: Option<String> = "sourceNamespace",
        /// Overrides those of the VirtualService.
        gateways: Vec<String> = "gateways",
        /// Prefix of the route's statistics.
        stat_prefix: Option<String> = "statPrefix",
    }

    /// A destination with its share.
    pub struct HttpRouteDestination {
        /// Where to.
        destination: Destination = "destination",
        /// Its share of the sum of weights.
        weight: Option<i32> = "weight",
        /// Changes to headers for this destination.
        headers: Option<Headers> = "headers",
    }

    /// An answer that sends the client elsewhere.
    pub struct HttpRedirect {
        /// Replaces the path.
        uri: Option<String> = "uri",
        /// Replaces the authority.
        authority: Option<String> = "authority",
        /// Replaces the scheme.
        scheme: Option<String> = "scheme",
        /// Replaces the port.
        port: Option<u32> = "port",
        /// Where the port comes from.
        derive_port: Option<RedirectPort> = "derivePort",
        /// 301 if not given.
        redirect_code: Option<u32> = "redirectCode",
        /// Replaces the matched prefix of the path.
        prefix_rewrite: Option<String> = "prefixRewrite",
    }

    /// An answer the proxy gives itself.
    pub struct DirectResponse {
        /// 200 to 599.
        status: u32 = "status",
        /// At most 1 MiB.
        body: Option<HttpBody> = "body",
    }

    /// A fixed body.
    pub struct HttpBody {
        /// As text.
        string: Option<String> = "string",
        /// As base64.
        bytes: Option<String> = "bytes",
    }

    /// Names the VirtualService that holds the routes.
    pub struct Delegate {
        /// Its name.
        name: Option<String> = "name",
        /// Its namespace; that of the root if not given.
        namespace: Option<String> = "namespace",
    }

    /// Changes before the request is sent on.
    pub struct HttpRewrite {
        /// Replaces the path or its matched prefix.
        uri: Option<String> = "uri",
        /// Replaces the authority.
        authority: Option<String> = "authority",
        /// Replaces by expression.
        uri_regex_rewrite: Option<RegexRewrite> = "uriRegexRewrite",
    }

    /// A replacement by expression.
    pub struct RegexRewrite {
        /// RE2.
        match_: Option<String> = "match",
        /// With `\\1` for groups.
        rewrite: Option<String> = "rewrite",
    }

    /// Retries.
    pub struct HttpRetry {
        /// 0 is off.
        attempts: i32 = "attempts" or 0,
        /// Of each attempt.
        per_try_timeout: Option<Duration> = "perTryTimeout",
        /// Conditions, separated by commas.
        retry_on: Option<String> = "retryOn",
        /// Whether other localities are tried.
        retry_remote_localities: Option<bool> = "retryRemoteLocalities",
        /// Whether tried hosts are left out; true if not given.
        retry_ignore_previous_hosts: Option<bool> = "retryIgnorePreviousHosts",
        /// 25 ms if not given.
        backoff: Option<Duration> = "backoff",
    }

    /// Injected faults.
    pub struct Fault {
        /// Delays a share.
        delay: Option<FaultDelay> = "delay",
        /// Aborts a share.
        abort: Option<FaultAbort> = "abort",
    }

    /// A delay.
    pub struct FaultDelay {
        /// How long.
        fixed_delay: Option<Duration> = "fixedDelay",
        /// Not supported, as in Istio.
        exponential_delay: Option<Duration> = "exponentialDelay",
        /// The share; none if not given.
        percentage: Option<Percent> = "percentage",
        /// Deprecated form of `percentage`.
        percent: Option<i32> = "percent",
    }

    /// An abort.
    pub struct FaultAbort {
        /// 200 to 599.
        http_status: Option<i32> = "httpStatus",
        /// Name of a gRPC status.
        grpc_status: Option<String> = "grpcStatus",
        /// Not supported, as in Istio.
        http2_error: Option<String> = "http2Error",
        /// The share; none if not given.
        percentage: Option<Percent> = "percentage",
    }

    /// A mirror with its share.
    pub struct HttpMirror {
        /// Where copies go.
        destination: Destination = "destination",
        /// The share; all if not given.
        percentage: Option<Percent> = "percentage",
    }

    /// Cross-origin resource sharing.
    pub struct CorsPolicy {
        /// Origins that may ask.
        allow_origins: Vec<StringMatch> = "allowOrigins",
        /// Deprecated form of `allowOrigins`.
        allow_origin: Vec<String> = "allowOrigin",
        /// Methods.
        allow_methods: Vec<String> = "allowMethods",
        /// Request headers.
        allow_headers: Vec<String> = "allowHeaders",
        /// Response headers a page may read.
        expose_headers: Vec<String> = "exposeHeaders",
        /// Whole seconds.
        max_age: Option<Duration> = "maxAge",
        /// Whether credentials are allowed.
        allow_credentials: Option<bool> = "allowCredentials",
        /// What becomes of preflights of other origins.
        unmatched_preflights: Option<UnmatchedPreflights> = "unmatchedPreflights",
    }

    /// A route of passed-through TLS.
    pub struct TlsRoute {
        /// Alternatives.
        match_: Vec<TlsMatchAttributes> = "match",
        /// Weighted destinations.
        route: Vec<RouteDestination> = "route",
    }

    /// Conditions on a TLS connection.
    pub struct TlsMatchAttributes {
        /// Server names.
        sni_hosts: Vec<String> = "sniHosts",
        /// Destination addresses.
        destination_subnets: Vec<String> = "destinationSubnets",
        /// Destination port.
        port: Option<u32> = "port",
        /// Labels of the calling workload.
        source_labels: BTreeMap<String, String> = "sourceLabels",
        /// Namespace of the calling workload.
        source_namespace: Option<String> = "sourceNamespace",
        /// Overrides those of the VirtualService.
        gateways: Vec<String> = "gateways",
    }

    /// A route of opaque TCP.
    pub struct TcpRoute {
        /// Alternatives; none matches everything.
        match_: Vec<L4MatchAttributes> = "match",
        /// Weighted destinations.
        route: Vec<RouteDestination> = "route",
    }

    /// Conditions on a TCP connection.
    pub struct L4MatchAttributes {
        /// Destination addresses.
        destination_subnets: Vec<String> = "destinationSubnets",
        /// Destination port.
        port: Option<u32> = "port",
        /// Never read by Istio.
        source_subnet: Option<String> = "sourceSubnet",
        /// Labels of the calling workload.
        source_labels: BTreeMap<String, String> = "sourceLabels",
        /// Namespace of the calling workload.
        source_namespace: Option<String> = "sourceNamespace",
        /// Overrides those of the VirtualService.
        gateways: Vec<String> = "gateways",
    }

    /// A destination of connections with its share.
    pub struct RouteDestination {
        /// Where to.
        destination: Destination = "destination",
        /// Its share of the sum of weights.
        weight: Option<i32> = "weight",
    }
}

words! {
    /// Where a redirect's port comes from.
    pub enum RedirectPort {
        /// The default port of the scheme.
        ProtocolDefault = "FROM_PROTOCOL_DEFAULT",
        /// The port the request came to.
        Request = "FROM_REQUEST_PORT",
    }

    /// What becomes of preflight requests whose origin is not allowed.
    pub enum UnmatchedPreflights {
        /// As `Forward`.
        Unspecified = "UNSPECIFIED",
        /// Sent to the destination.
        Forward = "FORWARD",
        /// Answered by the proxy.
        Ignore = "IGNORE",
    }
}

/// A match that may be empty: then the header or parameter must be present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderMatch {
    /// It is there.
    Present,
    /// Its value matches.
    Value(StringMatch),
}

impl FromNode for HeaderMatch {
    fn from_node(node: &Node, context: &mut Context<'_>) -> Option<Self> {
        if matches!(&node.value, Value::Null) || matches!(&node.value, Value::Mapping(entries) if entries.is_empty()) {
            return Some(Self::Present);
        }
        match StringMatch::from_node(node, context)? {
            // No expression, but Istio's older way to say "any".
            StringMatch::Regex(any) if any == "*" => Some(Self::Present),
            value => Some(Self::Value(value)),
        }
    }
}

/// The number of a gRPC status by its name
/// (<https://github.com/grpc/grpc/blob/master/doc/statuscodes.md>); numbers are not names.
pub fn grpc_status(name: &str) -> Option<u32> {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    (0..).zip(NAMES).find(|(_, known)| *known == name).map(|(number, _)| number)
}
