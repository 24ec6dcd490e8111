//! A running mesh and everything a test may do to it.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ferro_api::{Object, ProxyStatus};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tempfile::TempDir;

use crate::blueprint::{Blueprint, Mode};
use crate::client::Client;
use crate::ctl::Ctl;
use crate::dist;
use crate::lease::Lease;
use crate::process::{Process, Signal};
use crate::wait::{eventually, until, until_or};

/// The end of a log that is printed when a test fails.
const LOG_TAIL: usize = 6_000;

/// A mesh that ends with its owner.
pub struct Mesh {
    folder: TempDir,
    name: String,
    mode: Mode,
    recorded: Recorded,
    client: Client,
    /// Given back last, when nothing uses the range any more.
    lease: Lease,
}

/// What ferroctl writes down of a mesh it started.
#[derive(Debug, Deserialize)]
struct Recorded {
    server: String,
    processes: BTreeMap<String, Process>,
    members: Vec<Workload>,
}

/// A workload or gateway.
#[derive(Clone, Debug, Deserialize)]
pub struct Workload {
    /// Its name.
    pub name: String,
    /// Its address in the mesh.
    pub ip: IpAddr,
    /// Its network namespace, if it has one.
    pub netns: Option<String>,
}

// === impl Mesh: life ===

impl Mesh {
    pub(crate) fn start(blueprint: &Blueprint) -> Self {
        let lease = Lease::take();
        let folder = tempfile::Builder::new().prefix("ferro-e2e-").tempdir().expect("a folder of our own");
        let name = format!("e2e-{}", lease.range());
        blueprint.write(folder.path(), &name);
        let server = format!("http://127.{}.0.1:8080", lease.range());
        let recorded = Recorded { server, processes: BTreeMap::new(), members: Vec::new() };
        let mut mesh = Self { folder, name, mode: blueprint.mode(), recorded, client: Client::outside(), lease };
        mesh.bring_up();
        mesh
    }

    /// `ferroctl local up`: starts what does not run.
    pub fn bring_up(&mut self) -> Ctl {
        let range = self.range();
        let mode = match self.mode {
            Mode::Loopback => "loopback",
            Mode::Netns => "netns",
        };
        let file = self.mesh_file();
        let up = self.ctl(&["local", "up", "-f", &file, "--range", &range, "--mode", mode]);
        if let Ok(recorded) = fs::read(self.state().join("mesh.json")) {
            self.recorded = serde_json::from_slice(&recorded).expect("ferroctl reads it as well");
        }
        assert!(up.ok, "the mesh does not come up: {up:?}");
        up
    }

    /// The second octet of its addresses.
    pub fn range(&self) -> String {
        self.lease.range().to_string()
    }

    /// `ferroctl local down`, with more arguments.
    pub fn bring_down(&mut self, arguments: &[&str]) -> Ctl {
        let file = self.mesh_file();
        self.ctl(&[&["local", "down", "-f", &file], arguments].concat())
    }

    /// The programs that run of those that were started, by name: `ferrod`, `product-v1.app`, `product-v1.agent`.
    pub fn running(&self) -> Vec<&str> {
        let running = self.recorded.processes.iter().filter(|(_, process)| process.alive());
        running.map(|(name, _)| name.as_str()).collect()
    }

    /// Kills a program with SIGKILL; it is gone when this returns.
    pub fn kill(&self, name: &str) {
        self.process(name).kill();
    }

    /// Asks a program to end; does not wait.
    pub fn terminate(&self, name: &str) {
        self.process(name).signal(Signal::SIGTERM);
    }

    /// Whether a program runs.
    pub fn runs(&self, name: &str) -> bool {
        self.process(name).alive()
    }

    /// Starts a program again that has ended; does not wait for anything.
    pub fn start_again(&mut self, name: &str) {
        self.start_again_with(name, &[]);
    }

    /// The same with more arguments, for this time.
    pub fn start_again_with(&mut self, name: &str, more: &[&str]) {
        let again = self.process(name).again(&self.log_file(name), more);
        self.recorded.processes.insert(name.to_owned(), again);
    }

    /// Starts ferrod again and waits until it serves.
    pub fn start_ferrod_again(&mut self) {
        self.start_again("ferrod");
        self.ferrod_serves();
    }

    /// Waits until ferrod serves.
    pub fn ferrod_serves(&self) {
        eventually("ferrod serves", || self.client.get(&self.url("/ready")).is_ok_and(|answer| answer.status == 200));
    }

    fn process(&self, name: &str) -> &Process {
        self.recorded.processes.get(name).unwrap_or_else(|| panic!("no process {name} in this mesh"))
    }
}

// === impl Mesh: files ===

impl Mesh {
    /// A file in the folder of policy.
    pub fn policy(&self, name: &str) -> PathBuf {
        self.folder.path().join("policies").join(name)
    }

    /// Changes a file of policy as careful programs do: written aside, then renamed.
    pub fn rename_in(&self, name: &str, text: &str) {
        let aside = self.folder.path().join(format!("{name}.new"));
        fs::write(&aside, text).expect("a folder of our own");
        fs::rename(aside, self.policy(name)).expect("a folder of our own");
    }

