//! Which processes a mesh file asks for, with every address and argument: pure, so that `up` only has to make it so.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use xxhash_rust::xxh3::xxh3_64;

use super::mesh_file::{Gateway, MeshFile, Workload};
use super::policies::{Group, Inbound, Policies};

/// Where agents say whether they are ready.
pub(crate) const READINESS: u16 = 15_021;

/// In the environment of every process of a mesh, with its state folder: what nobody recorded is found by it.
pub(crate) const MARK: &str = "FERRO_LOCAL_MESH";

/// How workloads are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// One loopback address a workload, HTTP proxy on port 15007; needs no privileges.
    Loopback,
    /// One network namespace a workload with iptables and DNS capture, as a pod has; needs root.
    Netns,
}

/// The programs of a mesh and where its state lives.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) bin: PathBuf,
    pub(crate) state: PathBuf,
    /// The first two octets of every address, in network order.
    pub(crate) range: [u8; 2],
    pub(crate) mode: Mode,
}

/// One process to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Process {
    /// Unique in the mesh: `ferrod`, `product-v1.agent`, `product-v1.app`.
    pub(crate) name: String,
    pub(crate) argv: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    /// The network namespace it lives in, if not the machine's own.
    pub(crate) netns: Option<String>,
    /// What it is made from: it is started anew when one of them is built anew.
    pub(crate) binaries: Vec<PathBuf>,
    /// Where it is to listen within the machine's own network.
    pub(crate) listens: Option<SocketAddr>,
}

/// A sidecar or gateway, with its application if it has one.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) ip: Ipv4Addr,
    pub(crate) netns: Option<String>,
    pub(crate) agent: Process,
    pub(crate) app: Option<Process>,
    /// The port of the application within the mesh, and how to see that it answers there.
    pub(crate) port: Option<u16>,
    pub(crate) inbound: Option<Inbound>,
}

/// Everything a mesh runs.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) ferrod: Process,
    /// Where ferrod's API answers.
    pub(crate) server: String,
    pub(crate) members: Vec<Member>,
    /// What every workload can call: a URL for each HTTP service with a workload.
    pub(crate) hosts: Vec<String>,
}

impl Layout {
    /// The address of the n-th member; 0 is ferrod's or the bridge's.
    pub(super) fn address(&self, index: usize) -> Result<Ipv4Addr> {
        let index =
            u16::try_from(index + 1).ok().filter(|n| *n < 0xfff0).context("a local mesh has at most 65,000 members")?;
        let [third, fourth] = index.to_be_bytes();
        Ok(Ipv4Addr::new(self.range[0], self.range[1], third, fourth))
    }

    /// The port on 127.0.0.1 of the n-th member's application. Every address range has its own block of ports, so that
    /// meshes run side by side; the last block ends below 32768, where Linux begins to hand out ports by itself.
    fn local_port(&self, index: usize) -> Result<u16> {
        const BLOCK: u16 = 88;
        let offset = u16::try_from(index).ok().filter(|offset| *offset < BLOCK);
        let offset = offset
            .with_context(|| format!("a mesh in loopback mode has fewer than {BLOCK} members; use --mode netns"))?;
        Ok(10_000 + u16::from(self.range[1]) * BLOCK + offset)
    }

    /// What the bridge of this mesh is called.
    pub(crate) fn network(&self) -> String {
        Self::network_of(&self.state)
    }

    /// What is called after the mesh of a state folder alone, whatever its addresses: its bridge; with `-` and a number its
    /// namespaces. It leaves room for the rest of a link's name, which has 15 characters at most: `fm0123ab-65000o`.
    pub(crate) fn network_of(state: &Path) -> String {
        format!("fm{:06x}", xxh3_64(state.as_os_str().as_encoded_bytes()) & 0xff_ffff)
    }

    /// The machine's resolvers, for agents whose own resolv.conf names themselves.
    pub(super) fn resolv_conf(&self) -> PathBuf {
        self.state.join("resolv.conf")
    }

    fn mark(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(MARK.to_owned(), path(&self.state))])
    }

    fn program(&self, name: &str) -> String {
        let own = self.bin.join(name);
        if own.exists() { own.display().to_string() } else { name.to_owned() }
    }

    fn ferrod_socket(&self) -> PathBuf {
        self.state.join("ferrod.sock")
    }
}

