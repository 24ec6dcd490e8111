//! `ferroctl local`: up, status, down.

use std::collections::BTreeMap;
use std::fs::{self, File};

use ferro_e2e::{Blueprint, Ctl, Mesh, Mode, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::BANK;

/// The process ids that ferroctl has recorded.
fn pids(mesh: &Mesh) -> BTreeMap<String, u64> {
    let record = mesh.agent_file("..", "mesh.json");
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
    let processes = record["processes"].as_object().unwrap();
    processes.iter().map(|(name, process)| (name.clone(), process["pid"].as_u64().unwrap())).collect()
}

/// Processes that say they belong to the mesh, whoever started them: their command lines.
fn belonging(mesh: &Mesh) -> Vec<String> {
    let mark = format!("FERRO_LOCAL_MESH={}/state/", mesh.folder().display());
    let says_so =
        |environment: Vec<u8>| environment.split(|byte| *byte == 0).any(|line| line.starts_with(mark.as_bytes()));
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let marked = processes.filter(|process| fs::read(process.join("environ")).is_ok_and(says_so));
    marked
        .filter_map(|process| fs::read_to_string(process.join("cmdline")).ok())
        .filter(|line| !line.is_empty())
        .collect()
}

/// `ferroctl local up` of a file beside the mesh's own, with the mesh's addresses.
fn up_of(mesh: &Mesh, file: &str, more: &[&str]) -> Ctl {
    let (file, range) = (mesh.folder().join(file).display().to_string(), mesh.range());
    mesh.ctl(&[&["local", "up", "-f", &file, "--range", &range], more].concat())
}

/// Writes the mesh's own file, changed, beside it.
fn variant(mesh: &Mesh, name: &str, from: &str, to: &str) {
    let text = fs::read_to_string(mesh.folder().join("mesh.yaml")).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(mesh.folder().join(name), text.replace(from, to)).unwrap();
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

#[test]
fn what_nobody_recorded_is_in_the_way_of_up_and_ended_by_force() {
    let mut mesh = Blueprint::two_versions().up();
    fs::remove_file(mesh.agent_file("..", "mesh.json")).unwrap();
    assert!(!mesh.bring_down(&[]).ok, "there is no record");
    let refused = up_of(&mesh, "mesh.yaml", &[]);
    assert!(!refused.ok && refused.stderr.contains("is taken") && refused.stderr.contains("--force"), "{refused:?}");
    assert_eq!(mesh.running().len(), 5, "a refusal ends nothing");

    let down = mesh.bring_down(&["--force"]);
    assert!(down.ok, "{down:?}");
    assert_eq!(mesh.running(), Vec::<&str>::new());
    assert_eq!(belonging(&mesh), Vec::<String>::new());
    mesh.bring_up();
}

#[test]
fn another_mesh_in_the_same_range_is_refused_and_its_end_by_force_touches_nobody_else() {
    let mesh = Blueprint::two_versions().up();
    variant(&mesh, "other.yaml", "name: e2e-", "name: other-");
    let refused = up_of(&mesh, "other.yaml", &[]);
    assert!(!refused.ok && refused.stderr.contains("is taken") && refused.stderr.contains("--range"), "{refused:?}");
    let other = mesh.folder().join("other.yaml").display().to_string();
    mesh.ctl_ok(&["local", "down", "--force", "-f", &other]);
    assert_eq!(mesh.running().len(), 5);
    assert!(mesh.is_ready("product-v1"));
}

#[test]
fn up_fails_and_names_workload_and_log_when_an_application_never_listens() {
    let mesh = Blueprint::new(Mode::Loopback).workload("product", "v1").up();
    let serve = "[ferro-shop, serve, --service, product, --version, v1, --port, $PORT]";
    // Whether the agent or a request notices first that nobody listens is a matter of luck.
    for (command, reason) in
        [("[sleep, '60']", "product-v1"), ("[sh, -c, 'sleep 0.3']", "product-v1.app ended by itself")]
    {
        variant(&mesh, "silent.yaml", serve, command);
        let failed = up_of(&mesh, "silent.yaml", &["--timeout", "5"]);
        assert!(!failed.ok && failed.stderr.contains(reason), "{command}: {failed:?}");
        assert!(failed.stderr.contains("product-v1.app.log"), "{command}: {failed:?}");
    }
}

#[test]
fn only_one_command_at_a_time_works_on_a_mesh() {
    let mut mesh = Blueprint::new(Mode::Loopback).workload("product", "v1").up();
    let lock = File::open(mesh.agent_file("..", "lock")).unwrap();
    lock.lock().unwrap();
    for refused in [up_of(&mesh, "mesh.yaml", &[]), mesh.bring_down(&["--force"])] {
        assert!(!refused.ok && refused.stderr.contains("right now"), "{refused:?}");
    }
    assert_eq!(mesh.running().len(), 3);
    drop(lock);
    assert!(mesh.bring_down(&[]).ok);
}

#[test]
fn a_tour_that_fails_or_is_interrupted_leaves_no_process() {
    let mut mesh = Blueprint::two_versions().up();
    let (file, range) = (mesh.folder().join("mesh.yaml").display().to_string(), mesh.range());
    let tour = ["local", "tour", "--once", "-f", &file, "--range", &range];
    let refused = mesh.ctl(&tour);
    assert!(!refused.ok && refused.stderr.contains("runs already"), "{refused:?}");
    assert_eq!(mesh.running().len(), 5, "a mesh that others use is not ended");
    mesh.bring_down(&[]);

    // A policy of the tour is a file of this mesh: it cannot be applied.
    let failed = mesh.ctl(&tour);
    assert!(!failed.ok && failed.stderr.contains("traffic passes"), "{failed:?}");
    assert_eq!(belonging(&mesh), Vec::<String>::new(), "{failed:?}");

    let mut interrupted = mesh.ferroctl().args(tour).spawn().unwrap();
    eventually("the tour has begun", || belonging(&mesh).len() >= 2);
    kill(Pid::from_raw(i32::try_from(interrupted.id()).unwrap()), Signal::SIGINT).unwrap();
    assert!(!interrupted.wait().unwrap().success());
    assert_eq!(belonging(&mesh), Vec::<String>::new());
}

#[test]
fn status_is_told_to_machines_as_well() {
    let mesh = Blueprint::new(Mode::Loopback).workload("product", "v1").up();
    let file = mesh.folder().join("mesh.yaml").display().to_string();
    let status = mesh.ctl_ok(&["local", "status", "-f", &file, "-o", "json"]);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!((&status["running"], &status["mode"]), (&true.into(), &"loopback".into()));
    assert_eq!(status["workloads"][0]["application"]["pid"], pids(&mesh)["product-v1.app"]);
    let yaml = mesh.ctl_ok(&["local", "status", "-f", &file, "-o", "yaml"]);
    assert!(yaml.contains("running: true"), "{yaml}");
}
