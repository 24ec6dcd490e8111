use axum::extract::State;
use ferro_model::mesh::Mesh;
use ferro_model::{ObjectKind, Severity};
use prometheus::IntGauge;

use super::Api;
use crate::metrics::Metrics;

/// The exposition. What is a state and no event is looked at now.
pub(super) async fn show(State(api): State<Api>) -> String {
    let metrics = api.control.metrics();
    set(&metrics.rejected_configs, api.files.borrow().count(Severity::Error));
    metrics.findings.reset();
    for code in ferro_translate::Code::ALL {
        metrics.findings.with_label_values(&[code.as_str()]).set(0);
    }
    for finding in api.control.findings() {
        metrics.findings.with_label_values(&[finding.code.as_str()]).inc();
    }
    // A clone is cheap, and nobody waits while it is walked.
    mesh(metrics, &api.control.with_pipeline(|pipeline| pipeline.mesh().clone()));
    metrics.render()
}

fn mesh(metrics: &Metrics, mesh: &Mesh) {
    for kind in ObjectKind::ALL {
        let count = mesh.objects_of(*kind).count();
        metrics.objects.with_label_values(&[kind.as_str()]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    set(&metrics.services, mesh.services().count());
    set(&metrics.virtual_services, mesh.objects_of(ObjectKind::VirtualService).count());
    let lost = mesh.diagnostics();
    let count = |code: &str, kind: ObjectKind| {
        lost.iter()
            .filter(|found| found.code == code && found.object.as_ref().is_some_and(|key| key.kind == kind))
            .count()
    };
    set(&metrics.duplicate_domains, count("host-taken", ObjectKind::VirtualService));
    set(&metrics.duplicate_clusters, count("host-taken", ObjectKind::ServiceEntry));
    set(&metrics.duplicate_subsets, count("duplicate-subset", ObjectKind::DestinationRule));
}

fn set(gauge: &IntGauge, count: usize) {
    gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
}
