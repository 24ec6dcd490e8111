//! ferrod's own metrics, under the names istiod's dashboards know (`pilot_*`, istio-coverage.md §6) where they fit.

use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

/// Every metric of the process.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    /// Connected proxies: `pilot_xds`.
    pub connected: IntGauge,
    /// Responses sent, by type.
    pub pushes: IntCounterVec,
    /// Bytes of responses, by type.
    pub bytes: IntCounterVec,
    /// Responses a proxy refused, by type.
    pub rejects: IntCounterVec,
    /// Requests with the nonce of an older response, by type.
    pub expired_nonces: IntCounterVec,
    /// Objects that are not accepted in their newest form.
    pub rejected_configs: IntGauge,
    /// Objects in the mesh, by kind.
    pub objects: IntGaugeVec,
    /// The revision in force.
    pub revision: IntGauge,
    /// Views that are translated and kept.
    pub views: IntGauge,
    /// Seconds from a committed revision to the last view published.
    pub convergence: Histogram,
}

impl Metrics {
    /// Registers everything once.
    ///
    /// # Errors
    /// Two metrics have one name: a mistake in this file.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str| -> prometheus::Result<IntCounterVec> {
            let metric = IntCounterVec::new(Opts::new(name, help), &["type"])?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let gauge = |name: &str, help: &str| -> prometheus::Result<IntGauge> {
            let metric = IntGauge::new(name, help)?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let buckets = vec![0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
        let convergence =
            HistogramOpts::new("ferro_publish_seconds", "From a committed revision to its views published")
                .buckets(buckets);
        let metrics = Self {
            connected: gauge("pilot_xds", "Proxies connected to this control plane")?,
            pushes: counter("pilot_xds_pushes", "Responses sent, by resource type")?,
            bytes: counter("ferro_xds_sent_bytes", "Bytes of responses sent, by resource type")?,
            rejects: counter("pilot_total_xds_rejects", "Responses a proxy refused, by resource type")?,
            expired_nonces: counter("pilot_xds_expired_nonce", "Requests that answered an older response")?,
            rejected_configs: gauge("pilot_total_rejected_configs", "Documents whose newest form is not in force")?,
            objects: IntGaugeVec::new(Opts::new("ferro_objects", "Objects in force, by kind"), &["kind"])?,
            revision: gauge("ferro_revision", "The revision in force")?,
            views: gauge("ferro_views", "Distinct view parts translated and kept")?,
            convergence: Histogram::with_opts(convergence)?,
            registry: registry.clone(),
        };
        registry.register(Box::new(metrics.objects.clone()))?;
        registry.register(Box::new(metrics.convergence.clone()))?;
        Ok(metrics)
    }

    /// The text exposition.
    pub fn render(&self) -> String {
        let mut text = Vec::new();
        // The encoder fails only for a family without metrics, and what was written before it stays readable.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }
}
