mod connections;
mod destination_rule;
mod edge;
mod expressions;
mod http;
mod kube;
mod service_entry;
mod sidecar;
mod virtual_service;
mod workload;

use crate::diagnostic::Diagnostic;
use crate::document;
use crate::yaml::Limits;

/// What is said about an object of this kind with this specification, in namespace `shop`.
fn findings(kind: &str, spec: &str) -> Vec<Diagnostic> {
    let version = match kind {
        "Service" | "Endpoints" => "v1",
        _ => "networking.istio.io/v1",
    };
    let text = format!("{{apiVersion: {version}, kind: {kind}, metadata: {{name: x, namespace: shop}}, spec: {spec}}}");
    let parsed = document::parse("x.yaml", &text, &Limits::default());
    let errors = parsed.diagnostics.iter().filter(|finding| finding.is_error()).count();
    assert_eq!(parsed.objects.is_empty(), errors > 0, "an object is there exactly when nothing is refused: {text}");
    parsed.diagnostics
}

fn said(findings: &[Diagnostic]) -> String {
    findings.iter().map(|finding| format!("\n    {finding}")).collect()
}

/// The specification is accepted and nothing is said about it.
#[track_caller]
fn accepts(kind: &str, spec: &str) {
    let found = findings(kind, spec);
    assert!(found.is_empty(), "{kind} {spec} should pass, but:{}", said(&found));
}

/// An error with this code stands at this field, and no other error.
#[track_caller]
fn refuses(kind: &str, spec: &str, field: &str, code: &str) {
    let found = findings(kind, spec);
    let errors: Vec<_> = found.iter().filter(|finding| finding.is_error()).collect();
    let hit = errors.iter().all(|error| error.field == field && error.code == code) && !errors.is_empty();
    assert!(hit, "{kind} {spec} should be refused at {field} with {code}, found:{}", said(&found));
}

/// A warning with this code stands at this field, and the object is accepted.
#[track_caller]
fn warns(kind: &str, spec: &str, field: &str, code: &str) {
    let found = findings(kind, spec);
    let hit = found.iter().any(|finding| finding.field == field && finding.code == code);
    let accepted = found.iter().all(|finding| !finding.is_error());
    assert!(hit && accepted, "{kind} {spec} should be warned of at {field} with {code}, found:{}", said(&found));
}
