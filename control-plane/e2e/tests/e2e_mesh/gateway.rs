//! From outside into the mesh.

use ferro_e2e::{Blueprint, Client, eventually};

const GATEWAY: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shop, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 8080, name: http, protocol: HTTP}, hosts: [shop.example.com]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: front, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [shop]
  http:
  - name: front
    match: [{uri: {prefix: /who}}]
    route: [{destination: {host: product, port: {number: 8080}}}]
";

#[test]
fn a_request_from_outside_reaches_a_service_through_the_gateway_and_an_unknown_host_is_404() {
    let mesh = Blueprint::new(ferro_e2e::Mode::Loopback)
        .workload("product", "v1")
        .gateway("ingress")
        .file("gateway.yaml", GATEWAY)
        .up();
    let url = |path: &str| format!("http://{}:8080{path}", mesh.workload("ingress").ip);
    let outside = Client::outside();
    let status = |host: &str, path: &str| outside.get_with(&url(path), &[("host", host)]).map(|answer| answer.status);
    eventually("the gateway serves", || status("shop.example.com", "/who") == Ok(200));

    let answer = outside.get_with(&url("/who"), &[("host", "shop.example.com")]).unwrap();
    assert_eq!((answer.version(), answer.headers["x-shop-service"].as_str()), ("v1", "product"));
    assert_eq!(status("shop.example.com", "/elsewhere"), Ok(404), "a path without a route");
    assert_eq!(status("other.example.com", "/who"), Ok(404), "an unknown host");
    assert_eq!(status("product.shop.svc.cluster.local", "/who"), Ok(404), "a host of the mesh that is not let in");

    std::fs::remove_file(mesh.policy("gateway.yaml")).unwrap();
    eventually("nobody is let in any more", || status("shop.example.com", "/who") != Ok(200));
}
