//! ferrod, agents and Envoys die, and requests pass (architecture.md §3, point 8).

use std::thread;
use std::time::Duration;

use ferro_e2e::{Blueprint, Client, Load, Mesh, eventually};

use crate::weights::split;
use crate::{BANK, BANK_CLUSTER};

const WHO: &str = "http://product:8080/who";

/// Whether requests pass, and by the route that sends them to version 2.
fn serves(client: &Client) -> bool {
    (0..5).all(|_| client.get(WHO).is_ok_and(|answer| answer.status == 200 && answer.version() == "v2"))
}

/// A mesh whose agents have written everything they know to their last-known-good files.
fn mesh() -> Mesh {
    let mesh = Blueprint::two_versions().file("route.yaml", &split(0, 100)).file("bank.yaml", BANK).up();
    mesh.settled();
    for workload in ["product-v1", "product-v2"] {
        eventually("the route is in force", || serves(&mesh.beside(workload)));
        // The file is written at most once a second, and the newest is what counts.
        let file = mesh.agent_file(workload, "last-known-good");
        eventually("the cache is written", || file.exists());
    }
    thread::sleep(Duration::from_millis(1_200));
    mesh
}

fn notices_that_ferrod_is_away(mesh: &Mesh, workload: &str) {
    eventually("the agent notices that ferrod is away", || {
        mesh.agent_page(workload, "/stats/prometheus")
            .is_some_and(|page| page.contains("\nferro_agent_xds_connected 0\n"))
    });
}

#[test]
fn no_request_fails_while_ferrod_is_killed_and_what_changed_meanwhile_comes_with_its_return() {
    let mut mesh = mesh();
    let load = Load::start(3, || mesh.beside("product-v1"), WHO);
    thread::sleep(Duration::from_millis(300));
    mesh.kill("ferrod");
    mesh.rename_in("route.yaml", &split(100, 0));
    thread::sleep(Duration::from_millis(1_500));
    mesh.start_ferrod_again();
    let client = mesh.beside("product-v2");
    eventually("the new route is in force", || client.get(WHO).is_ok_and(|answer| answer.version() == "v1"));
    mesh.settled();
    let tally = load.stop();
    tally.assert_no_failure(300);
    assert!(tally.versions.contains_key("v1") && tally.versions.contains_key("v2"), "{tally:?}");
}

#[test]
fn an_envoy_killed_while_ferrod_is_away_serves_again_from_the_cache() {
    let mut mesh = mesh();
    mesh.kill("ferrod");
    notices_that_ferrod_is_away(&mesh, "product-v1");
    let client = mesh.beside("product-v1");
    assert!(serves(&client), "losing ferrod costs no request");

    let first = mesh.envoy_pid("product-v1");
    mesh.kill_envoy("product-v1");
    let took = eventually("another Envoy serves", || serves(&client));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_ne!(mesh.envoy_pid("product-v1"), first);
    eventually("the sidecar is ready", || mesh.is_ready("product-v1"));

    mesh.start_ferrod_again();
    mesh.settled();
    assert!(serves(&client));
}

#[test]
fn an_agent_and_its_envoy_started_anew_while_ferrod_is_away_serve_from_the_cache_file() {
    let mut mesh = mesh();
    mesh.kill("ferrod");
    for workload in ["product-v1", "product-v2"] {
        mesh.kill(&format!("{workload}.agent"));
        mesh.start_again(&format!("{workload}.agent"));
    }
    // Both sides of a request come from the cache now: version 1's outbound and version 2's inbound.
    let client = mesh.beside("product-v1");
    eventually("requests pass", || serves(&client));
    for workload in ["product-v1", "product-v2"] {
        eventually("the sidecar is ready", || mesh.is_ready(workload));
    }

    mesh.start_ferrod_again();
    mesh.settled();
    assert!(serves(&client));
}

#[test]
fn what_was_deleted_while_ferrod_was_away_leaves_every_envoy_when_it_is_back() {
    let mut mesh = mesh();
    mesh.kill("ferrod");
    notices_that_ferrod_is_away(&mesh, "product-v1");
    // Version 2 holds the deleted cluster only because its cache did; version 1's Envoy never stopped.
    mesh.kill("product-v2.agent");
    mesh.start_again("product-v2.agent");
    eventually("version 2 serves from the cache", || serves(&mesh.beside("product-v2")));
    for workload in ["product-v1", "product-v2"] {
        assert!(mesh.clusters(workload).contains(&BANK_CLUSTER.to_owned()), "{workload}");
    }
    std::fs::remove_file(mesh.policy("bank.yaml")).unwrap();
    mesh.start_ferrod_again();
    for workload in ["product-v1", "product-v2"] {
        eventually("the cluster is gone", || !mesh.clusters(workload).contains(&BANK_CLUSTER.to_owned()));
        assert!(serves(&mesh.beside(workload)), "{workload} keeps the rest");
    }
    mesh.settled();
}

#[test]
fn an_envoy_killed_while_ferrod_is_there_is_back_with_the_newest_configuration() {
    let mesh = mesh();
    let first = mesh.envoy_pid("product-v1");
    mesh.kill_envoy("product-v1");
    mesh.rename_in("route.yaml", &split(100, 0));
    let client = mesh.beside("product-v1");
    eventually("the newest route is in force", || client.get(WHO).is_ok_and(|answer| answer.version() == "v1"));
    assert_ne!(mesh.envoy_pid("product-v1"), first);
    mesh.settled();
}
