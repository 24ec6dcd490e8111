//! Starts what a mesh file asks for and is not running yet, and says "ready" only after traffic has passed.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::plan::{Layout, Member, Mode, Plan, Process, plan};
use super::process::{GRACE, Record, start};
use super::ready::Ready;
use super::state::{self, MemberRecord, State};
use super::{interrupt, mesh_file::MeshFile, netns, policies::Policies};

/// How a mesh is to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) mode: Mode,
    /// The second octet of every address.
    pub(crate) range: u8,
    /// How long each part may take to be ready.
    pub(crate) within: Duration,
}

/// Brings the mesh up; returns its state folder and state.
pub(crate) fn up(file: &Path, wish: Wish) -> Result<(PathBuf, State)> {
    let mesh = MeshFile::load(file)?;
    let folder = mesh.state_folder();
    let _lock = state::lock(&folder)?;
    let layout = layout(&folder, wish)?;
    let plan = plan(&mesh, &Policies::load(&mesh.policies())?, &layout)?;
    let earlier = State::load(&folder)?;
    let recorded = earlier.is_some();
    let mut state = resume(earlier, file, &layout, &plan)?;
    stop_surplus(&plan, &mut state);
    if layout.mode == Mode::Netns {
        netns::check(&layout, recorded)?;
        // Recorded before it is there: whatever happens now, `down` knows what to remove.
        state.save(&folder)?;
        netns::up(&layout, &plan.members)?;
    }
    start_all(&folder, &plan, &mut state, wish.within)?;
    Ok((folder, state))
}

/// The record of an earlier `up`, or a new one.
fn resume(earlier: Option<State>, file: &Path, layout: &Layout, plan: &Plan) -> Result<State> {
    if let Some(state) = &earlier {
        let same = (state.mode, state.range) == (layout.mode, layout.range);
        let left = state.mode == Mode::Netns || state.any_alive();
        ensure!(same || !left, "this mesh runs in another mode or address range: `ferroctl local down` it first");
    }
    let processes = earlier.map(|state| state.processes).unwrap_or_default();
    let members = plan.members.iter().map(record).collect();
    let mesh_file = std::path::absolute(file)?;
    Ok(State { mesh_file, mode: layout.mode, range: layout.range, server: plan.server.clone(), processes, members })
}

pub(super) fn record(member: &Member) -> MemberRecord {
    MemberRecord {
        name: member.name.clone(),
        namespace: member.namespace.clone(),
        ip: member.ip,
        netns: member.netns.clone(),
        port: member.port,
    }
}

/// Where the programs and the state of a mesh are.
fn layout(folder: &Path, wish: Wish) -> Result<Layout> {
    let bin = std::env::current_exe()?.parent().context("ferroctl has no folder")?.to_path_buf();
    let first = if wish.mode == Mode::Netns { 10 } else { 127 };
    Ok(Layout { bin, state: folder.to_path_buf(), range: [first, wish.range], mode: wish.mode })
}

fn start_all(folder: &Path, plan: &Plan, state: &mut State, within: Duration) -> Result<()> {
    let logs = folder.join("logs");
    fs::create_dir_all(&logs)?;
    for process in wanted(plan) {
        interrupt::check()?;
        if ensure_running(process, &logs, state)? {
            eprintln!("  started {}", process.name);
            state.save(folder)?;
        }
        if process.name == plan.ferrod.name {
            Ready { state, folder, within }.server()?;
        }
    }
    state.save(folder)?;
    Ready { state, folder, within }.members(plan)
}

fn wanted(plan: &Plan) -> Vec<&Process> {
    let members = plan.members.iter().flat_map(|member| member.app.iter().chain([&member.agent]));
    std::iter::once(&plan.ferrod).chain(members).collect()
}

/// Starts `process` unless it runs already as wanted; true if it was started.
fn ensure_running(process: &Process, logs: &Path, state: &mut State) -> Result<bool> {
    if let Some(record) = state.processes.get(&process.name) {
        if record.alive() && record.matches(process) {
            return Ok(false);
        }
        stop(state, std::slice::from_ref(&process.name));
    }
    ensure_free(process)?;
    let record = start(process, &logs.join(format!("{}.log", process.name)))?;
    state.processes.insert(process.name.clone(), record);
    Ok(true)
}

/// Whoever answers where a process is to listen would be taken for it.
fn ensure_free(process: &Process) -> Result<()> {
    let Some(address) = &process.listens else { return Ok(()) };
    if TcpStream::connect_timeout(address, Duration::from_secs(1)).is_ok() {
        bail!(
            "{address}, where {} is to listen, is taken: by a mesh that runs in the same --range, or by one that a crash left \
             (`ferroctl local down --force` ends it)",
            process.name
        );
    }
    Ok(())
}

fn stop_surplus(plan: &Plan, state: &mut State) {
    let names: Vec<&str> = wanted(plan).iter().map(|process| process.name.as_str()).collect();
    let surplus: Vec<String> = state.processes.keys().filter(|name| !names.contains(&name.as_str())).cloned().collect();
    stop(state, &surplus);
}

fn stop(state: &mut State, names: &[String]) {
    let records: Vec<Record> = names.iter().filter_map(|name| state.processes.remove(name)).collect();
    records.iter().for_each(Record::terminate);
    let deadline = Instant::now() + GRACE;
    for record in &records {
        record.wait_end(deadline);
    }
}

#[cfg(test)]
mod tests;
