use std::path::Path;

use anyhow::Result;

use super::plan::Mode;
use super::request::{Method, send};
use super::state::{MemberRecord, State};
use crate::output::table;

/// Prints what runs, how to reach it and where its logs are.
pub(crate) fn print(folder: &Path, state: &State) -> Result<()> {
    let rows = state.members.iter().map(|member| row(member, state)).collect();
    println!("{}", table(&["WORKLOAD", "NAMESPACE", "ADDRESS", "APPLICATION", "SIDECAR", "READY"], rows));
    println!("\nferrod     {} ({})", state.server, if state.running() { "running" } else { "NOT RUNNING" });
    println!("logs       {}", folder.join("logs").display());
    match state.mode {
        Mode::Loopback => {
            println!("an app     HTTP_PROXY=http://<address>:15007 sends its requests through its sidecar");
            println!(
                "note       loopback mode cannot force local processes through their sidecars: STRICT policies do not bind them"
            );
        }
        Mode::Netns => {
            println!("an app     ip netns exec <namespace> <command> runs beside it; its traffic and DNS are captured");
        }
    }
    Ok(())
}

fn row(member: &MemberRecord, state: &State) -> Vec<String> {
    let ready = send(Method::Get, &format!("http://{}:15021/healthz/ready", member.ip)).is_ok();
    vec![
        member.name.clone(),
        member.namespace.clone(),
        member.ip.to_string(),
        alive(state, &member.name, "app"),
        alive(state, &member.name, "agent"),
        if ready { "yes" } else { "no" }.to_owned(),
    ]
}

fn alive(state: &State, member: &str, part: &str) -> String {
    match state.processes.get(&format!("{member}.{part}")) {
        Some(record) if record.alive() => format!("pid {}", record.pid()),
        Some(_) => "DEAD".to_owned(),
        None => "-".to_owned(),
    }
}
