use ferro_xds_protos::Kind;
use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, Result,
};

/// The label that tells resource types apart.
const TYPE: &[&str] = &["type"];

/// Makes metrics that are registered.
pub(super) struct Register(pub(super) Registry);

impl Register {
    pub(super) fn gauge(&self, name: &str, help: &str) -> Result<IntGauge> {
        self.add(IntGauge::new(name, help)?)
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec> {
        self.add(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    /// By resource type, with a series for each.
    pub(super) fn counters(&self, name: &str, help: &str) -> Result<IntCounterVec> {
        let counters = self.add(IntCounterVec::new(Opts::new(name, help), TYPE)?)?;
        for kind in Kind::ALL {
            counters.with_label_values(&[type_label(kind)]);
        }
        Ok(counters)
    }

    pub(super) fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram> {
        self.add(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?)
    }

    /// By resource type, with a series for each.
    pub(super) fn histograms(&self, name: &str, help: &str, buckets: &[f64]) -> Result<HistogramVec> {
        let histograms =
            self.add(HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), TYPE)?)?;
        for kind in Kind::ALL {
            histograms.with_label_values(&[type_label(kind)]);
        }
        Ok(histograms)
    }

    fn add<M: Collector + Clone + 'static>(&self, metric: M) -> Result<M> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}

/// A kind as istiod writes it in labels.
pub(super) const fn type_label(kind: Kind) -> &'static str {
    match kind {
        Kind::Cluster => "cds",
        Kind::Endpoint => "eds",
        Kind::Secret => "sds",
        Kind::ExtensionConfig => "ecds",
        Kind::Listener => "lds",
        Kind::Route => "rds",
        Kind::VirtualHost => "vhds",
        Kind::Runtime => "rtds",
        Kind::NameTable => "nds",
    }
}