/// Lays out a mesh.
///
/// # Errors
/// A workload names a WorkloadGroup that the policies do not hold, or there are too many members.
pub(crate) fn plan(mesh: &MeshFile, policies: &Policies, layout: &Layout) -> Result<Plan> {
    let (mut members, mut hosts) = (Vec::new(), BTreeSet::new());
    for gateway in &mesh.spec.gateways {
        members.push(gateway_member(gateway, members.len() + 1, layout)?);
    }
    for workload in &mesh.spec.workloads {
        let group = find_group(workload, policies)?;
        hosts.extend(policies.url(group, workload));
        for replica in 0..workload.replicas {
            let name =
                if workload.replicas == 1 { workload.name.clone() } else { format!("{}-{replica}", workload.name) };
            let inbound = policies.inbound(group, workload);
            members.push(workload_member(workload, &name, group, inbound, members.len() + 1, layout)?);
        }
    }
    // ferrod stays on loopback in both modes; captured workloads reach it through its unix socket.
    let address = Ipv4Addr::new(127, layout.range[1], 0, 1);
    let server = SocketAddr::from((address, 8080));
    let ferrod = ferrod(mesh, server, layout);
    Ok(Plan { ferrod, server: format!("http://{server}"), members, hosts: hosts.into_iter().collect() })
}

fn find_group<'a>(workload: &Workload, policies: &'a Policies) -> Result<&'a Group> {
    let key = (workload.namespace.clone(), workload.group.clone());
    let Some(group) = policies.groups.get(&key) else {
        let known: Vec<_> = policies.groups.keys().map(|(ns, name)| format!("{ns}/{name}")).collect();
        bail!(
            "workload `{}` names WorkloadGroup {}/{}, which the policies do not hold; known: {}",
            workload.name,
            key.0,
            key.1,
            if known.is_empty() { "none".to_owned() } else { known.join(", ") }
        );
    };
    Ok(group)
}

fn ferrod(mesh: &MeshFile, server: SocketAddr, layout: &Layout) -> Process {
    let mut argv = vec![layout.program("ferrod")];
    for policy in mesh.policies() {
        argv.extend(["--config".to_owned(), path(&policy)]);
    }
    if let Some(config) = &mesh.spec.mesh_config {
        argv.extend(["--mesh-config".to_owned(), path(&mesh.folder.join(config))]);
    }
    // A store for each range: what registered in another one, and did not live to leave, is nobody to send requests to.
    let [first, second] = layout.range;
    argv.extend(["--data-dir".to_owned(), path(&layout.state.join(format!("ferrod-{first}.{second}")))]);
    argv.extend(["--bind".to_owned(), server.ip().to_string()]);
    argv.extend(["--xds-socket".to_owned(), path(&layout.ferrod_socket())]);
    let module = layout.bin.join("ferro_filters.wasm");
    argv.extend(["--wasm-module".to_owned(), path(&module)]);
    let binaries = program_of(&argv).into_iter().chain([module]).collect();
    Process { name: "ferrod".to_owned(), argv, env: layout.mark(), netns: None, binaries, listens: Some(server) }
}

fn workload_member(
    workload: &Workload,
    name: &str,
    group: &Group,
    inbound: Inbound,
    index: usize,
    layout: &Layout,
) -> Result<Member> {
    let ip = layout.address(index)?;
    let netns = netns_name(layout, index);
    let local_port = match layout.mode {
        Mode::Netns => workload.port,
        // One machine, one loopback interface: the application gets a port of its own there.
        Mode::Loopback => layout.local_port(index)?,
    };
    let mut argv = agent(name, &workload.namespace, ip, "sidecar", layout);
    argv.extend(["--group".to_owned(), workload.group.clone()]);
    argv.extend(["--service-account".to_owned(), group.service_account.clone()]);
    argv.extend(["--labels".to_owned(), labels(&group.labels)]);
    if layout.mode == Mode::Loopback {
        argv.extend(["--app-port".to_owned(), format!("{}={local_port}", workload.port)]);
    }
    if let Some(probe) = &group.probe {
        argv.extend(["--probe".to_owned(), probe.clone()]);
    }
    let agent = agent_process(name, argv, ip, netns.clone(), layout);
    let app = app(name, workload, ip, local_port, layout, netns.clone());
    Ok(Member {
        name: name.to_owned(),
        namespace: workload.namespace.clone(),
        ip,
        netns,
        agent,
        app: Some(app),
        port: Some(workload.port),
        inbound: Some(inbound),
    })
}

