//! Services on free ports, and requests to them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Service, Shop, Upstream, run};
use crate::check::{Exchange, Target, hold};
use crate::client::{self, Client};

/// A running service; stops with the test.
struct Running {
    address: SocketAddr,
    shop: Arc<Shop>,
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

async fn start(service: Service, version: &str, upstreams: &[(Service, SocketAddr)]) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let url = |address: &SocketAddr| format!("http://{address}").parse().expect("a URL");
    let upstreams: BTreeMap<_, _> = upstreams.iter().map(|(service, address)| (*service, url(address))).collect();
    let shop = Shop::new(service, version.to_owned(), format!("{service}-1"), &upstreams, None);
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(run(listener, Arc::clone(&shop), shutdown.clone()));
    Running { address, shop, shutdown, task }
}

/// All five services, order last.
async fn start_all() -> Vec<Running> {
    let mut running = Vec::new();
    let mut places = Vec::new();
    let others = [Service::User, Service::Product, Service::Payment, Service::Notification];
    for service in others {
        let started = start(service, "v1", &[]).await;
        places.push((service, started.address));
        running.push(started);
    }
    running.push(start(Service::Order, "v1", &places).await);
    running
}

impl Running {
    async fn send(&self, request: http::request::Builder, path: &str, body: &str) -> Response<Incoming> {
        let url = format!("http://{}{path}", self.address);
        let request = request.uri(url).body(client::full(body.to_owned())).expect("valid");
        Client::new(None).send(request).await.expect("a response")
    }

    async fn get(&self, path: &str) -> Response<Incoming> {
        self.send(Request::builder(), path, "").await
    }

    async fn post(&self, path: &str, body: &str) -> Response<Incoming> {
        self.send(Request::builder().method("POST").header("content-type", "application/json"), path, body).await
    }

    fn target(&self, path: &str) -> Target {
        Target::direct(&format!("http://{}{path}", self.address))
    }
}

async fn text(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.expect("a whole body").to_bytes();
    String::from_utf8(body.to_vec()).expect("text")
}

async fn json_of(response: Response<Incoming>) -> Value {
    serde_json::from_str(&text(response).await).expect("JSON")
}

#[tokio::test]
async fn who_names_service_version_instance_and_the_headers_it_saw() {
    let product = start(Service::Product, "v2", &[]).await;
    let response = product.send(Request::builder().header("x-user", "ada"), "/who", "").await;
    assert_eq!(response.headers()["x-shop-version"], "v2");
    let answer = json_of(response).await;
    assert_eq!((&answer["service"], &answer["version"]), (&json!("product"), &json!("v2")));
    assert_eq!((&answer["instance"], &answer["headers"]["x-user"]), (&json!("product-1"), &json!("ada")));
}

#[tokio::test]
async fn an_order_asks_all_the_others_and_names_their_versions() {
    let shop = start_all().await;
    let order = json_of(shop[4].get("/orders?user=2&product=3").await).await;
    assert_eq!(order["user"]["name"], "Grace");
    assert_eq!((&order["product"]["name"], &order["product"]["version"]), (&json!("compass"), &json!("v1")));
    assert_eq!(order["payment"]["paid_cents"], 1800);
    assert_eq!(order["notification"]["queued"]["to"], "Grace");
    assert_eq!(order["order"], 1);
}

