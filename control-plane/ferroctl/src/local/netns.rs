//! Network namespaces as pods see them: a veth pair to a bridge, iptables capture to 15001 and 15006, DNS capture to 15053.
//!
//! The rules of a workload are those of an injected pod (istio-coverage.md §7): what Envoy and the agent send (gid 1337) goes out as it
//! is, all else is captured.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::plan::{Layout, Member};

/// Ports of the agent itself: reached from outside without capture.
const UNCAPTURED_INBOUND: &str = "15090,15021,15020,15000";
const PROXY_GID: &str = "1337";

fn bridge(layout: &Layout) -> String {
    format!("fm{}x{}", layout.range[0], layout.range[1])
}

/// Makes the bridge, and a namespace for each member that has none yet.
pub(crate) fn up(layout: &Layout, members: &[Member]) -> Result<()> {
    let bridge = bridge(layout);
    let address = layout.address(0)?;
    if !link_exists(&bridge) {
        run(&["ip", "link", "add", &bridge, "type", "bridge"])?;
        run(&["ip", "addr", "add", &format!("{address}/16"), "dev", &bridge])?;
        run(&["ip", "link", "set", &bridge, "up"])?;
    }
    for member in members {
        if let Some(netns) = &member.netns
            && !exists(netns)
        {
            let made = create(netns, member.ip, &bridge, address).and_then(|()| match member.app {
                Some(_) => capture(netns),
                // A gateway is called at its own ports and calls out itself: nothing is captured.
                None => Ok(()),
            });
            made.with_context(|| format!("no network namespace for {}", member.name))?;
        }
    }
    Ok(())
}

/// Removes every namespace and link of a mesh, also after a crash: they are found by name.
pub(crate) fn down(layout: &Layout) -> Result<usize> {
    let prefix = format!("{}-", bridge(layout));
    let mut removed = 0;
    for netns in list()?.into_iter().filter(|name| name.starts_with(&prefix)) {
        // The kernel takes its time to remove a namespace; its link is to be gone when this returns.
        if link_exists(&outer(&netns)) {
            run(&["ip", "link", "del", &outer(&netns)])?;
        }
        run(&["ip", "netns", "del", &netns])?;
        let _ = fs::remove_dir_all(resolver_folder(&netns));
        removed += 1;
    }
    if link_exists(&bridge(layout)) {
        run(&["ip", "link", "del", &bridge(layout)])?;
        removed += 1;
    }
    Ok(removed)
}

fn create(netns: &str, ip: Ipv4Addr, bridge: &str, gateway: Ipv4Addr) -> Result<()> {
    let (outer, inner) = (outer(netns), format!("{netns}i"));
    run(&["ip", "netns", "add", netns])?;
    run(&["ip", "link", "add", &outer, "type", "veth", "peer", "name", &inner])?;
    run(&["ip", "link", "set", &outer, "master", bridge, "up"])?;
    run(&["ip", "link", "set", &inner, "netns", netns])?;
    let inside = ["ip", "-n", netns];
    run(&[&inside[..], &["link", "set", &inner, "name", "eth0"]].concat())?;
    run(&[&inside[..], &["addr", "add", &format!("{ip}/16"), "dev", "eth0"]].concat())?;
    run(&[&inside[..], &["link", "set", "lo", "up"]].concat())?;
    run(&[&inside[..], &["link", "set", "eth0", "up"]].concat())?;
    run(&[&inside[..], &["route", "add", "default", "via", &gateway.to_string()]].concat())?;
    resolver(netns)
}

fn capture(netns: &str) -> Result<()> {
    for rule in capture_rules() {
        let words: Vec<&str> = rule.split_whitespace().collect();
        run(&[&["ip", "netns", "exec", netns, "iptables", "-w", "-t", "nat"], &words[..]].concat())?;
    }
    Ok(())
}

/// The machine's end of a namespace's link. Link names are at most 15 characters; the namespace's name is unique and short
/// enough for one more.
fn outer(netns: &str) -> String {
    format!("{netns}o")
}

/// The resolver of the namespace is its sidecar: queries to this address are captured to 15053.
fn resolver(netns: &str) -> Result<()> {
    let folder = resolver_folder(netns);
    fs::create_dir_all(&folder)?;
    let text = "nameserver 127.0.0.1\noptions ndots:5 timeout:2\n";
    fs::write(folder.join("resolv.conf"), text).context("cannot write the namespace's resolv.conf")
}

fn resolver_folder(netns: &str) -> PathBuf {
    PathBuf::from("/etc/netns").join(netns)
}

/// The `nat` rules of a captured workload, in order.
fn capture_rules() -> Vec<String> {
    let mut rules: Vec<String> = ["FERRO_INBOUND", "FERRO_IN_REDIRECT", "FERRO_OUTPUT", "FERRO_REDIRECT"]
        .iter()
        .map(|chain| format!("-N {chain}"))
        .collect();
    rules.extend([
        "-A FERRO_REDIRECT -p tcp -j REDIRECT --to-ports 15001".to_owned(),
        "-A FERRO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006".to_owned(),
        "-A PREROUTING -p tcp -j FERRO_INBOUND".to_owned(),
        format!("-A FERRO_INBOUND -p tcp -m multiport --dports {UNCAPTURED_INBOUND} -j RETURN"),
        "-A FERRO_INBOUND -p tcp -j FERRO_IN_REDIRECT".to_owned(),
        // DNS of the application, on any resolver; the agent's own queries go out.
        format!("-A OUTPUT -p udp --dport 53 -m owner ! --gid-owner {PROXY_GID} -j REDIRECT --to-ports 15053"),
        format!("-A OUTPUT -p tcp --dport 53 -m owner ! --gid-owner {PROXY_GID} -j REDIRECT --to-ports 15053"),
        "-A OUTPUT -p tcp -j FERRO_OUTPUT".to_owned(),
        "-A FERRO_OUTPUT -s 127.0.0.6/32 -o lo -j RETURN".to_owned(),
        format!("-A FERRO_OUTPUT ! -d 127.0.0.1/32 -o lo -m owner --gid-owner {PROXY_GID} -j FERRO_IN_REDIRECT"),
        format!("-A FERRO_OUTPUT -o lo -m owner ! --gid-owner {PROXY_GID} -j RETURN"),
        format!("-A FERRO_OUTPUT -m owner --gid-owner {PROXY_GID} -j RETURN"),
        "-A FERRO_OUTPUT -d 127.0.0.1/32 -j RETURN".to_owned(),
        "-A FERRO_OUTPUT -j FERRO_REDIRECT".to_owned(),
    ]);
    rules
}

fn link_exists(name: &str) -> bool {
    PathBuf::from("/sys/class/net").join(name).exists()
}

fn exists(netns: &str) -> bool {
    PathBuf::from("/run/netns").join(netns).exists()
}

fn list() -> Result<Vec<String>> {
    match fs::read_dir("/run/netns") {
        Ok(entries) => Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).context("cannot list network namespaces"),
    }
}

fn run(argv: &[&str]) -> Result<()> {
    let (program, arguments) = argv.split_first().context("no command")?;
    let output =
        Command::new(program).args(arguments).output().with_context(|| format!("`{program}` does not run here"))?;
    ensure!(output.status.success(), "`{}` failed: {}", argv.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