fn app(name: &str, workload: &Workload, ip: Ipv4Addr, port: u16, layout: &Layout, netns: Option<String>) -> Process {
    let mut argv: Vec<String> = workload.command.iter().map(|word| fill(word, name, ip, port)).collect();
    if let Some(program) = argv.first_mut() {
        *program = layout.program(program);
    }
    let mut env = workload.env.clone();
    env.extend(layout.mark());
    env.insert("PORT".to_owned(), port.to_string());
    let mut listens = None;
    if layout.mode == Mode::Loopback {
        let proxy = format!("http://{ip}:15007");
        env.insert("HTTP_PROXY".to_owned(), proxy.clone());
        env.insert("http_proxy".to_owned(), proxy);
        listens = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    let binaries = program_of(&argv).into_iter().collect();
    Process { name: format!("{name}.app"), argv, env, netns, binaries, listens }
}

fn agent_process(name: &str, argv: Vec<String>, ip: Ipv4Addr, netns: Option<String>, layout: &Layout) -> Process {
    let binaries = program_of(&argv).into_iter().chain([layout.bin.join("envoy")]).collect();
    let listens = netns.is_none().then(|| SocketAddr::from((ip, READINESS)));
    Process { name: format!("{name}.agent"), argv, env: layout.mark(), netns, binaries, listens }
}

/// The file of a program, unless it is one to be looked up in `PATH`: when that changes is nothing this mesh is told.
fn program_of(argv: &[String]) -> Option<PathBuf> {
    argv.first().map(PathBuf::from).filter(|path| path.is_absolute())
}

fn gateway_member(gateway: &Gateway, index: usize, layout: &Layout) -> Result<Member> {
    let ip = layout.address(index)?;
    let netns = netns_name(layout, index);
    let mut argv = agent(&gateway.name, &gateway.namespace, ip, "router", layout);
    argv.extend(["--labels".to_owned(), labels(&gateway.labels)]);
    Ok(Member {
        name: gateway.name.clone(),
        namespace: gateway.namespace.clone(),
        ip,
        netns: netns.clone(),
        agent: agent_process(&gateway.name, argv, ip, netns, layout),
        app: None,
        port: None,
        inbound: None,
    })
}

fn agent(name: &str, namespace: &str, ip: Ipv4Addr, kind: &str, layout: &Layout) -> Vec<String> {
    let capture = match layout.mode {
        Mode::Loopback => "none",
        Mode::Netns => "redirect",
    };
    let mut pairs = vec![
        ("--ferrod", format!("unix:{}", path(&layout.ferrod_socket()))),
        ("--envoy", path(&layout.bin.join("envoy"))),
        ("--state-dir", path(&member_state(&layout.state, name))),
        ("--ip", ip.to_string()),
        ("--workload", name.to_owned()),
        ("--namespace", namespace.to_owned()),
        ("--kind", kind.to_owned()),
        ("--capture", capture.to_owned()),
        ("--concurrency", "1".to_owned()),
        ("--drain-seconds", "5".to_owned()),
    ];
    if layout.mode == Mode::Netns {
        pairs.push(("--resolv-conf", path(&layout.resolv_conf())));
    }
    let words = pairs.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]);
    std::iter::once(layout.program("ferro-agent")).chain(words).collect()
}

/// Where a member's agent keeps its state and Envoy's log.
pub(crate) fn member_state(state: &Path, member: &str) -> PathBuf {
    state.join("workloads").join(member)
}

fn netns_name(layout: &Layout, index: usize) -> Option<String> {
    (layout.mode == Mode::Netns).then(|| format!("{}-{index}", layout.network()))
}

fn labels(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

fn fill(word: &str, name: &str, ip: Ipv4Addr, port: u16) -> String {
    word.replace("$PORT", &port.to_string()).replace("$IP", &ip.to_string()).replace("$NAME", name)
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests;
