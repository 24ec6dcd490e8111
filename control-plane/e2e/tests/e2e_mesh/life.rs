//! `ferroctl local`: up, status, down.

use std::collections::BTreeMap;

use ferro_e2e::{Blueprint, Mesh};

use crate::BANK;

/// The process ids that ferroctl has recorded.
fn pids(mesh: &Mesh) -> BTreeMap<String, u64> {
    let record = mesh.agent_file("..", "mesh.json");
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
    let processes = record["processes"].as_object().unwrap();
    processes.iter().map(|(name, process)| (name.clone(), process["pid"].as_u64().unwrap())).collect()
}

#[test]
fn up_starts_only_what_does_not_run() {
    let mut mesh = Blueprint::two_versions().up();
    let before = pids(&mesh);
    let nothing = mesh.bring_up();
    assert!(!nothing.stderr.contains("started"), "{nothing:?}");
    assert_eq!(pids(&mesh), before);

    mesh.kill("product-v2.agent");
    mesh.kill("product-v1.app");
    let some = mesh.bring_up();
    let after = pids(&mesh);
    let changed: Vec<_> =
        after.iter().filter(|(name, pid)| before[*name] != **pid).map(|(name, _)| name.as_str()).collect();
    assert_eq!(changed, ["product-v1.app", "product-v2.agent"], "{some:?}");
}

#[test]
fn status_tells_what_runs_and_what_died() {
    let mesh = Blueprint::two_versions().up();
    let file = mesh.folder().join("mesh.yaml");
    let status = || mesh.ctl_ok(&["local", "status", "-f", file.to_str().unwrap()]);
    let healthy = status();
    assert!(healthy.contains("(running)") && !healthy.contains("DEAD"), "{healthy}");
    mesh.kill("product-v2.app");
    mesh.kill("ferrod");
    let sick = status();
    let line = sick.lines().find(|line| line.starts_with("product-v2")).unwrap();
    assert!(line.contains("DEAD") && sick.contains("NOT RUNNING"), "{sick}");
}

#[test]
fn down_leaves_no_process_and_the_next_up_remembers_what_was_applied() {
    let mut mesh = Blueprint::two_versions().up();
    let envoys = [mesh.envoy_pid("product-v1"), mesh.envoy_pid("product-v2")];
    let policy = mesh.folder().join("bank.yaml");
    std::fs::write(&policy, BANK).unwrap();
    mesh.ctl_ok(&["apply", "-f", policy.to_str().unwrap()]);

    let down = mesh.bring_down(&[]);
    assert!(down.ok && !down.stderr.contains("by force"), "{down:?}");
    assert_eq!(mesh.running(), Vec::<&str>::new());
    for pid in envoys {
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "Envoy {pid} is gone");
    }
    let again = mesh.bring_down(&[]);
    assert!(!again.ok && again.stderr.contains("nothing runs"), "{again:?}");

    mesh.bring_up();
    assert_eq!(mesh.objects("ServiceEntry").len(), 1, "objects of the API outlive the mesh's processes");
}