#[tokio::test]
async fn ratings_come_with_version_2() {
    let (old, new) = (start(Service::Product, "v1", &[]).await, start(Service::Product, "v2", &[]).await);
    assert_eq!(json_of(old.get("/products/1").await).await["rating"], Value::Null);
    assert_eq!(json_of(new.get("/products/1").await).await["rating"], 4.5);
    assert_eq!(json_of(new.get("/products").await).await.as_array().map(Vec::len), Some(4));
    assert_eq!(new.get("/products/9").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_was_ordered_but_does_not_exist_is_not_found() {
    let shop = start_all().await;
    for path in ["/orders?product=9", "/orders?user=0"] {
        assert_eq!(shop[4].get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn traces_and_the_user_travel_with_an_order_but_nothing_else_does() {
    let (seen, mut received) = tokio::sync::mpsc::channel::<HeaderMap>(4);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let spy = listener.local_addr().expect("bound");
    let answer = move |headers: HeaderMap| async move {
        seen.send(headers).await.expect("the test waits");
        axum::Json(json!({"name": "spy", "price_cents": 1}))
    };
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    let places: Vec<_> = Service::value_variants().iter().map(|service| (*service, spy)).collect();
    let order = start(Service::Order, "v1", &places).await;

    let marks = [("x-request-id", "r1"), ("traceparent", "00-1-2-01"), ("b3", "1-2-1"), ("x-user", "ada")];
    let request = marks.iter().fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
    let response = order.send(request.header("x-private", "1"), "/orders", "").await;
    assert_eq!(response.status(), StatusCode::OK);
    for _ in 0..4 {
        let headers = received.recv().await.expect("four calls");
        for (name, value) in marks {
            assert_eq!(headers[name], value);
        }
        assert!(!headers.contains_key("x-private"));
    }
}

#[tokio::test]
async fn the_fail_header_fails_the_service_it_names_wherever_that_is_reached() {
    let shop = start_all().await;
    let failing = |what| Request::builder().header("x-shop-fail", what);
    assert_eq!(shop[4].send(failing("503"), "/who", "").await.status(), 503);
    assert_eq!(shop[4].send(failing("payment=503"), "/who", "").await.status(), 200);
    let failed = shop[4].send(failing("payment=503"), "/orders", "").await;
    assert_eq!(failed.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(json_of(failed).await["error"], "payment answered 503 Service Unavailable");
}

#[tokio::test]
async fn a_customer_who_cannot_be_notified_still_gets_the_order() {
    let shop = start_all().await;
    let order = shop[4].send(Request::builder().header("x-shop-fail", "notification=500"), "/orders", "").await;
    assert_eq!(order.status(), StatusCode::OK);
    assert_eq!(json_of(order).await["notification"]["error"], "notification answered 500 Internal Server Error");
}

#[tokio::test]
async fn a_service_that_is_away_is_named() {
    let order = start(Service::Order, "v1", &[(Service::User, ([127, 0, 0, 1], 1).into())]).await;
    let failed = order.get("/orders").await;
    assert_eq!(failed.status(), StatusCode::BAD_GATEWAY);
    let error = json_of(failed).await["error"].to_string();
    assert!(error.contains("cannot be reached: connect:"), "{error}");
}

#[tokio::test]
async fn chaos_fails_everything_but_health_statistics_and_itself_until_it_is_ended() {
    let user = start(Service::User, "v1", &[]).await;
    assert_eq!(user.post("/chaos", r#"{"fail":503}"#).await.status(), 200);
    assert_eq!(user.get("/users/1").await.status(), 503);
    assert_eq!(user.get("/who").await.status(), 503);
    for path in ["/healthz", "/ready", "/stats", "/chaos"] {
        assert_eq!(user.get(path).await.status(), 200, "{path}");
    }
    assert_eq!(user.post("/chaos?fail=0", "").await.status(), 200);
    assert_eq!(user.get("/users/1").await.status(), 200);
}

#[tokio::test]
async fn chaos_that_makes_no_sense_is_refused_and_changes_nothing() {
    let user = start(Service::User, "v1", &[]).await;
    for body in [r#"{"fail":42}"#, r#"{"fail":700}"#, r#"{"fial":503}"#, "503"] {
        assert_eq!(user.post("/chaos", body).await.status(), 400, "{body}");
    }
    assert_eq!(json_of(user.get("/chaos").await).await, json!({"fail": 0, "delay_ms": 0}));
}

#[tokio::test]
async fn a_request_is_delayed_by_what_it_and_the_chaos_ask_for() {
    let user = start(Service::User, "v1", &[]).await;
    user.post("/chaos", r#"{"delay_ms":20}"#).await;
    let start = Instant::now();
    assert_eq!(user.get("/who?delay=30ms").await.status(), 200);
    assert!(start.elapsed() >= Duration::from_millis(50), "{:?}", start.elapsed());
    assert_eq!(user.get("/who?delay=soon").await.status(), 400);
}

#[tokio::test]
async fn requests_are_counted_by_their_first_segment() {
    let user = start(Service::User, "v1", &[]).await;
    for path in ["/who", "/who?x=1", "/users/1", "/users/2", "/nowhere"] {
        user.get(path).await;
    }
    let stats = json_of(user.get("/stats").await).await;
    assert_eq!(stats["requests"], json!({"/who": 2, "/users": 2, "/stats": 1, "other": 1}));
}

#[tokio::test]
async fn a_stream_has_the_asked_number_of_lines() {
    let user = start(Service::User, "v1", &[]).await;
    let lines = text(user.get("/stream?chunks=3&interval=1ms").await).await;
    let numbers: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(numbers.iter().map(|line| &line["chunk"]).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(user.get("/stream?chunks=1000001").await.status(), 400);
}

#[tokio::test]
async fn an_upload_is_answered_with_its_size_and_hash() {
    let user = start(Service::User, "v1", &[]).await;
    let answer = json_of(user.post("/upload", "abc").await).await;
    assert_eq!(answer["bytes"], 3);
    assert_eq!(answer["sha256"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[tokio::test]
async fn long_exchanges_survive_when_nothing_happens() {
    let user = start(Service::User, "v1", &[]).await;
    let upload = Exchange::Upload { target: user.target("/upload"), bytes: 300_001, bytes_per_second: Some(3_000_000) };
    for exchange in [
        Exchange::Websocket { target: user.target("/ws"), seconds: 1 },
        Exchange::Stream { target: user.target("/stream"), seconds: 1 },
        upload,
    ] {
        let survival = hold(exchange.clone()).await;
        assert_eq!((survival.error, survival.received), (None, survival.sent), "{exchange:?}");
        assert!(survival.sent >= 10, "{exchange:?}");
    }
}

#[tokio::test]
async fn long_exchanges_with_a_service_that_does_not_know_them_are_errors() {
    let user = start(Service::User, "v1", &[]).await;
    for exchange in [
        Exchange::Websocket { target: user.target("/who"), seconds: 1 },
        Exchange::Stream { target: user.target("/nowhere"), seconds: 1 },
        Exchange::Upload { target: user.target("/nowhere"), bytes: 10, bytes_per_second: None },
    ] {
        assert!(hold(exchange.clone()).await.error.is_some(), "{exchange:?}");
    }
}

#[tokio::test]
async fn at_shutdown_running_requests_finish_and_readiness_ends() {
    let user = start(Service::User, "v1", &[]).await;
    let slow = tokio::spawn({
        let url = format!("http://{}/who?delay=200ms", user.address);
        async move { Client::new(None).send(Request::get(url).body(client::empty()).expect("valid")).await }
    });
    while user.shop.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    user.shutdown.cancel();
    let response = slow.await.expect("no panic").expect("an answer");
    assert_eq!(response.status(), 200);
    assert!(user.shop.is_stopping());
    user.task.await.expect("no panic").expect("a clean end");
}

#[test]
fn an_upstream_is_a_service_and_a_url() {
    let upstream: Upstream = "product=http://127.0.0.1:9000".parse().expect("valid");
    assert_eq!(upstream, Upstream { service: Service::Product, url: "http://127.0.0.1:9000".parse().expect("a URL") });
    for text in ["product", "stock=http://a", "product=https://a", "product=http://a/path", "product=a"] {
        assert!(text.parse::<Upstream>().is_err(), "{text}");
    }
}
