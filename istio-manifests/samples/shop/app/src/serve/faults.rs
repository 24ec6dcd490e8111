//! Delays and errors on request, so that a mesh has something to cope with.
//!
//! * One request: `?delay=100ms` and the header `x-shop-fail: 503`. `x-shop-fail: payment=503` fails the call of that
//!   service wherever it is reached, since the header travels along.
//! * All requests to an instance, until changed: `POST /chaos` with `{"fail": 503, "delay_ms": 20}` or `?fail=503`; `fail`
//!   0 ends it. Health, readiness, statistics and `/chaos` itself keep answering.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::shop::{Service, Shop};
use crate::span::Span;

/// The header that makes one request fail.
pub(super) const FAIL_HEADER: &str = "x-shop-fail";
/// No request is delayed longer.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// What every request to the instance suffers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Chaos {
    /// The status to answer with; 0: none.
    fail: u16,
    delay_ms: u64,
}

/// What a request's query may ask for; other parameters belong to the handlers.
#[derive(Debug, Default, Deserialize)]
struct OnRequest {
    delay: Option<Span>,
}

/// The current faults.
pub(super) async fn show(State(shop): State<Arc<Shop>>) -> Json<Chaos> {
    Json(*shop.chaos())
}

/// Replaces the faults by those of the body, or of the query if there is no body.
pub(super) async fn change(State(shop): State<Arc<Shop>>, query: Query<Chaos>, body: Bytes) -> Response {
    let wanted = if body.is_empty() { Ok(query.0) } else { serde_json::from_slice(&body) };
    match wanted {
        Ok(chaos) if chaos.fail == 0 || status(chaos.fail).is_some() => {
            *shop.chaos() = chaos;
            Json(chaos).into_response()
        }
        Ok(_) => (StatusCode::BAD_REQUEST, "fail must be 0 or a status from 200 to 599\n").into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

/// Delays and fails requests before they reach their handler.
pub(super) async fn inject(State(shop): State<Arc<Shop>>, request: Request, next: Next) -> Response {
    let chaos = *shop.chaos();
    let asked = match Query::<OnRequest>::try_from_uri(request.uri()) {
        Ok(Query(asked)) => asked,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    };
    let delay = Duration::from_millis(chaos.delay_ms).saturating_add(asked.delay.unwrap_or_default().0);
    if !delay.is_zero() {
        tokio::time::sleep(delay.min(LONGEST_DELAY)).await;
    }
    match asked_failure(request.headers(), shop.service()).or_else(|| status(chaos.fail)) {
        Some(status) => (status, format!("{} fails as it was told\n", shop.service())).into_response(),
        None => next.run(request).await,
    }
}

/// The status that the header demands of this service: `503` of whoever gets it, `payment=503` of payment.
fn asked_failure(headers: &HeaderMap, service: Service) -> Option<StatusCode> {
    let value = headers.get(FAIL_HEADER)?.to_str().ok()?;
    let code = match value.split_once('=') {
        Some((name, code)) if name.trim() == service.name() => code,
        Some(_) => return None,
        None => value,
    };
    status(code.trim().parse().ok()?)
}

/// A status a response can end with.
fn status(code: u16) -> Option<StatusCode> {
    StatusCode::from_u16(code).ok().filter(|_| (200..600).contains(&code))
}
