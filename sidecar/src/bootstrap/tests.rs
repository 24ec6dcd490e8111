use clap::Parser;
use serde_json::{Value, json};

use super::{bootstrap, node};
use crate::{args::Args, config::Config};

fn config(more: &[&str]) -> Config {
    let base = ["ferro-agent", "--ip", "127.77.0.5", "--workload", "product-v1", "--namespace", "shop"];
    Config::resolve(Args::try_parse_from(base.iter().chain(more)).unwrap()).unwrap()
}

#[test]
fn the_node_carries_istios_metadata_keys() {
    let node = node(&config(&["--labels", "app=product,version=v1", "--group", "product-v1", "--capture", "none"]));
    assert_eq!(node["id"], "sidecar~127.77.0.5~product-v1.shop~shop.svc.cluster.local");
    assert_eq!(node["cluster"], "product.shop");
    let metadata = &node["metadata"];
    assert_eq!(metadata["LABELS"], json!({ "app": "product", "version": "v1" }));
    assert_eq!(metadata["AUTO_REGISTER_GROUP"], "product-v1");
    assert_eq!(metadata["INTERCEPTION_MODE"], "NONE");
    assert_eq!(metadata["INSTANCE_IPS"], "127.77.0.5");
}

#[test]
fn application_ports_are_told_only_where_nothing_is_captured() {
    let none = node(&config(&["--capture", "none", "--app-port", "8080=31001"]));
    assert_eq!(none["metadata"]["FERRO_APP_PORTS"], json!({ "8080": 31001 }));
    let redirect = node(&config(&[]));
    assert_eq!(redirect["metadata"]["FERRO_APP_PORTS"], Value::Null);
    assert_eq!(redirect["metadata"]["INTERCEPTION_MODE"], "REDIRECT");
}

#[test]
fn a_workload_without_an_app_label_is_named_by_itself() {
    assert_eq!(node(&config(&[]))["cluster"], "product-v1.shop");
}

#[test]
fn an_unknown_locality_is_absent_rather_than_empty() {
    assert_eq!(node(&config(&[]))["locality"], Value::Null);
    let somewhere = node(&config(&["--locality", "eu/eu-1"]));
    assert_eq!(somewhere["locality"], json!({ "region": "eu", "zone": "eu-1", "sub_zone": "" }));
}

#[test]
fn the_same_configuration_gives_the_same_bytes() {
    let text = || bootstrap(&config(&["--labels", "b=2,a=1,c=3", "--capture", "none"])).to_string();
    assert_eq!(text(), text());
}
