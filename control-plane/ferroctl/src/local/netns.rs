//! Network namespaces as pods see them: a veth pair to a bridge, iptables capture to 15001 and 15006, DNS capture to 15053.
//!
//! The rules of a workload are those of an injected pod (istio-coverage.md §7): what Envoy and the agent send (gid 1337) goes out as it
//! is, all else is captured.
//!
//! Bridge, links and namespaces are named after their mesh (see [`Layout::network`]) and found by that name, recorded or
//! not. What the alias of a link says is true of it: it is written last, so that an interrupted `up` leaves none.

use std::fs;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use xxhash_rust::xxh3::xxh3_64;

use super::plan::{Layout, Member};
use super::{process, procfs, resolver};

/// Ports of the agent itself: reached from outside without capture.
const UNCAPTURED_INBOUND: &str = "15090,15021,15020,15000";
const PROXY_GID: &str = "1337";
/// The longest alias that the kernel takes.
const ALIAS_MAX: usize = 255;

/// Whether the mesh can have this address range, and is not in the way of itself.
///
/// # Errors
/// Another link has the range, or something of this mesh is left that `recorded` says nothing of.
pub(crate) fn check(layout: &Layout, recorded: bool) -> Result<()> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "--mode netns makes network namespaces and needs root; without it use --mode loopback"
    );
    let network = layout.network();
    let nothing_left = left_of(&network).is_empty() && links_of(&network).is_empty();
    if !recorded && !nothing_left {
        bail!(
            "network namespaces of this mesh are left and nothing is recorded of them: `ferroctl local down --force` removes them"
        );
    }
    let owner = alias(&network);
    if owner.as_ref().is_some_and(|owner| *owner != owner_of(layout)) {
        bail!("the link {network} belongs to the mesh in {}: give this one another name", owner.unwrap_or_default());
    }
    let listing = run(&["ip", "-4", "-o", "addr", "show"])?;
    if let Some(link) = taken(&listing, layout.range, &network) {
        let [first, second] = layout.range;
        let whose = alias(link).map(|owner| format!(" of the mesh in {owner}")).unwrap_or_default();
        bail!("{first}.{second}.0.0/16 is taken by the link {link}{whose}: choose another --range");
    }
    Ok(())
}

/// Makes the bridge, and a namespace for each member whose own is not as it should be.
pub(crate) fn up(layout: &Layout, members: &[Member]) -> Result<()> {
    resolver::write_for_agents(&layout.resolv_conf())?;
    let (network, gateway) = (layout.network(), layout.address(0)?);
    if !link_exists(&network) {
        run(&["ip", "link", "add", &network, "type", "bridge"])?;
    }
    run(&["ip", "addr", "replace", &format!("{gateway}/16"), "dev", &network])?;
    run(&["ip", "link", "set", &network, "up", "alias", &owner_of(layout)])?;
    let wanted: Vec<&str> = members.iter().filter_map(|member| member.netns.as_deref()).collect();
    for surplus in left_of(&network).iter().filter(|name| !wanted.contains(&name.as_str())) {
        remove(surplus)?;
    }
    for member in members {
        let Some(netns) = &member.netns else { continue };
        if is_made_for(netns, member, &network) {
            continue;
        }
        remove(netns)?;
        if let Err(error) = make(netns, member, &network, gateway) {
            // Half a namespace would let traffic pass uncaptured.
            let _ = remove(netns);
            return Err(error.context(format!("no network namespace for {}", member.name)));
        }
    }
    Ok(())
}

/// Removes every namespace and link of a mesh, and ends what still runs in there. How many there were.
pub(crate) fn down(network: &str) -> Result<usize> {
    let namespaces = left_of(network);
    namespaces.iter().try_for_each(|netns| remove(netns))?;
    let mut removed = namespaces.len();
    for link in links_of(network) {
        // The other end of a pair goes with the first.
        if link_exists(&link) {
            run(&["ip", "link", "del", &link])?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Where a namespace can be entered.
pub(crate) fn mount(netns: &str) -> PathBuf {
    Path::new("/run/netns").join(netns)
}

fn make(netns: &str, member: &Member, bridge: &str, gateway: Ipv4Addr) -> Result<()> {
    let (outer, inner) = (outer(netns), format!("{netns}i"));
    run(&["ip", "netns", "add", netns])?;
    run(&["ip", "link", "add", &outer, "type", "veth", "peer", "name", &inner])?;
    run(&["ip", "link", "set", &outer, "master", bridge, "up"])?;
    run(&["ip", "link", "set", &inner, "netns", netns])?;
    let inside = ["ip", "-n", netns];
    run(&[&inside[..], &["link", "set", &inner, "name", "eth0"]].concat())?;
    run(&[&inside[..], &["addr", "add", &format!("{}/16", member.ip), "dev", "eth0"]].concat())?;
    run(&[&inside[..], &["link", "set", "lo", "up"]].concat())?;
    run(&[&inside[..], &["link", "set", "eth0", "up"]].concat())?;
    run(&[&inside[..], &["route", "add", "default", "via", &gateway.to_string()]].concat())?;
    resolver::write_for_application(&resolver_folder(netns), &member.namespace)?;
    if let Some(table) = capture(member) {
        // All rules or none: iptables-restore commits a table at once.
        run_with(&["ip", "netns", "exec", netns, "iptables-restore", "-w"], &table)?;
    }
    run(&["ip", "link", "set", &outer, "alias", &purpose(member)]).map(drop)
}

/// Removes what there is of a namespace, however little, and ends what runs in it.
fn remove(netns: &str) -> Result<()> {
    let mount = mount(netns);
    process::end_all(|pid| procfs::lives_in(pid, &mount));
    // The kernel takes its time to remove a namespace; its link is to be gone when this returns.
    if link_exists(&outer(netns)) {
        run(&["ip", "link", "del", &outer(netns)])?;
    }
    if mount.exists() {
        run(&["ip", "netns", "del", netns])?;
    }
    match fs::remove_dir_all(resolver_folder(netns)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).context("cannot remove a resolv.conf"),
        _ => Ok(()),
    }
}

/// Whether a namespace was made for this member to the end, and is still on the bridge.
fn is_made_for(netns: &str, member: &Member, bridge: &str) -> bool {
    let outer = outer(netns);
    let master = fs::read_link(link(&outer).join("master")).unwrap_or_default();
    mount(netns).exists() && alias(&outer) == Some(purpose(member)) && master.ends_with(bridge)
}

/// All that a namespace depends on, as the alias of its link: with other rules it is another one.
fn purpose(member: &Member) -> String {
    let rules = capture(member).unwrap_or_default() + &resolver::for_application(&member.namespace);
    format!("{} at {}, rules {:016x}", member.name, member.ip, xxh3_64(rules.as_bytes()))
}

fn owner_of(layout: &Layout) -> String {
    let mut owner = layout.state.display().to_string();
    owner.truncate(owner.floor_char_boundary(ALIAS_MAX));
    owner
}

/// The link that has an address of the range and is not this mesh's own.
fn taken<'a>(listing: &'a str, [first, second]: [u8; 2], own: &str) -> Option<&'a str> {
    let range = format!("{first}.{second}.");
    let addresses = listing.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        Some((words.next()?, words.nth(1)?))
    });
    let mut foreign = addresses.filter(|(link, address)| *link != own && address.starts_with(&range));
    foreign.next().map(|(link, _)| link)
}

