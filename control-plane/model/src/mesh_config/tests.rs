use std::time::Duration;

use super::{AccessLogEncoding, InboundMode, MeshConfig};
use crate::istio::OutboundMode;

/// The settings and the findings, as `code field`.
fn read(text: &str) -> (Option<MeshConfig>, Vec<String>) {
    let (config, findings) = match MeshConfig::parse("mesh.yaml", text) {
        Ok((config, findings)) => (Some(config), findings),
        Err(findings) => (None, findings),
    };
    (config, findings.iter().map(|finding| format!("{} {}", finding.code, finding.field)).collect())
}

#[track_caller]
fn refused(text: &str, finding: &str) {
    let (config, findings) = read(text);
    assert!(config.is_none() && findings.iter().any(|found| found == finding), "{text}: {findings:?}");
}

#[test]
fn nothing_means_istios_defaults() {
    let (config, findings) = read("");
    let config = config.expect("an empty text is fine");
    assert_eq!(findings, Vec::<String>::new());
    assert_eq!(config, MeshConfig::default());
    assert_eq!((config.trust_domain.as_str(), config.root_namespace.as_str()), ("cluster.local", "istio-system"));
    assert_eq!(config.outbound_traffic_policy.mode, Some(OutboundMode::AllowAny));
    assert_eq!(config.inbound_traffic_policy, InboundMode::Passthrough);
    assert_eq!((config.connect_timeout, config.dns_refresh_rate), (Duration::from_secs(10), Duration::from_secs(60)));
    assert!(config.enable_auto_mtls);
}

#[test]
fn settings_are_read() {
    let (config, findings) = read(
        "trustDomain: shop.example.com\nrootNamespace: mesh\noutboundTrafficPolicy: {mode: REGISTRY_ONLY}\naccessLogFile: /dev/stdout\n\
         accessLogEncoding: JSON\nconnectTimeout: 2s\ndefaultHttpRetryPolicy: {attempts: 0}\ndefaultServiceExportTo: ['.']\n",
    );
    assert_eq!(findings, Vec::<String>::new());
    let config = config.expect("all of it is valid");
    assert_eq!((config.trust_domain.as_str(), config.root_namespace.as_str()), ("shop.example.com", "mesh"));
    assert_eq!(config.access_log_encoding, AccessLogEncoding::Json);
    assert_eq!(config.default_http_retry_policy.map(|retry| retry.attempts), Some(0));
    assert_eq!(config.connect_timeout, Duration::from_secs(2));
}

#[test]
fn a_config_map_is_read_as_istio_keeps_it() {
    let (config, findings) =
        read("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio}\ndata:\n  mesh: |\n    trustDomain: a.b\n");
    assert_eq!((config.map(|config| config.trust_domain), findings.len()), (Some("a.b".to_owned()), 0));
}

#[test]
fn config_maps_within_config_maps_are_not_followed() {
    let inner = "kind: ConfigMap\\ndata: {mesh: 'trustDomain: a.b'}";
    let (config, findings) = read(&format!("kind: ConfigMap\ndata: {{mesh: \"{inner}\"}}\n"));
    assert_eq!(config.map(|config| config.trust_domain), Some("cluster.local".to_owned()));
    assert_eq!(findings, ["unknown-field kind", "unknown-field data"]);
}

#[test]
fn unknown_keys_and_keys_without_effect_are_told() {
    let (config, findings) = read("trustDomian: a\nenableTracing: true\ndefaultConfig: {tracing: {}, concurency: 2}\n");
    assert!(config.is_some());
    let told = [
        "not-supported enableTracing",
        "not-supported defaultConfig.tracing",
        "unknown-field defaultConfig.concurency",
    ];
    assert!(findings.contains(&"unknown-field trustDomian".to_owned()), "{findings:?}");
    assert!(told.iter().all(|finding| findings.contains(&(*finding).to_owned())), "{findings:?}");
}

#[test]
fn impossible_settings_are_refused() {
    refused("trustDomain: 'a b'", "bad-name trustDomain");
    refused("rootNamespace: a.b", "bad-name rootNamespace");
    refused("connectTimeout: 0s", "out-of-range connectTimeout");
    refused("accessLogFile: access.log", "bad-value accessLogFile");
    refused("{accessLogEncoding: JSON, accessLogFormat: '[%START_TIME%]'}", "bad-value accessLogFormat");
    refused("defaultHttpRetryPolicy: {attempts: 1, retryOn: never}", "bad-name defaultHttpRetryPolicy.retryOn");
    refused("defaultVirtualServiceExportTo: ['~']", "bad-name defaultVirtualServiceExportTo[0]");
    refused(
        "outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: a}}",
        "not-supported outboundTrafficPolicy.egressProxy",
    );
    refused("defaultConfig: {concurrency: -1}", "out-of-range defaultConfig.concurrency");
    refused("trustDomain: [1", "syntax ");
    refused("{}\n---\n{}\n", "conflict ");
    refused("a sentence", "wrong-type ");
}
