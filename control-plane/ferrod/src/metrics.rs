//! ferrod's own metrics, under the names, types and labels of istiod's (`pilot_*`, istio-coverage.md §6) where it has them.
//!
//! Every family with the label `type` has a series for each type from the start: a dashboard that finds nothing cannot tell
//! "never" from "not measured".

use std::time::Duration;

use ferro_xds_protos::Kind;
use prometheus::{Encoder, Histogram, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder};
use tonic::Code;

use self::register::{Register, type_label};

mod register;
#[cfg(test)]
mod tests;

/// Istio's boundaries, and finer ones below them.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0, 5.0, 10.0, 20.0, 30.0];
/// Istio's.
const BYTES: &[f64] = &[1.0, 10e3, 1e6, 4e6, 10e6, 40e6];
/// Codes a refusal may carry: all but OK.
const CODES: std::ops::RangeInclusive<i32> = 1..=16;
/// The kinds whose refusals Istio counts by node.
const BY_NODE: [(Kind, &str); 4] = [
    (Kind::Cluster, "pilot_xds_cds_reject"),
    (Kind::Endpoint, "pilot_xds_eds_reject"),
    (Kind::Listener, "pilot_xds_lds_reject"),
    (Kind::Route, "pilot_xds_rds_reject"),
];

/// Every metric of the process.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    /// Connected proxies, by the version they say.
    pub connected: IntGaugeVec,
    /// Documents that are not in force in their newest form.
    pub rejected_configs: IntGauge,
    /// Services in the mesh.
    pub services: IntGauge,
    /// VirtualServices in the mesh.
    pub virtual_services: IntGauge,
    /// Hosts of VirtualServices that another VirtualService has.
    pub duplicate_domains: IntGauge,
    /// Subsets that a DestinationRule merged earlier has.
    pub duplicate_subsets: IntGauge,
    /// Hosts of ServiceEntries that another service has.
    pub duplicate_clusters: IntGauge,
    /// What translation cannot follow to the letter, by code.
    pub findings: IntGaugeVec,
    /// Objects in the mesh, by kind.
    pub objects: IntGaugeVec,
    /// The revision in force.
    pub revision: IntGauge,
    /// Views that are translated and kept.
    pub views: IntGauge,
    /// Seconds from a committed revision to the last view published.
    pub publish: Histogram,
    pushes: IntCounterVec,
    bytes: IntCounterVec,
    sizes: HistogramVec,
    push_time: HistogramVec,
    convergence: Histogram,
    rejects: IntCounterVec,
    rejects_by_node: Vec<(Kind, IntGaugeVec)>,
    expired_nonces: IntCounterVec,
}

impl Metrics {
    /// Registers everything once.
    ///
    /// # Errors
    /// Two metrics have one name: a mistake in this file.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        // Clones are the same registry.
        let to = Register(registry.clone());
        let by_node = |(kind, name): (Kind, &str)| {
            let help = format!("Refusals of {} by connected proxies", kind.short());
            Ok((kind, to.gauges(name, &help, &["node", "err"])?))
        };
        say_version(&to)?;
        Ok(Self {
            connected: to.gauges("pilot_xds", "Proxies connected to this control plane", &["version"])?,
            rejected_configs: to
                .gauge("pilot_total_rejected_configs", "Documents whose newest form is not in force")?,
            services: to.gauge("pilot_services", "Services in the mesh")?,
            virtual_services: to.gauge("pilot_virt_services", "VirtualServices in the mesh")?,
            duplicate_domains: to
                .gauge("pilot_vservice_dup_domain", "Hosts of VirtualServices that an older one routes")?,
            duplicate_subsets: to
                .gauge("pilot_destrule_subsets", "Subsets that stand in a DestinationRule merged earlier")?,
            duplicate_clusters: to
                .gauge("pilot_duplicate_envoy_clusters", "Hosts of ServiceEntries that another service has")?,
            findings: to.gauges(
                "ferro_findings",
                "What translation cannot follow to the letter, by code",
                &["code"],
            )?,
            objects: to.gauges("ferro_objects", "Objects in force, by kind", &["kind"])?,
            revision: to.gauge("ferro_revision", "The revision in force")?,
            views: to.gauge("ferro_views", "Distinct view parts translated and kept")?,
            publish: to.histogram(
                "ferro_publish_seconds",
                "From a committed revision to its views published",
                SECONDS,
            )?,
            pushes: to.counters("pilot_xds_pushes", "Responses sent, by resource type")?,
            bytes: to.counters("ferro_xds_sent_bytes", "Bytes of responses sent, by resource type")?,
            sizes: to.histograms("pilot_xds_config_size_bytes", "Sizes of responses, by resource type", BYTES)?,
            push_time: to.histograms("pilot_xds_push_time", "From a change to a response with it sent", SECONDS)?,
            convergence: to.histogram(
                "pilot_proxy_convergence_time",
                "From a change to the last answer of a proxy that was sent it",
                SECONDS,
            )?,
            rejects: to.counters("pilot_total_xds_rejects", "Responses a proxy refused, by resource type")?,
            rejects_by_node: BY_NODE.into_iter().map(by_node).collect::<prometheus::Result<_>>()?,
            expired_nonces: to.counters("pilot_xds_expired_nonce", "Requests that answered an older response")?,
            registry,
        })
    }

    /// A response of this size was sent, `since` the change it carries; nothing if it carries none.
    pub fn sent(&self, kind: Kind, bytes: u64, since: Option<Duration>) {
        let label = &[type_label(kind)];
        self.pushes.with_label_values(label).inc();
        self.bytes.with_label_values(label).inc_by(bytes);
        self.sizes.with_label_values(label).observe(u32::try_from(bytes).unwrap_or(u32::MAX).into());
        if let Some(since) = since {
            self.push_time.with_label_values(label).observe(since.as_secs_f64());
        }
    }

    /// A proxy has answered for all it was sent of a change, this long after it.
    pub fn converged(&self, after: Duration) {
        self.convergence.observe(after.as_secs_f64());
    }

    /// A proxy refused a response.
    pub fn refused(&self, kind: Kind, node: &str, code: i32) {
        self.rejects.with_label_values(&[type_label(kind)]).inc();
        if let Some((_, rejects)) = self.rejects_by_node.iter().find(|(counted, _)| *counted == kind) {
            rejects.with_label_values(&[node, &code_label(code)]).inc();
        }
    }

    /// A proxy answered an older response.
    pub fn answered_late(&self, kind: Kind) {
        self.expired_nonces.with_label_values(&[type_label(kind)]).inc();
    }

    /// A proxy is gone, and its own series with it: in a mesh where pods come and go they would grow without end.
    pub fn gone(&self, node: &str) {
        for (_, rejects) in &self.rejects_by_node {
            for code in CODES {
                // Most were never there.
                let _ = rejects.remove_label_values(&[node, &code_label(code)]);
            }
        }
    }

    /// The text exposition.
    pub fn render(&self) -> String {
        let mut text = Vec::new();
        // The encoder fails only for a family without metrics, and what was written before it stays readable.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }
}

fn say_version(to: &Register) -> prometheus::Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    let info = to.gauges("pilot_info", "The version of this control plane", &["version"])?;
    info.with_label_values(&[version]).set(1);
    let build = to.gauges("istio_build", "The version of this component", &["component", "tag"])?;
    build.with_label_values(&["pilot", version]).set(1);
    Ok(())
}

/// The name of a code as istiod writes it: `Internal`, `InvalidArgument`; numbers that name none are `Unknown`.
fn code_label(code: i32) -> String {
    format!("{:?}", Code::from_i32(code))
}