/// The machine's end of a namespace's link. Link names are at most 15 characters; the namespace's name is unique and short
/// enough for one more.
fn outer(netns: &str) -> String {
    format!("{netns}o")
}

fn resolver_folder(netns: &str) -> PathBuf {
    Path::new("/etc/netns").join(netns)
}

/// The `nat` table of a captured workload, for iptables-restore. A gateway is called at its own ports and calls out itself:
/// nothing is captured.
fn capture(member: &Member) -> Option<String> {
    member.app.as_ref()?;
    let chains = ["FERRO_INBOUND", "FERRO_IN_REDIRECT", "FERRO_OUTPUT", "FERRO_REDIRECT"];
    let chains: String = chains.iter().map(|chain| format!(":{chain} - [0:0]\n")).collect();
    Some(format!(
        "*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
{chains}\
-A FERRO_REDIRECT -p tcp -j REDIRECT --to-ports 15001
-A FERRO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006
-A PREROUTING -p tcp -j FERRO_INBOUND
-A FERRO_INBOUND -p tcp -m multiport --dports {UNCAPTURED_INBOUND} -j RETURN
-A FERRO_INBOUND -p tcp -j FERRO_IN_REDIRECT
# DNS of the application, on any resolver; the agent's own queries go out.
-A OUTPUT -p udp --dport 53 -m owner ! --gid-owner {PROXY_GID} -j REDIRECT --to-ports 15053
-A OUTPUT -p tcp --dport 53 -m owner ! --gid-owner {PROXY_GID} -j REDIRECT --to-ports 15053
-A OUTPUT -p tcp -j FERRO_OUTPUT
-A FERRO_OUTPUT -s 127.0.0.6/32 -o lo -j RETURN
-A FERRO_OUTPUT ! -d 127.0.0.1/32 -o lo -m owner --gid-owner {PROXY_GID} -j FERRO_IN_REDIRECT
-A FERRO_OUTPUT -o lo -m owner ! --gid-owner {PROXY_GID} -j RETURN
-A FERRO_OUTPUT -m owner --gid-owner {PROXY_GID} -j RETURN
-A FERRO_OUTPUT -d 127.0.0.1/32 -j RETURN
-A FERRO_OUTPUT -j FERRO_REDIRECT
COMMIT
"
    ))
}

fn link(name: &str) -> PathBuf {
    Path::new("/sys/class/net").join(name)
}

fn link_exists(name: &str) -> bool {
    link(name).exists()
}

/// What was noted of a link, if anything.
fn alias(name: &str) -> Option<String> {
    let alias = fs::read_to_string(link(name).join("ifalias")).ok()?;
    Some(alias.trim_end().to_owned()).filter(|alias| !alias.is_empty())
}

/// The namespaces of a mesh: also those of which only the resolver's folder is left, as after the machine was started anew.
fn left_of(network: &str) -> Vec<String> {
    let mut names = beginning("/run/netns", &format!("{network}-"));
    names.extend(beginning("/etc/netns", &format!("{network}-")));
    names.sort_unstable();
    names.dedup();
    names
}

fn links_of(network: &str) -> Vec<String> {
    beginning("/sys/class/net", network)
}

fn beginning(folder: &str, prefix: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(prefix)).collect()
}

fn run(argv: &[&str]) -> Result<String> {
    run_with(argv, "")
}

/// Runs a program on an input; its output.
fn run_with(argv: &[&str], input: &str) -> Result<String> {
    let (program, arguments) = argv.split_first().context("no command")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{program}` does not run here"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that ends without reading says why on its own.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "`{}` failed: {}", argv.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests;
