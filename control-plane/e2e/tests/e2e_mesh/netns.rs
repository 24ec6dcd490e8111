//! Workloads in network namespaces, as pods: needs root.

use std::fs;
use std::path::Path;

use ferro_e2e::{Blueprint, Mesh, Mode, SUBSETS, eventually};

use crate::weights::split;

/// Whether namespaces can be made here. A machine that is to test everything must be able to.
fn possible(test: &str) -> bool {
    let root = nix::unistd::geteuid().is_root();
    assert!(
        root || std::env::var_os("CI").is_none_or(|value| value != "true"),
        "{test} needs root, and CI must not skip it"
    );
    if !root {
        eprintln!("SKIPPED {test}: network namespaces need root");
    }
    root
}

fn mesh() -> Mesh {
    let mesh = Blueprint::new(Mode::Netns).workload("user", "v1").workload("product", "v1").workload("product", "v2");
    mesh.file("subsets.yaml", SUBSETS).file("route.yaml", &split(100, 0)).up()
}

/// What of the mesh is left in the kernel and on disk: namespaces, links, resolver folders.
fn leftovers(mesh: &Mesh) -> Vec<String> {
    let netns = mesh.workload("user-v1").netns.unwrap();
    let prefix = netns.rsplit_once('-').unwrap().0.to_owned();
    let folders = ["/run/netns", "/sys/class/net", "/etc/netns"];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path().display().to_string())
        .collect()
}

fn version(mesh: &Mesh, url: &str) -> Option<String> {
    let headers = mesh.inside("user-v1", &["curl", "-sS", "-m", "5", "-o", "/dev/null", "-D", "-", url]).ok()?;
    let value = headers.lines().find_map(|line| line.strip_prefix("x-shop-version: "))?;
    Some(value.trim().to_owned())
}

#[test]
fn requests_by_host_name_pass_through_dns_and_iptables_and_down_leaves_nothing() {
    if !possible("requests_by_host_name_pass_through_dns_and_iptables_and_down_leaves_nothing") {
        return;
    }
    let mut mesh = mesh();
    let names =
        ["http://product:8080/who", "http://product.shop:8080/who", "http://product.shop.svc.cluster.local:8080/who"];
    for url in names {
        eventually(url, || version(&mesh, url).as_deref() == Some("v1"));
    }
    let resolved = mesh.inside("user-v1", &["getent", "ahostsv4", "product"]).unwrap();
    assert!(resolved.starts_with("240.240."), "a virtual address of the mesh: {resolved}");

    mesh.rename_in("route.yaml", &split(0, 100));
    for url in names {
        eventually("the route is in force", || version(&mesh, url).as_deref() == Some("v2"));
    }
    let direct = format!("http://{}:8080/who", mesh.workload("product-v1").ip);
    assert_eq!(version(&mesh, &direct).as_deref(), Some("v1"), "an address is reached as it is");
    let unknown = mesh.inside("user-v1", &["getent", "ahostsv4", "nowhere.shop.svc.cluster.local"]);
    assert!(unknown.is_err(), "{unknown:?}");
    let answers = mesh.inside("user-v1", &["curl", "-sS", "-D", "-", "http://product:8080/who"]).unwrap();
    assert!(answers.contains("server: envoy"), "it went through the sidecar: {answers}");

    assert!(!leftovers(&mesh).is_empty());
    let down = mesh.bring_down(&[]);
    assert!(down.ok, "{down:?}");
    assert_eq!(leftovers(&mesh), Vec::<String>::new());
    assert_eq!(mesh.running(), Vec::<&str>::new());
}

#[test]
fn down_by_force_cleans_up_after_everything_was_killed() {
    if !possible("down_by_force_cleans_up_after_everything_was_killed") {
        return;
    }
    let mut mesh = mesh();
    let all: Vec<String> = mesh.running().into_iter().map(str::to_owned).collect();
    assert_eq!(all.len(), 7, "{all:?}");
    all.iter().for_each(|name| mesh.kill(name));
    assert!(!leftovers(&mesh).is_empty());
    let down = mesh.bring_down(&["--force"]);
    assert!(down.ok, "{down:?}");
    assert_eq!(leftovers(&mesh), Vec::<String>::new());
    assert!(!Path::new("/run/netns").join(mesh.workload("user-v1").netns.unwrap()).exists());
}
