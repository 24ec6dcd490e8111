//! What the shop is for: users buy products. An order asks user and product, then payment, then notification.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use http::{Method, Request};
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;
use serde_json::{Value, json};

use super::propagate::passed_on;
use super::shop::{Service, Shop};
use crate::client::{self, NoResponse};

/// Patience with another service. The mesh's timeouts are meant to strike first.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// The biggest answer that is read.
const ANSWER_LIMIT: usize = 64 * 1024;

const USERS: [&str; 4] = ["Ada", "Grace", "Edsger", "Barbara"];
/// Name, price in cents, and the rating that version v2 shows.
const PRODUCTS: [(&str, u32, f32); 4] =
    [("anvil", 4900, 4.5), ("lantern", 2350, 4.8), ("compass", 1800, 3.9), ("rope", 950, 4.1)];

type Shared = State<Arc<Shop>>;

/// What a customer wants; numbers start at 1.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Wish {
    user: usize,
    product: usize,
}

/// Why another service was of no use.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("{0} cannot be reached: {1}")]
    NoResponse(Service, NoResponse),
    #[error("{0} took longer than {CALL_TIMEOUT:?}")]
    TooSlow(Service),
    #[error("{0} answered {1}")]
    Status(Service, StatusCode),
    #[error("{0} gave an answer that is not understood")]
    Answer(Service),
}

/// The routes of one service.
pub(super) fn router(service: Service) -> Router<Arc<Shop>> {
    let router = Router::new();
    match service {
        Service::User => router.route("/users/{id}", get(user)),
        Service::Product => router.route("/products", get(products)).route("/products/{id}", get(product)),
        Service::Payment => router.route("/payments", post(payment)),
        Service::Notification => router.route("/notifications", post(notification)),
        Service::Order => router.route("/orders", any(order)),
    }
}

async fn user(Path(id): Path<usize>) -> Response {
    match nth(&USERS, id) {
        Some(name) => Json(json!({"id": id, "name": name})).into_response(),
        None => not_found("user", id),
    }
}

async fn products(State(shop): Shared) -> Json<Value> {
    let all: Vec<_> = PRODUCTS.iter().enumerate().map(|(index, product)| describe(&shop, index + 1, product)).collect();
    Json(json!(all))
}

async fn product(State(shop): Shared, Path(id): Path<usize>) -> Response {
    match nth(&PRODUCTS, id) {
        Some(product) => Json(describe(&shop, id, product)).into_response(),
        None => not_found("product", id),
    }
}

/// A product as this version shows it: ratings came with v2.
fn describe(shop: &Shop, id: usize, (name, price, rating): &(&str, u32, f32)) -> Value {
    let mut product = json!({"id": id, "name": name, "price_cents": price});
    if shop.version() != "v1" {
        product["rating"] = json!(rating);
    }
    product
}

async fn payment(Json(payment): Json<Value>) -> Response {
    match payment.get("amount_cents").and_then(Value::as_u64) {
        Some(amount) => Json(json!({"paid_cents": amount})).into_response(),
        None => (StatusCode::BAD_REQUEST, "amount_cents is missing\n").into_response(),
    }
}

async fn notification(Json(message): Json<Value>) -> (StatusCode, Json<Value>) {
    (StatusCode::ACCEPTED, Json(json!({"queued": message})))
}

/// Places an order. A customer who cannot be notified still gets what was paid for; everything else must succeed.
async fn order(State(shop): Shared, headers: HeaderMap, Query(wish): Query<Wish>) -> Response {
    match place(&shop, &headers, &wish).await {
        Ok(order) => Json(order).into_response(),
        Err(error) => {
            let status = match error {
                CallError::Status(_, StatusCode::NOT_FOUND) => StatusCode::NOT_FOUND,
                CallError::TooSlow(_) => StatusCode::GATEWAY_TIMEOUT,
                _ => StatusCode::BAD_GATEWAY,
            };
            (status, Json(json!({"error": error.to_string()}))).into_response()
        }
    }
}

async fn place(shop: &Shop, headers: &HeaderMap, wish: &Wish) -> Result<Value, CallError> {
    let (user, product) = (format!("/users/{}", wish.user), format!("/products/{}", wish.product));
    let (user, product) = tokio::try_join!(
        call(shop, headers, Service::User, &user, None),
        call(shop, headers, Service::Product, &product, None),
    )?;
    let bill = json!({"amount_cents": product["price_cents"]});
    let payment = call(shop, headers, Service::Payment, "/payments", Some(bill)).await?;
    let message = json!({"to": user["name"], "text": product["name"]});
    let notification = call(shop, headers, Service::Notification, "/notifications", Some(message))
        .await
        .unwrap_or_else(|error| json!({"error": error.to_string()}));
    let mut order = shop.identity();
    order["order"] = json!(shop.next_order());
    order["user"] = user;
    order["product"] = product;
    order["payment"] = payment;
    order["notification"] = notification;
    Ok(order)
}

/// Calls another service for the request that had `headers`. The answer says which version gave it.
async fn call(
    shop: &Shop,
    headers: &HeaderMap,
    service: Service,
    path: &str,
    body: Option<Value>,
) -> Result<Value, CallError> {
    let calling = exchange(shop, headers, service, path, body);
    tokio::time::timeout(CALL_TIMEOUT, calling).await.unwrap_or(Err(CallError::TooSlow(service)))
}

async fn exchange(
    shop: &Shop,
    headers: &HeaderMap,
    service: Service,
    path: &str,
    body: Option<Value>,
) -> Result<Value, CallError> {
    let method = if body.is_some() { Method::POST } else { Method::GET };
    let content = body.map_or_else(client::empty, |body| client::full(body.to_string()));
    let mut request = Request::new(content);
    *request.method_mut() = method;
    *request.uri_mut() = shop.url(service, path).parse().map_err(|_| CallError::Answer(service))?;
    *request.headers_mut() = passed_on(headers);
    request.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));

    let response = shop.client.send(request).await.map_err(|error| CallError::NoResponse(service, error))?;
    if !response.status().is_success() {
        return Err(CallError::Status(service, response.status()));
    }
    let version = response.headers().get("x-shop-version").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let answer =
        Limited::new(response.into_body(), ANSWER_LIMIT).collect().await.map_err(|_| CallError::Answer(service))?;
    let answer: Value = serde_json::from_slice(&answer.to_bytes()).map_err(|_| CallError::Answer(service))?;
    match answer {
        Value::Object(mut fields) => {
            fields.insert("version".to_owned(), json!(version));
            Ok(Value::Object(fields))
        }
        _ => Err(CallError::Answer(service)),
    }
}

// === impl Wish ===

impl Default for Wish {
    fn default() -> Self {
        Self { user: 1, product: 1 }
    }
}

/// The item with this number, counted from 1.
fn nth<T>(items: &[T], number: usize) -> Option<&T> {
    items.get(number.checked_sub(1)?)
}

fn not_found(what: &str, id: usize) -> Response {
    (StatusCode::NOT_FOUND, format!("no {what} {id}\n")).into_response()
}
