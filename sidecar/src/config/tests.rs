use std::{collections::BTreeMap, net::IpAddr, path::PathBuf, time::Duration};

use clap::Parser;

use ferro_xds::client::Upstream;

use super::{Capture, Config, ConfigError, EnvoyLog, ProxyKind};
use crate::args::Args;

/// The command line of the local mesh, with `more` at its end.
fn resolve(more: &[&str]) -> Result<Config, ConfigError> {
    let base = ["ferro-agent", "--ip", "127.77.0.5", "--workload", "product-v1", "--namespace", "shop"];
    Config::resolve(Args::try_parse_from(base.iter().chain(more)).unwrap())
}

fn refusal(more: &[&str]) -> String {
    resolve(more).unwrap_err().to_string()
}

#[test]
fn the_command_line_of_a_local_workload_is_understood() {
    let config = resolve(&[
        "--ferrod",
        "unix:/run/ferrod.sock",
        "--capture",
        "none",
        "--app-port",
        "8080=31001",
        "--app-port",
        "9090=31002",
        "--labels",
        "app=product,version=v1",
        "--locality",
        "eu/eu-1",
        "--drain-seconds",
        "5",
        "--state-dir",
        "/tmp/state",
    ])
    .unwrap();
    assert_eq!(config.ferrod, Upstream::Unix(PathBuf::from("/run/ferrod.sock")));
    assert_eq!(config.capture, Capture::None { app_ports: BTreeMap::from([(8080, 31001), (9090, 31002)]) });
    assert_eq!(config.workload.labels["version"], "v1");
    assert_eq!((config.workload.locality.zone.as_str(), config.workload.locality.sub_zone.as_str()), ("eu-1", ""));
    assert_eq!(config.drain, Duration::from_secs(5));
    assert_eq!(config.envoy.log, EnvoyLog::File(PathBuf::from("/tmp/state/envoy.log")));
    assert_eq!(config.relay_socket(), PathBuf::from("/tmp/state/xds.sock"));
    assert_eq!(config.node_id(), "sidecar~127.77.0.5~product-v1.shop~shop.svc.cluster.local");
}

#[test]
fn a_gateway_says_so_in_its_node_id() {
    let config = resolve(&["--kind", "router"]).unwrap();
    assert_eq!(config.kind, ProxyKind::Router);
    assert!(config.node_id().starts_with("router~127.77.0.5~"));
}

#[test]
fn without_capture_everything_binds_the_workloads_address_and_with_it_as_in_a_pod() {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let none = resolve(&["--capture", "none"]).unwrap();
    assert_eq!((none.private_address(), none.public_address()), (address("127.77.0.5"), address("127.77.0.5")));
    let redirect = resolve(&[]).unwrap();
    assert_eq!((redirect.private_address(), redirect.public_address()), (address("127.0.0.1"), address("0.0.0.0")));
}

#[test]
fn ferrod_is_named_by_url_or_socket() {
    assert_eq!(
        resolve(&["--ferrod", "http://10.0.0.1:15010/"]).unwrap().ferrod,
        Upstream::Tcp("http://10.0.0.1:15010".parse().unwrap())
    );
    for wrong in ["10.0.0.1:15010", "http://10.0.0.1", "http://:15010", "http://a:b:c", "http://a:1/path", "unix:here"]
    {
        assert!(refusal(&["--ferrod", wrong]).contains("write http://HOST:PORT or unix:/PATH"), "{wrong}");
    }
}

#[test]
fn values_that_do_not_parse_are_shown_with_what_is_allowed() {
    let cases: [(&[&str], &str); 9] = [
        (&["--ip", "localhost"], "--ip `localhost`: write an IP address"),
        (&["--namespace", "a~b"], "--namespace `a~b`: 1 to 253 letters"),
        (&["--labels", "app"], "--labels `app`: write k=v,k=v"),
        (&["--labels", "a=1,a=2"], "each key once"),
        (&["--locality", "a/b/c/d"], "write REGION[/ZONE[/SUBZONE]]"),
        (&["--capture", "none", "--app-port", "8080"], "write TARGET=LOCAL"),
        (&["--capture", "none", "--app-port", "0=1"], "write TARGET=LOCAL"),
        (&["--capture", "none", "--app-port", "1=2,1=3"], "each target port once"),
        (&["--concurrency", "0"], "at least 1"),
    ];
    for (more, expected) in cases {
        let message = refusal(more);
        assert!(message.contains(expected), "{more:?}: {message}");
    }
}

#[test]
fn app_ports_have_no_meaning_where_traffic_is_captured() {
    assert_eq!(refusal(&["--app-port", "1=2"]), "--app-port has no meaning with --capture redirect");
}

#[test]
fn a_state_folder_whose_socket_path_is_too_long_is_refused() {
    let long = format!("/tmp/{}", "x".repeat(120));
    assert!(refusal(&["--state-dir", &long]).contains("choose a shorter --state-dir"));
}

#[test]
fn metrics_and_probes_of_the_application_follow_its_local_port() {
    let config = resolve(&["--capture", "none", "--app-port", "8080=31001", "--app-metrics", "8080/stats"]).unwrap();
    let metrics = config.app_metrics.unwrap();
    assert_eq!((metrics.address.to_string().as_str(), metrics.path.as_str()), ("127.0.0.1:31001", "/stats"));
    assert_eq!(config.capture.app_address(9999).port(), 9999, "a port without a mapping is its own");
    assert_eq!(resolve(&["--app-metrics", "9102"]).unwrap().app_metrics.unwrap().path, "/metrics");
}

#[test]
fn a_probe_is_given_in_json_or_by_file() {
    let json = r#"{"tcpSocket":{"port":8080}}"#;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("probe.json");
    std::fs::write(&path, json).unwrap();
    let by_file = format!("@{}", path.display());
    assert_eq!(resolve(&["--probe", json]).unwrap().probe, resolve(&["--probe", &by_file]).unwrap().probe);
    assert!(matches!(resolve(&["--probe", "@/nonexistent"]), Err(ConfigError::ProbeFile { .. })));
    assert!(matches!(resolve(&["--probe", "{}"]), Err(ConfigError::Probe(_))));
}
