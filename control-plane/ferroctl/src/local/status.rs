use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;

use super::plan::{Mode, READINESS};
use super::request::{Method, send};
use super::state::{MemberRecord, State};
use crate::output::{self, Format};

/// What runs, how to reach it and where its logs are.
#[derive(Serialize)]
struct Status {
    server: String,
    running: bool,
    mode: Mode,
    logs: PathBuf,
    workloads: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    namespace: String,
    address: Ipv4Addr,
    #[serde(skip_serializing_if = "Option::is_none")]
    netns: Option<String>,
    application: Option<Part>,
    sidecar: Option<Part>,
    ready: bool,
}

#[derive(Serialize)]
struct Part {
    pid: i32,
    alive: bool,
}

/// Prints it; for people with what they can do now.
pub(crate) fn print(folder: &Path, state: &State, format: Format) -> Result<()> {
    let status = Status {
        server: state.server.clone(),
        running: state.running(),
        mode: state.mode,
        logs: folder.join("logs"),
        workloads: state.members.iter().map(|member| row(member, state)).collect(),
    };
    let header = ["WORKLOAD", "NAMESPACE", "ADDRESS", "APPLICATION", "SIDECAR", "READY"];
    output::print(format, &status, &header, status.workloads.iter().map(cells).collect())?;
    if format == Format::Table {
        hints(&status);
    }
    Ok(())
}

/// Prints that there is nothing.
pub(crate) fn print_nothing(format: Format) -> Result<()> {
    if format == Format::Table {
        println!("not running; `ferroctl local up -f mesh.yaml` starts it");
        return Ok(());
    }
    output::print(format, &None::<Status>, &[], Vec::new())
}

fn hints(status: &Status) {
    println!("\nferrod     {} ({})", status.server, if status.running { "running" } else { "NOT RUNNING" });
    println!("logs       {}", status.logs.display());
    match status.mode {
        Mode::Loopback => {
            println!("an app     HTTP_PROXY=http://<address>:15007 sends its requests through its sidecar");
            println!(
                "note       loopback mode cannot force local processes through their sidecars: STRICT policies do not bind them"
            );
        }
        Mode::Netns => {
            println!("an app     ip netns exec <namespace> <command> runs beside it; its traffic and DNS are captured");
            let namespaces =
                status.workloads.iter().filter_map(|row| Some(format!("{} {}", row.netns.as_ref()?, row.name)));
            println!("namespaces {}", namespaces.collect::<Vec<_>>().join(", "));
        }
    }
}

fn row(member: &MemberRecord, state: &State) -> Row {
    let part = |part: &str| {
        let record = state.processes.get(&format!("{}.{part}", member.name))?;
        Some(Part { pid: record.pid(), alive: record.alive() })
    };
    Row {
        name: member.name.clone(),
        namespace: member.namespace.clone(),
        address: member.ip,
        netns: member.netns.clone(),
        application: part("app"),
        sidecar: part("agent"),
        ready: send(Method::Get, &format!("http://{}:{READINESS}/healthz/ready", member.ip)).is_ok(),
    }
}

fn cells(row: &Row) -> Vec<String> {
    let part = |part: &Option<Part>| match part {
        Some(Part { pid, alive: true }) => format!("pid {pid}"),
        Some(_) => "DEAD".to_owned(),
        None => "-".to_owned(),
    };
    let ready = if row.ready { "yes" } else { "no" };
    vec![
        row.name.clone(),
        row.namespace.clone(),
        row.address.to_string(),
        part(&row.application),
        part(&row.sidecar),
        ready.to_owned(),
    ]
}
