use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ferro_model::Limits;

use super::Failure;

/// The most of a plain text that is passed on.
const TEXT: usize = 4 << 10;

/// Says in JSON what axum refuses in plain text: a body that is too large, a query that does not parse, a wrong path.
pub(super) async fn in_json(request: Request, next: Next) -> Response {
    let length = request.headers().get(header::CONTENT_LENGTH).cloned();
    let response = next.run(request).await;
    let status = response.status();
    if is_json(response.headers()) || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let found = length.as_ref().and_then(|length| length.to_str().ok());
    let plain = axum::body::to_bytes(response.into_body(), TEXT).await.unwrap_or_default();
    let plain = String::from_utf8_lossy(&plain);
    Failure::new(status, &text(status, found, plain.trim())).into_response()
}

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

fn text(status: StatusCode, length: Option<&str>, plain: &str) -> String {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let found = length.map_or_else(|| "more".to_owned(), |length| format!("{length} bytes"));
            let limit = Limits::default().file_bytes;
            format!("the request has {found}, at most {limit} bytes are read: split it into several and apply each")
        }
        StatusCode::NOT_FOUND if plain.is_empty() => {
            "there is no such path; is this ferroctl newer than ferrod?".to_owned()
        }
        _ if plain.is_empty() => status.to_string(),
        _ => plain.to_owned(),
    }
}
