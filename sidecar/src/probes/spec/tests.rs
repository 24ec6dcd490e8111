use std::time::Duration;

use super::{Method, ProbeSpec, SpecError, Target};

fn error(json: &str) -> SpecError {
    ProbeSpec::from_json(json).unwrap_err()
}

#[test]
fn absent_and_zero_timings_mean_istios_defaults() {
    for json in [r#"{"tcpSocket":{"port":8080}}"#, r#"{"tcpSocket":{"port":8080},"periodSeconds":0}"#] {
        let timing = ProbeSpec::from_json(json).unwrap().timing;
        assert_eq!(timing.initial_delay, Duration::ZERO);
        assert_eq!((timing.period, timing.timeout), (Duration::from_secs(10), Duration::from_secs(1)));
        assert_eq!((timing.success_threshold, timing.failure_threshold), (1, 1));
    }
}

#[test]
fn an_http_probe_keeps_its_path_host_and_headers() {
    let json = r#"{"httpGet":{"path":"/healthz?full=1","port":8080,"host":"10.0.0.9","scheme":"HTTP",
        "httpHeaders":[{"name":"x-probe","value":"yes"}]},"failureThreshold":3}"#;
    let spec = ProbeSpec::from_json(json).unwrap();
    let Method::Http(http) = spec.method else { panic!("{spec:?}") };
    assert_eq!(http.path, "/healthz?full=1");
    assert_eq!(http.target, Target { host: Some("10.0.0.9".to_owned()), port: 8080 });
    assert_eq!(http.headers.get("x-probe").map(String::as_str), Some("yes"));
    assert_eq!(spec.timing.failure_threshold, 3);
}

#[test]
fn a_probe_has_exactly_one_method() {
    assert!(matches!(error("{}"), SpecError::Methods(0)));
    let two = r#"{"tcpSocket":{"port":1},"exec":{"command":["true"]}}"#;
    assert!(matches!(error(two), SpecError::Methods(2)));
}

#[test]
fn grpc_and_https_are_refused_by_name() {
    assert!(matches!(error(r#"{"grpc":{"port":1}}"#), SpecError::Unsupported("grpc")));
    let https = r#"{"httpGet":{"port":1,"scheme":"HTTPS"}}"#;
    assert!(matches!(error(https), SpecError::Unsupported(_)));
}

#[test]
fn values_out_of_range_are_refused_by_field() {
    let cases = [
        (r#"{"tcpSocket":{"port":0}}"#, "tcpSocket.port"),
        (r#"{"httpGet":{"port":70000}}"#, "httpGet.port"),
        (r#"{"httpGet":{"port":80,"path":"healthz"}}"#, "httpGet.path"),
        (r#"{"httpGet":{"port":80,"path":"/a b"}}"#, "httpGet.path"),
        (r#"{"httpGet":{"port":80,"scheme":"FTP"}}"#, "httpGet.scheme"),
        (r#"{"httpGet":{"port":80,"httpHeaders":[{"name":"a b","value":""}]}}"#, "httpGet.httpHeaders"),
        (r#"{"exec":{"command":[]}}"#, "exec.command"),
    ];
    for (json, expected) in cases {
        assert!(matches!(error(json), SpecError::Range { field, .. } if field == expected), "{json}");
    }
}

#[test]
fn unknown_fields_and_broken_json_are_refused() {
    assert!(matches!(error(r#"{"tcpSocket":{"port":1},"every":5}"#), SpecError::Json(_)));
    assert!(matches!(error("{"), SpecError::Json(_)));
}
