//! Access logs in Istio's two formats, which tools and people read.

use ferro_model::mesh_config::{AccessLogEncoding, MeshConfig};
use ferro_xds_protos::wkt;

use crate::pb::accesslog::{AccessLog, AccessLogFilter, ResponseFlagFilter, access_log, access_log_filter};
use crate::pb::core::{DataSource, SubstitutionFormatString, data_source, substitution_format_string};
use crate::pb::ext::access_loggers::file::v3::{FileAccessLog, file_access_log};
use crate::pb::wkt::{Struct, Value};

/// How a field stands in a line of text.
#[derive(Clone, Copy)]
enum Style {
    Plain,
    Quoted,
    /// The first, a middle and the last part of one quoted field.
    Opening,
    Middle,
    Closing,
    Bracketed,
}

/// The fields in the order of the text format: JSON key, Envoy's operator, style (istio-coverage.md §5).
const FIELDS: [(&str, &str, Style); 24] = [
    ("start_time", "%START_TIME%", Style::Bracketed),
    ("method", "%REQ(:METHOD)%", Style::Opening),
    ("path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%", Style::Middle),
    ("protocol", "%PROTOCOL%", Style::Closing),
    ("response_code", "%RESPONSE_CODE%", Style::Plain),
    ("response_flags", "%RESPONSE_FLAGS%", Style::Plain),
    ("response_code_details", "%RESPONSE_CODE_DETAILS%", Style::Plain),
    ("connection_termination_details", "%CONNECTION_TERMINATION_DETAILS%", Style::Plain),
    ("upstream_transport_failure_reason", "%UPSTREAM_TRANSPORT_FAILURE_REASON%", Style::Quoted),
    ("bytes_received", "%BYTES_RECEIVED%", Style::Plain),
    ("bytes_sent", "%BYTES_SENT%", Style::Plain),
    ("duration", "%DURATION%", Style::Plain),
    ("upstream_service_time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%", Style::Plain),
    ("x_forwarded_for", "%REQ(X-FORWARDED-FOR)%", Style::Quoted),
    ("user_agent", "%REQ(USER-AGENT)%", Style::Quoted),
    ("request_id", "%REQ(X-REQUEST-ID)%", Style::Quoted),
    ("authority", "%REQ(:AUTHORITY)%", Style::Quoted),
    ("upstream_host", "%UPSTREAM_HOST%", Style::Quoted),
    ("upstream_cluster", "%UPSTREAM_CLUSTER_RAW%", Style::Plain),
    ("upstream_local_address", "%UPSTREAM_LOCAL_ADDRESS%", Style::Plain),
    ("downstream_local_address", "%DOWNSTREAM_LOCAL_ADDRESS%", Style::Plain),
    ("downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%", Style::Plain),
    ("requested_server_name", "%REQUESTED_SERVER_NAME%", Style::Plain),
    ("route_name", "%ROUTE_NAME%", Style::Plain),
];

/// The logs of a connection manager or TCP proxy; none if the mesh keeps none.
pub(crate) fn of(config: &MeshConfig) -> Vec<AccessLog> {
    if config.access_log_file.is_empty() {
        return Vec::new();
    }
    let file = FileAccessLog {
        path: config.access_log_file.clone(),
        access_log_format: Some(file_access_log::AccessLogFormat::LogFormat(format(config))),
    };
    vec![AccessLog {
        name: "envoy.access_loggers.file".to_owned(),
        filter: None,
        config_type: Some(access_log::ConfigType::TypedConfig(wkt::any(&file))),
    }]
}

/// The log of a listener: only connections that no chain takes, which nothing else would log.
pub(crate) fn unmatched(config: &MeshConfig) -> Vec<AccessLog> {
    let flags = ResponseFlagFilter { flags: vec!["NR".to_owned()] };
    let filter =
        AccessLogFilter { filter_specifier: Some(access_log_filter::FilterSpecifier::ResponseFlagFilter(flags)) };
    of(config).into_iter().map(|log| AccessLog { filter: Some(filter.clone()), ..log }).collect()
}

fn format(config: &MeshConfig) -> SubstitutionFormatString {
    use substitution_format_string::Format;
    let own = config.access_log_format.as_deref();
    let format = match config.access_log_encoding {
        AccessLogEncoding::Text => {
            let line =
                own.map_or_else(text, |own| if own.ends_with('\n') { own.to_owned() } else { format!("{own}\n") });
            let line = data_source::Specifier::InlineString(line);
            Format::TextFormatSource(DataSource { specifier: Some(line), ..DataSource::default() })
        }
        AccessLogEncoding::Json => Format::JsonFormat(own.and_then(parse).unwrap_or_else(json)),
    };
    SubstitutionFormatString { format: Some(format), ..SubstitutionFormatString::default() }
}

fn text() -> String {
    let fields = FIELDS.map(|(_, operator, style)| match style {
        Style::Plain | Style::Middle => operator.to_owned(),
        Style::Quoted => format!("\"{operator}\""),
        Style::Opening => format!("\"{operator}"),
        Style::Closing => format!("{operator}\""),
        Style::Bracketed => format!("[{operator}]"),
    });
    format!("{}\n", fields.join(" "))
}

fn json() -> Struct {
    wkt::struct_of(FIELDS.map(|(key, operator, _)| (key, wkt::string_value(operator))))
}

// A format that is no JSON object is none; the default stands in.
fn parse(text: &str) -> Option<Struct> {
    let serde_json::Value::Object(fields) = serde_json::from_str(text).ok()? else { return None };
    Some(wkt::struct_of(fields.into_iter().map(|(key, value)| (key, proto(value)))))
}

fn proto(value: serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => wkt::string_value(""),
        serde_json::Value::Bool(flag) => wkt::bool_value(flag),
        serde_json::Value::Number(number) => wkt::number_value(number.as_f64().unwrap_or_default()),
        serde_json::Value::String(text) => wkt::string_value(text),
        serde_json::Value::Array(values) => wkt::list_value(values.into_iter().map(proto)),
        serde_json::Value::Object(fields) => {
            wkt::struct_value(wkt::struct_of(fields.into_iter().map(|(key, value)| (key, proto(value)))))
        }
    }
}
