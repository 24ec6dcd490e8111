//! Starts what a mesh file asks for and is not running yet, and says "ready" only after traffic has passed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::plan::{Layout, Member, Mode, Plan, Process, member_state, plan};
use super::process::{Record, start};
use super::state::{MemberRecord, State};
use super::{groups, mesh_file::MeshFile, netns, request};
use crate::client::Client;

const READY_WITHIN: Duration = Duration::from_secs(60);

/// Brings the mesh up; returns its state folder and state.
pub(crate) fn up(file: &Path, mode: Mode, range: [u8; 2]) -> Result<(PathBuf, State)> {
    let mesh = MeshFile::load(file)?;
    let folder = super::state::root().join(mesh.name());
    fs::create_dir_all(&folder).with_context(|| format!("cannot write {}", folder.display()))?;
    let layout = layout(&folder, mode, range)?;
    let groups = groups::load(&mesh.policies())?;
    let plan = plan(&mesh, &groups, &layout)?;
    let mut state = resume(&folder, file, &layout, &plan)?;
    if mode == Mode::Netns {
        ensure!(
            nix::unistd::geteuid().is_root(),
            "--mode netns makes network namespaces and needs root; without it use --mode loopback"
        );
        netns::up(&layout, &plan.members)?;
    }
    start_all(&folder, &plan, &mut state)?;
    wait_ready(&plan, &state)?;
    Ok((folder, state))
}

/// The record of an earlier `up`, or a new one.
fn resume(folder: &Path, file: &Path, layout: &Layout, plan: &Plan) -> Result<State> {
    let processes = match State::load(folder)? {
        Some(state) if state.running() && (state.mode, state.range) != (layout.mode, layout.range) => {
            bail!("this mesh runs in another mode or address range: `ferroctl local down` it first")
        }
        Some(state) => state.processes,
        None => BTreeMap::new(),
    };
    let members = plan.members.iter().map(record).collect();
    let mesh_file = std::path::absolute(file)?;
    Ok(State { mesh_file, mode: layout.mode, range: layout.range, server: plan.server.clone(), processes, members })
}

fn record(member: &Member) -> MemberRecord {
    MemberRecord {
        name: member.name.clone(),
        namespace: member.namespace.clone(),
        ip: member.ip,
        netns: member.netns.clone(),
        port: member.port,
    }
}

/// Where the programs and the state of a mesh are.
pub(crate) fn layout(folder: &Path, mode: Mode, range: [u8; 2]) -> Result<Layout> {
    let bin = std::env::current_exe()?.parent().context("ferroctl has no folder")?.to_path_buf();
    let range = if mode == Mode::Netns { [10, range[1]] } else { range };
    Ok(Layout { bin, state: folder.to_path_buf(), range, mode })
}

fn start_all(folder: &Path, plan: &Plan, state: &mut State) -> Result<()> {
    let logs = folder.join("logs");
    fs::create_dir_all(&logs)?;
    let wanted = wanted(plan);
    let names: Vec<&str> = wanted.iter().map(|process| process.name.as_str()).collect();
    let surplus: Vec<String> = state.processes.keys().filter(|name| !names.contains(&name.as_str())).cloned().collect();
    stop(state, &surplus);
    for process in wanted {
        if ensure_running(process, &logs, state)? {
            eprintln!("  started {}", process.name);
            state.save(folder)?;
        }
        if process.name == "ferrod" {
            wait_server(&plan.server, &logs)?;
        }
    }
    state.save(folder)
}

fn wanted(plan: &Plan) -> Vec<&Process> {
    let members = plan.members.iter().flat_map(|member| member.app.iter().chain([&member.agent]));
    std::iter::once(&plan.ferrod).chain(members).collect()
}

/// Starts `process` unless it runs already as wanted; true if it was started.
pub(crate) fn ensure_running(process: &Process, logs: &Path, state: &mut State) -> Result<bool> {
    if let Some(record) = state.processes.get(&process.name) {
        if record.alive() && record.matches(process) {
            return Ok(false);
        }
        stop(state, std::slice::from_ref(&process.name));
    }
    let record = start(process, &logs.join(format!("{}.log", process.name)))?;
    state.processes.insert(process.name.clone(), record);
    Ok(true)
}

fn stop(state: &mut State, names: &[String]) {
    let records: Vec<Record> = names.iter().filter_map(|name| state.processes.remove(name)).collect();
    records.iter().for_each(Record::terminate);
    let deadline = Instant::now() + Duration::from_secs(10);
    for record in &records {
        record.wait_end(deadline);
    }
}

fn wait_server(server: &str, logs: &Path) -> Result<()> {
    let client = Client::new(server)?;
    wait(READY_WITHIN, || client.ready())
        .with_context(|| format!("ferrod does not answer; see {}", logs.join("ferrod.log").display()))
}

fn wait_ready(plan: &Plan, state: &State) -> Result<()> {
    for member in &plan.members {
        let url = format!("http://{}:15021/healthz/ready", member.ip);
        wait(READY_WITHIN, || request::send(request::Method::Get, &url).map(drop))
            .with_context(|| not_ready(member, state))?;
    }
    for member in plan.members.iter().filter(|member| member.app.is_some()) {
        let record = record(member);
        wait(READY_WITHIN, || request::through_sidecar(&record))
            .with_context(|| format!("no traffic passes through {}", member.name))?;
    }
    eprintln!("  ready: {} sidecars and gateways, traffic passes", plan.members.len());
    Ok(())
}

fn not_ready(member: &Member, state: &State) -> String {
    let folder = member_state(&super::state::root(), &member.name);
    format!("the sidecar of {} ({:?} mode) is not ready; see its log and {}", member.name, state.mode, folder.display())
}

/// Calls `attempt` until it succeeds; its last error at the deadline.
pub(crate) fn wait(limit: Duration, mut attempt: impl FnMut() -> Result<()>) -> Result<()> {
    let deadline = Instant::now() + limit;
    loop {
        match attempt() {
            Err(error) if Instant::now() >= deadline => return Err(error.context(format!("gave up after {limit:?}"))),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
            Ok(()) => return Ok(()),
        }
    }
}