    /// Changes a file of policy as editors of the simple kind do: emptied and written.
    pub fn write_in_place(&self, name: &str, text: &str) {
        fs::write(self.policy(name), text).expect("a folder of our own");
    }

    /// A folder of the test's own that is removed with the mesh.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The log of ferrod, an agent or an application.
    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.log_file(name)).unwrap_or_default()
    }

    /// A file in the state folder of a workload's agent.
    pub fn agent_file(&self, workload: &str, name: &str) -> PathBuf {
        self.state().join("workloads").join(workload).join(name)
    }

    fn mesh_file(&self) -> String {
        self.folder.path().join("mesh.yaml").display().to_string()
    }

    fn log_file(&self, name: &str) -> PathBuf {
        self.state().join("logs").join(format!("{name}.log"))
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state/ferromesh").join(&self.name)
    }
}

// === impl Mesh: what it does ===

impl Mesh {
    /// Runs ferroctl against this mesh.
    pub fn ctl(&self, arguments: &[&str]) -> Ctl {
        Ctl::of(&self.ferroctl().args(arguments).output().expect("ferroctl runs"))
    }

    /// Runs ferroctl with an output whose reader has gone.
    pub fn ctl_unread(&self, arguments: &[&str]) -> Ctl {
        let mut command = self.ferroctl();
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("ferroctl runs");
        drop(child.stdout.take());
        Ctl::of(&child.wait_with_output().expect("ferroctl runs"))
    }

    /// A ferroctl that knows where this mesh keeps its state.
    pub fn ferroctl(&self) -> Command {
        self.command(&dist::folder().join("ferroctl"))
    }

    /// Runs ferroctl and expects it to go well; its output.
    pub fn ctl_ok(&self, arguments: &[&str]) -> String {
        let ctl = self.ctl(arguments);
        assert!(ctl.ok, "ferroctl {arguments:?}: {ctl:?}");
        ctl.stdout
    }

    /// Runs a program within a workload's network namespace, as its application; its output if it went well.
    pub fn inside(&self, workload: &str, argv: &[&str]) -> Result<String, String> {
        let netns = self.workload(workload).netns.expect("a mesh of network namespaces");
        let output =
            self.command(Path::new("ip")).args(["netns", "exec", &netns]).args(argv).output().expect("ip runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("XDG_STATE_HOME", self.folder.path().join("state")).env_remove("FERRO_SERVER");
        command
    }

    /// A workload or gateway by name.
    pub fn workload(&self, name: &str) -> Workload {
        let found = self.recorded.members.iter().find(|member| member.name == name);
        found.unwrap_or_else(|| panic!("no workload {name} in this mesh")).clone()
    }

    /// A client that sends through the sidecar of a workload, as its application does.
    pub fn beside(&self, workload: &str) -> Client {
        Client::beside(self.workload(workload).ip)
    }

    /// The process id of a workload's Envoy, as its agent says, once it runs.
    pub fn envoy_pid(&self, workload: &str) -> i32 {
        let url = format!("http://{}:15020/debug/status", self.workload(workload).ip);
        until("Envoy runs", || {
            let status: Value = self.client.get(&url).ok()?.json();
            i32::try_from(status["envoy"]["phase"]["running"].as_i64()?).ok()
        })
    }

    /// Kills a workload's Envoy with SIGKILL; it is gone when this returns.
    pub fn kill_envoy(&self, workload: &str) {
        let envoy = Process::of(self.envoy_pid(workload)).expect("its agent says that it runs");
        envoy.kill();
    }

    /// A page of the agent beside a workload.
    pub fn agent_page(&self, workload: &str, path: &str) -> Option<String> {
        let url = format!("http://{}:15020{path}", self.workload(workload).ip);
        self.client.get(&url).ok().filter(|answer| answer.status == 200).map(|answer| answer.body)
    }

    /// Whether a workload's sidecar says it is ready.
    pub fn is_ready(&self, workload: &str) -> bool {
        let url = format!("http://{}:15021/healthz/ready", self.workload(workload).ip);
        self.client.get(&url).is_ok_and(|answer| answer.status == 200)
    }

    /// A page of the admin interface of a workload's Envoy, in loopback mode.
    pub fn envoy_admin(&self, workload: &str, path: &str) -> String {
        let url = format!("http://{}:15000{path}", self.workload(workload).ip);
        self.client.get(&url).unwrap_or_else(|error| panic!("{url}: {error}")).body
    }

    /// The names of the clusters that a workload's Envoy has.
    pub fn clusters(&self, workload: &str) -> Vec<String> {
        let page = self.envoy_admin(workload, "/clusters?format=json");
        let page: Value = serde_json::from_str(&page).expect("Envoy's JSON");
        let statuses = page["cluster_statuses"].as_array().into_iter().flatten();
        statuses.filter_map(|status| status["name"].as_str().map(str::to_owned)).collect()
    }

    /// The addresses that a workload's Envoy would send a cluster's requests to.
    pub fn endpoints(&self, workload: &str, cluster: &str) -> Vec<String> {
        let page = self.envoy_admin(workload, "/clusters?format=json");
        let page: Value = serde_json::from_str(&page).expect("Envoy's JSON");
        let found = page["cluster_statuses"].as_array().into_iter().flatten().find(|status| status["name"] == cluster);
        let hosts = found.and_then(|status| status["host_statuses"].as_array()).into_iter().flatten();
        let address = |host: &Value| host["address"]["socket_address"]["address"].as_str().map(str::to_owned);
        hosts.filter_map(address).collect()
    }
}

// === impl Mesh: ferrod ===

impl Mesh {
    /// The address of ferrod's API.
    pub fn server(&self) -> &str {
        &self.recorded.server
    }

