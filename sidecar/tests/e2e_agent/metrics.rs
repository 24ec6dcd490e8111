//! One page of metrics for agent, Envoy and application.

use std::time::Duration;

use crate::{
    fake_ferrod::FakeFerrod,
    mesh::{Agent, application, get, own_address},
    resources::{CLUSTER, FILTER, ROUTE, serve_inbound},
};

#[tokio::test]
async fn the_page_shows_the_agents_envoys_and_the_applications_metrics() {
    let ferrod = FakeFerrod::start().await;
    let (app, _) = application("shop_orders_total 5", Duration::ZERO).await;
    let ip = own_address();
    serve_inbound(&ferrod, ip, app);
    let mapping = format!("--app-port=8080={}", app.port());
    let agent = Agent::start(&ferrod, ip, &[&mapping, "--app-metrics=8080"]);
    agent.ready().await;
    for _ in 0..3 {
        assert_eq!(get(agent.at(8080), "/").await.unwrap().status, 200);
    }

    let page = get(agent.at(15020), "/stats/prometheus").await.unwrap().body;
    for line in [
        "istio_build{component=\"ferro-agent\",tag=\"ferromesh-0.1.0\"} 1".to_owned(),
        "ferro_agent_envoy_running 1".to_owned(),
        "ferro_agent_xds_connected 1".to_owned(),
        format!("envoy_cluster_upstream_rq_total{{cluster_name=\"{CLUSTER}\"}} 3"),
        format!("envoy_cluster_upstream_rq{{cluster_name=\"{CLUSTER}\",response_code=\"200\"}} 3"),
        format!("envoy_http_downstream_rq_total{{http_conn_manager_prefix=\"inbound_{ip}_8080\"}} 3"),
        format!("envoy_listener_downstream_cx_total{{listener_address=\"{ip}_8080\"}} 3"),
        format!(
            "envoy_http_rds_update_success{{http_conn_manager_prefix=\"inbound_{ip}_8080\",rds_route_config=\"{ROUTE}\"}} 1"
        ),
        format!("envoy_extension_config_discovery_http_filter_config_reload{{extension_config=\"{FILTER}\"}} 1"),
        "shop_orders_total 5".to_owned(),
        "istio_agent_scrape_failures_total{type=\"envoy\"} 0".to_owned(),
    ] {
        assert!(page.lines().any(|found| found == line), "missing: {line}\n{page}");
    }
    let stray: Vec<&str> = page.lines().filter(|line| line.contains(';') && !line.starts_with('#')).collect();
    assert!(stray.is_empty(), "names that no tag rule took apart: {stray:#?}");
}

#[tokio::test]
async fn an_application_without_metrics_is_counted_and_costs_nothing_else() {
    let ferrod = FakeFerrod::start().await;
    let (app, serving) = application("", Duration::ZERO).await;
    let ip = own_address();
    serve_inbound(&ferrod, ip, app);
    let mapping = format!("--app-port=8080={}", app.port());
    let agent = Agent::start(&ferrod, ip, &[&mapping, "--app-metrics=8080"]);
    agent.ready().await;
    serving.abort();
    let page = get(agent.at(15020), "/stats/prometheus").await.unwrap().body;
    assert!(page.contains("\nistio_agent_scrape_failures_total{type=\"application\"} 1\n"));
    assert!(page.contains("envoy_server_live 1") || page.contains("envoy_server_live{} 1"), "{page}");
}

#[tokio::test]
async fn envoys_own_port_shows_metrics_and_nothing_else_of_its_admin_interface() {
    let ferrod = FakeFerrod::start().await;
    let (app, _) = application("", Duration::ZERO).await;
    let ip = own_address();
    serve_inbound(&ferrod, ip, app);
    let agent = Agent::start(&ferrod, ip, &[]);
    agent.ready().await;
    assert_eq!(get(agent.at(15090), "/stats/prometheus").await.unwrap().status, 200);
    for path in ["/config_dump", "/stats", "/quitquitquit", "/"] {
        assert_eq!(get(agent.at(15090), path).await.unwrap().status, 404, "{path}");
    }
}
