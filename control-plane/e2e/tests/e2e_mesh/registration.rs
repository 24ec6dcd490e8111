//! Workloads come and go: probes, agents that stop, agents that die.

use std::thread;
use std::time::{Duration, Instant};

use ferro_e2e::{Blueprint, HTTP_PROBE, Load, Mesh, eventually, for_a_while};

const WHO: &str = "http://product:8080/who";
const PRODUCT: &str = "outbound|8080||product.shop.svc.cluster.local";
/// Every WorkloadGroup of these tests says so.
const PROBE_PERIOD: Duration = Duration::from_secs(1);
/// The application's port on this machine stands in the command line of its agent, which is the shell's parent.
const EXEC_PROBE: &str = r#"exec: {command: [sh, -c, 'port=$(tr "\0" "\n" < /proc/$PPID/cmdline | sed -n s/^8080=//p); exec curl -fsS http://127.0.0.1:$port/healthz']}"#;
const PROBES: [&str; 3] = [HTTP_PROBE, "tcpSocket: {port: 8080}", EXEC_PROBE];
const GRACE: Duration = Duration::from_secs(10);

/// Whether the sidecar of version 1 sends requests to version 2.
fn is_endpoint(mesh: &Mesh) -> bool {
    let ip = mesh.workload("product-v2").ip.to_string();
    mesh.endpoints("product-v1", PRODUCT).contains(&ip)
}

fn is_registered(mesh: &Mesh) -> bool {
    let name = format!("product-v2-{}", mesh.workload("product-v2").ip);
    mesh.objects("WorkloadEntry").iter().any(|entry| entry.name == name)
}

fn mesh() -> Mesh {
    probed(HTTP_PROBE)
}

fn probed(probe: &'static str) -> Mesh {
    let mesh = Blueprint::two_versions().probe(probe).up();
    eventually("version 2 is an endpoint", || is_endpoint(&mesh));
    assert!(is_registered(&mesh));
    mesh
}

#[test]
fn a_dead_application_under_a_live_agent_leaves_the_endpoints_within_two_probe_periods_and_comes_back() {
    for probe in PROBES {
        let mut mesh = probed(probe);
        mesh.kill("product-v2.app");
        let took = eventually("version 2 is no endpoint", || !is_endpoint(&mesh));
        assert!(took <= 2 * PROBE_PERIOD, "{took:?} by {probe}");
        assert!(is_registered(&mesh), "the workload is there, only unhealthy");

        mesh.start_again("product-v2.app");
        eventually("version 2 is an endpoint again", || is_endpoint(&mesh));
    }
}

#[test]
fn a_dead_application_stays_out_of_the_endpoints_while_ferrod_starts_anew() {
    for probe in PROBES {
        let mut mesh = probed(probe);
        mesh.kill("product-v2.app");
        eventually("version 2 is no endpoint", || !is_endpoint(&mesh));
        mesh.kill("ferrod");
        mesh.start_ferrod_again();
        for_a_while("version 2 is no endpoint", Duration::from_secs(3), || !is_endpoint(&mesh));
        mesh.settled();
    }
}

#[test]
fn a_probe_added_to_a_group_takes_out_no_workload_whose_agent_was_started_without_one() {
    let mut mesh = Blueprint::two_versions().unprobed().up();
    eventually("version 2 is an endpoint", || is_endpoint(&mesh));
    let services = std::fs::read_to_string(mesh.policy("services.yaml")).unwrap();
    let probed = services.replace("  template:", "  probe: {httpGet: {path: /healthz, port: 8080}}\n  template:");
    assert_ne!(probed, services);
    mesh.rename_in("services.yaml", &probed);
    let in_force = |mesh: &Mesh| mesh.objects("WorkloadGroup").iter().all(|group| group.text.contains("probe:"));
    eventually("the probe is in force", || in_force(&mesh));
    for_a_while("version 2 is an endpoint", Duration::from_secs(2), || is_endpoint(&mesh));

    // Nor when it comes anew: its first life has said that it drains.
    mesh.terminate("product-v2.agent");
    eventually("version 2 is no endpoint", || !is_endpoint(&mesh));
    eventually("the agent has ended", || !mesh.runs("product-v2.agent"));
    mesh.start_again("product-v2.agent");
    eventually("version 2 is an endpoint again", || is_endpoint(&mesh));
}

#[test]
fn a_workload_that_came_before_its_group_is_an_endpoint_when_the_group_comes() {
    let mut mesh = Blueprint::two_versions().unprobed().up();
    let services = std::fs::read_to_string(mesh.policy("services.yaml")).unwrap();
    let groups = services.find("---\napiVersion: networking.istio.io/v1").unwrap();
    mesh.terminate("product-v2.agent");
    eventually("its entry is gone", || !is_registered(&mesh));
    mesh.rename_in("services.yaml", &services[..groups]);
    eventually("the groups are gone", || mesh.objects("WorkloadGroup").is_empty());
    mesh.start_again("product-v2.agent");
    eventually("the agent is back", || mesh.proxy("product-v2").is_some() && mesh.is_ready("product-v2"));
    assert!(!is_registered(&mesh), "its group is not there");
    mesh.rename_in("services.yaml", &services);
    eventually("version 2 is an endpoint", || is_endpoint(&mesh));
}

#[test]
fn a_stopped_agent_leaves_the_endpoints_at_once_without_a_failed_request_and_its_entry_goes_after_the_grace() {
    let mesh = mesh();
    let load = Load::start(2, || mesh.beside("product-v1"), WHO);
    thread::sleep(Duration::from_millis(300));
    let start = Instant::now();
    mesh.terminate("product-v2.agent");
    let took = eventually("version 2 is no endpoint", || !is_endpoint(&mesh));
    assert!(took < Duration::from_secs(1), "{took:?}");
    eventually("the agent has ended", || !mesh.runs("product-v2.agent"));
    thread::sleep(Duration::from_millis(300));
    load.stop().assert_no_failure(100);

    assert!(is_registered(&mesh), "it could come back");
    eventually("its entry is gone", || !is_registered(&mesh));
    let took = start.elapsed();
    assert!((GRACE..GRACE + Duration::from_secs(6)).contains(&took), "{took:?}");
}

#[test]
fn a_killed_agents_entry_goes_after_the_grace() {
    let mesh = mesh();
    let start = Instant::now();
    mesh.kill("product-v2.agent");
    for_a_while("it could come back", GRACE - Duration::from_secs(1), || is_registered(&mesh));
    eventually("its entry is gone", || !is_registered(&mesh));
    assert!(start.elapsed() < GRACE + Duration::from_secs(3), "{:?}", start.elapsed());
    eventually("version 2 is no endpoint", || !is_endpoint(&mesh));
}

#[test]
fn an_agent_that_comes_back_within_the_grace_keeps_its_entry() {
    let mut mesh = mesh();
    let version = |mesh: &Mesh| mesh.objects("WorkloadEntry").iter().map(|entry| entry.resource_version).max();
    let before = version(&mesh);
    mesh.kill("product-v2.agent");
    mesh.start_again("product-v2.agent");
    eventually("the agent is back", || mesh.proxy("product-v2").is_some() && mesh.is_ready("product-v2"));
    for_a_while("it is registered", GRACE + Duration::from_secs(1), || is_registered(&mesh));
    assert_eq!(version(&mesh), before, "nothing was written for it");
    assert!(is_endpoint(&mesh));
}