    /// Where ferrod serves xDS over TCP: host and port.
    pub fn xds(&self) -> String {
        self.server().replace("http://", "").replace(":8080", ":15010")
    }

    /// A GET of ferrod's API, answered with 200.
    pub fn api<T: DeserializeOwned>(&self, path: &str) -> T {
        let answer = self.client.get(&self.url(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// The connected proxies.
    pub fn proxies(&self) -> Vec<ProxyStatus> {
        self.api("/api/v1/proxies")
    }

    /// One connected proxy.
    pub fn proxy(&self, workload: &str) -> Option<ProxyStatus> {
        let name = format!("{workload}.shop");
        self.proxies().into_iter().find(|proxy| proxy.name == name)
    }

    /// Waits until every workload and gateway is connected and has acknowledged all it was sent.
    pub fn settled(&self) {
        let synced =
            |proxy: &ProxyStatus| !proxy.types.is_empty() && proxy.types.values().all(|kind| kind.state == "SYNCED");
        let all_synced = || {
            let proxies = self.proxies();
            (proxies.len() >= self.recorded.members.len() && proxies.iter().all(synced)).then_some(())
        };
        until_or("every proxy is in sync", all_synced, || format!("{:#?}", self.proxies()));
    }

    /// The objects of a kind.
    pub fn objects(&self, kind: &str) -> Vec<Object> {
        self.api(&format!("/api/v1/objects?kind={kind}"))
    }

    /// What is wrong right now.
    pub fn diagnostics(&self) -> Vec<Value> {
        self.api("/api/v1/diagnostics")
    }

    /// The sum of a metric of ferrod over all label sets that contain `labels`.
    ///
    /// # Panics
    /// ferrod has no such metric, or none with such labels.
    pub fn metric(&self, name: &str, labels: &str) -> u64 {
        let url = self.url("/metrics").replace(":8080", ":15014");
        let page = self.client.get(&url).unwrap_or_else(|error| panic!("{url}: {error}")).body;
        // Else a name that is written wrong counts as zero, which is what most tests hope for.
        assert!(page.contains(&format!("# TYPE {name} ")), "no metric {name} in {page}");
        let series = page.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
        let named = series.filter(|(series, _)| series.split('{').next() == Some(name) && series.contains(labels));
        let values: Vec<u64> = named.filter_map(|(_, value)| value.parse().ok()).collect();
        assert!(!values.is_empty(), "no {name} with {labels:?} in {page}");
        values.into_iter().sum()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server())
    }
}

// === impl Mesh: end ===

impl Mesh {
    /// Every Envoy that was started last by an agent of this mesh.
    fn envoys(&self) -> Vec<Process> {
        let folders = fs::read_dir(self.state().join("workloads")).into_iter().flatten().flatten();
        let pids =
            folders.filter_map(|folder| fs::read_to_string(folder.path().join("envoy.pid")).ok()?.trim().parse().ok());
        let envoy = dist::folder().join("envoy").canonicalize().ok();
        let is_envoy = |pid: &i32| fs::read_link(format!("/proc/{pid}/exe")).ok() == envoy;
        pids.filter(is_envoy).filter_map(Process::of).collect()
    }

    fn print_logs(&self) {
        let logs = fs::read_dir(self.state().join("logs")).into_iter().flatten().flatten().map(|entry| entry.path());
        let envoys = self.recorded.members.iter().map(|member| self.agent_file(&member.name, "envoy.log"));
        for path in logs.chain(envoys) {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let start = text.len().saturating_sub(LOG_TAIL);
            let tail = text.char_indices().map(|(at, _)| at).find(|at| *at >= start).map_or("", |at| &text[at..]);
            eprintln!("=== {}\n{tail}", path.display());
        }
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.print_logs();
        }
        let envoys = self.envoys();
        for process in self.recorded.processes.values().chain(&envoys) {
            process.signal(Signal::SIGKILL);
        }
        let start = std::time::Instant::now();
        let alive = || self.recorded.processes.values().chain(&envoys).any(Process::alive);
        while alive() && start.elapsed() < crate::PATIENCE {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        // Namespaces and links, and what a test had ferroctl start by itself.
        self.bring_down(&["--force"]);
    }
}
