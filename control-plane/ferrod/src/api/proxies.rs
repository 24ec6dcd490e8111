use std::time::Instant;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ferro_api::ProxyStatus;
use ferro_process::supervise::Chain;
use ferro_xds_protos::json::Decoder;
use ferro_xds_protos::{Kind, Resource};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, Failure};
use crate::status;

pub(super) async fn list(State(api): State<Api>) -> Json<Vec<ProxyStatus>> {
    let now = Instant::now();
    let mut proxies: Vec<ProxyStatus> = api
        .xds
        .statuses()
        .iter()
        .filter_map(|session| {
            let (node, snapshot) = (api.control.node(session.stream)?, api.control.snapshot_of(session.stream)?);
            Some(status::proxy(session, &node, &snapshot, now))
        })
        .collect();
    proxies.sort_by(|a, b| a.name.cmp(&b.name));
    Json(proxies)
}

#[derive(Debug, Deserialize)]
pub(super) struct Which {
    #[serde(rename = "proxyID")]
    proxy_id: String,
}

/// Every resource as the proxy gets it: name, version, and the message as proto JSON.
pub(super) async fn config_dump(State(api): State<Api>, Query(which): Query<Which>) -> Result<Json<Value>, Failure> {
    let sessions = api.xds.statuses();
    let stream = sessions.iter().find(|session| is(&session.node, &which.proxy_id)).map(|session| session.stream);
    let Some(snapshot) = stream.and_then(|stream| api.control.snapshot_of(stream)) else {
        return Err(Failure::new(StatusCode::NOT_FOUND, &format!("no connected proxy `{}`", which.proxy_id)));
    };
    let decoder = Decoder::new().map_err(|error| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, &error))?;
    let kinds = Kind::ALL.into_iter().filter(|kind| !snapshot.is_empty(*kind));
    let dump = kinds.map(|kind| {
        let resources: Vec<Value> = snapshot.iter(kind).map(|resource| shown(&decoder, kind, resource)).collect();
        (kind.short().to_owned(), json!({ "typeUrl": kind.type_url(), "resources": resources }))
    });
    Ok(Json(Value::Object(dump.collect())))
}

/// One that cannot be shown is told with its bytes: the dump is for those who look for a mistake.
fn shown(decoder: &Decoder, kind: Kind, resource: &Resource) -> Value {
    let mut entry = json!({ "name": resource.name(), "version": resource.version() });
    match decoder.json(kind, resource) {
        Ok(message) => entry["resource"] = message,
        Err(error) => {
            entry["error"] = Chain(&error).to_string().into();
            entry["any"] = BASE64.encode(resource.sotw_frame()).into();
        }
    }
    entry
}

/// A node id, or the `name.namespace` in it.
fn is(node: &str, wanted: &str) -> bool {
    node == wanted || node.split('~').nth(2) == Some(wanted)
}
