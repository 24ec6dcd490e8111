//! Workloads in network namespaces, as pods: needs root.

use std::fs;
use std::net::{IpAddr, UdpSocket};
use std::path::Path;
use std::process::Command;

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

/// Removes the record of a mesh, as somebody does who wants to be rid of it.
fn forget(mesh: &Mesh) {
    fs::remove_file(mesh.agent_file("..", "mesh.json")).unwrap();
}

#[test]
fn down_by_force_without_a_record_removes_all_of_this_mesh_and_nothing_of_another() {
    if !possible("down_by_force_without_a_record_removes_all_of_this_mesh_and_nothing_of_another") {
        return;
    }
    let (mut mesh, other) = (mesh(), mesh());
    let all: Vec<String> = mesh.running().into_iter().map(str::to_owned).collect();
    assert_eq!(all.len(), 7, "{all:?}");
    all.iter().filter(|name| !name.ends_with(".app")).for_each(|name| mesh.kill(name));
    forget(&mesh);
    let others = leftovers(&other);
    assert!(!leftovers(&mesh).is_empty() && !others.is_empty());

    let down = mesh.bring_down(&["--force"]);
    assert!(down.ok, "{down:?}");
    assert_eq!(leftovers(&mesh), Vec::<String>::new());
    assert!(!Path::new("/run/netns").join(mesh.workload("user-v1").netns.unwrap()).exists());
    assert_eq!(mesh.running(), Vec::<&str>::new(), "orphans are ended");

    assert_eq!(leftovers(&other), others);
    assert_eq!(other.running().len(), 7);
    eventually("the other mesh goes on", || version(&other, "http://product:8080/who").as_deref() == Some("v1"));
}

#[test]
fn a_range_that_another_mesh_has_is_refused() {
    if !possible("a_range_that_another_mesh_has_is_refused") {
        return;
    }
    let mesh = mesh();
    let text = fs::read_to_string(mesh.folder().join("mesh.yaml")).unwrap();
    let other = mesh.folder().join("other.yaml");
    fs::write(&other, text.replace("name: e2e-", "name: other-")).unwrap();
    let other = other.to_str().unwrap();
    let before = leftovers(&mesh);
    let refused = mesh.ctl(&["local", "up", "-f", other, "--mode", "netns", "--range", &mesh.range()]);
    let owner = format!("/ferromesh/e2e-{}", mesh.range());
    assert!(!refused.ok && refused.stderr.contains("choose another --range"), "{refused:?}");
    assert!(refused.stderr.contains(&owner), "it is said whose it is: {refused:?}");
    mesh.ctl_ok(&["local", "down", "--force", "-f", other]);
    assert_eq!(leftovers(&mesh), before);
    assert_eq!(mesh.running().len(), 7);
}

/// Runs `ip` on what a test's own mesh has made.
fn ip(arguments: &[&str]) {
    let status = Command::new("ip").args(arguments).status().unwrap();
    assert!(status.success(), "ip {arguments:?}");
}

#[test]
fn a_namespace_that_was_never_finished_is_made_anew_with_the_processes_in_it() {
    if !possible("a_namespace_that_was_never_finished_is_made_anew_with_the_processes_in_it") {
        return;
    }
    let mut mesh = mesh();
    let netns = mesh.workload("user-v1").netns.unwrap();
    // As an `up` leaves it that is killed in the middle: nothing is captured, and nothing is noted of it.
    ip(&["netns", "exec", &netns, "iptables", "-t", "nat", "-F"]);
    ip(&["link", "set", &format!("{netns}o"), "alias", ""]);
    let up = mesh.bring_up();
    for (name, anew) in [("user-v1.app", true), ("user-v1.agent", true), ("product-v1.app", false)] {
        assert_eq!(up.stderr.contains(&format!("started {name}")), anew, "{name}: {up:?}");
    }
    eventually("traffic is captured", || version(&mesh, "http://product:8080/who").as_deref() == Some("v1"));
}

#[test]
fn without_iptables_there_is_no_namespace_that_captures_nothing() {
    if !possible("without_iptables_there_is_no_namespace_that_captures_nothing") {
        return;
    }
    let mut mesh = Blueprint::new(Mode::Netns).workload("user", "v1").up();
    mesh.bring_down(&[]);
    let ip = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"].map(Path::new).into_iter().find(|path| path.exists());
    let path = mesh.folder().join("bin");
    fs::create_dir(&path).unwrap();
    std::os::unix::fs::symlink(ip.unwrap(), path.join("ip")).unwrap();

    let (file, range) = (mesh.folder().join("mesh.yaml"), mesh.range());
    let mut up = mesh.ferroctl();
    up.env("PATH", &path).args(["local", "up", "--mode", "netns", "--range", &range, "-f"]).arg(file);
    let output = up.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("iptables-restore"), "{said}");
    assert!(!Path::new("/run/netns").join(mesh.workload("user-v1").netns.unwrap()).exists(), "{said}");
    mesh.bring_up();
    eventually("traffic is captured", || version(&mesh, "http://user:8080/who").as_deref() == Some("v1"));
}

/// A resolver that knows one address for every name.
fn resolve_all(address: IpAddr, at: &str) {
    let IpAddr::V4(address) = address else { panic!("{address}") };
    let socket = UdpSocket::bind((at, 53)).unwrap();
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut query) {
            // The question as it came, now a response with one record: a pointer to its name, A, IN, 60 s, 4 bytes.
            let mut answer = query[..length].to_vec();
            answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
            answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            answer.extend(address.octets());
            let _ = socket.send_to(&answer, client);
        }
    });
}

#[test]
fn names_outside_the_mesh_are_asked_of_the_machines_resolvers() {
    if !possible("names_outside_the_mesh_are_asked_of_the_machines_resolvers") {
        return;
    }
    let mesh = mesh();
    let seen = mesh.inside("user-v1", &["cat", "/etc/resolv.conf"]).unwrap();
    assert!(seen.contains("search shop.svc.cluster.local svc.cluster.local cluster.local"), "as in a pod: {seen}");
    // A resolver of this machine that namespaces can reach, named where agents look.
    let bridge = format!("10.{}.0.1", mesh.range());
    resolve_all([192, 0, 2, 99].into(), &bridge);
    fs::write(mesh.agent_file("..", "resolv.conf"), format!("nameserver {bridge}\n")).unwrap();
    eventually("the agent has read it again", || {
        let resolved = mesh.inside("user-v1", &["getent", "ahostsv4", "bank.example.com"]);
        resolved.is_ok_and(|text| text.starts_with("192.0.2.99"))
    });
}
