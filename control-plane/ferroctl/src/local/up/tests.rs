use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;

use super::{Layout, Mode, Plan, Process, State, ensure_free, resume};

fn layout(mode: Mode, range: [u8; 2]) -> Layout {
    Layout { bin: PathBuf::new(), state: PathBuf::from("/state"), range, mode }
}

/// Of a mesh whose processes are all dead.
fn dead(mode: Mode) -> Option<State> {
    let (processes, members) = (BTreeMap::new(), Vec::new());
    Some(State { mesh_file: PathBuf::new(), mode, range: [10, 77], server: String::new(), processes, members })
}

fn resumed(earlier: Option<State>, layout: &Layout) -> anyhow::Result<State> {
    let plan = Plan { ferrod: Process::default(), server: String::new(), members: Vec::new(), hosts: Vec::new() };
    resume(earlier, &PathBuf::from("mesh.yaml"), layout, &plan)
}

#[test]
fn namespaces_that_are_recorded_are_not_forgotten_for_another_mode_or_range() {
    for other in [layout(Mode::Loopback, [127, 77]), layout(Mode::Netns, [10, 78])] {
        let refused = resumed(dead(Mode::Netns), &other).unwrap_err().to_string();
        assert!(refused.contains("ferroctl local down"), "{refused}");
    }
    resumed(dead(Mode::Netns), &layout(Mode::Netns, [10, 77])).unwrap();
    resumed(dead(Mode::Loopback), &layout(Mode::Netns, [10, 78])).unwrap();
}

#[test]
fn a_port_that_somebody_else_answers_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let process = Process { name: "ferrod".to_owned(), listens: Some(address), ..Process::default() };
    let taken = ensure_free(&process).unwrap_err().to_string();
    assert!(taken.contains(&address.to_string()) && taken.contains("--range"), "{taken}");
    drop(listener);
    ensure_free(&process).unwrap();
}
