//! When a mesh is ready: every sidecar says so, and traffic has passed into and out of every workload.

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::interrupt::wait_while;
use super::plan::{Member, Plan, READINESS, member_state};
use super::policies::Inbound;
use super::request::{Answer, Method, Way, exchange, send};
use super::state::State;
use crate::client::Client;

/// An Envoy that has nobody behind it closes a connection within this time.
const STAYS_OPEN: Duration = Duration::from_secs(1);

/// Waits for the processes of a mesh; every wait ends at once when one that it needs has died.
pub(crate) struct Ready<'a> {
    pub(crate) state: &'a State,
    pub(crate) folder: &'a Path,
    /// How long each part may take.
    pub(crate) within: Duration,
}

impl Ready<'_> {
    /// Waits until ferrod serves its first revision.
    pub(crate) fn server(&self) -> Result<()> {
        let client = Client::new(&self.state.server)?;
        wait_while(self.within, || self.alive("ferrod"), || client.ready())
            .with_context(|| format!("ferrod does not answer; see {}", self.log("ferrod").display()))
    }

    /// Waits until everybody is ready and traffic passes.
    pub(crate) fn members(&self, plan: &Plan) -> Result<()> {
        for member in &plan.members {
            self.says_so(member)?;
        }
        for member in &plan.members {
            self.passes_in(member)?;
        }
        // Only when all applications are known to answer can each of them call another.
        for member in plan.members.iter().filter(|member| member.app.is_some() && !plan.hosts.is_empty()) {
            self.passes_out(member, &plan.hosts)?;
        }
        eprintln!("  ready: {} sidecars and gateways, traffic passes", plan.members.len());
        Ok(())
    }

    fn says_so(&self, member: &Member) -> Result<()> {
        let url = format!("http://{}:{READINESS}/healthz/ready", member.ip);
        self.wait(member, || send(Method::Get, &url).map(drop)).with_context(|| {
            let envoy = member_state(self.folder, &member.name).join("envoy.log");
            format!("{} is not ready; see {} and {}", member.name, self.logs(member), envoy.display())
        })
    }

    fn passes_in(&self, member: &Member) -> Result<()> {
        let (Some(port), Some(inbound)) = (member.port, &member.inbound) else { return Ok(()) };
        let address = SocketAddr::from((member.ip, port));
        self.wait(member, || answers(address, inbound)).with_context(|| {
            format!("no traffic passes to the application of {}; see {}", member.name, self.logs(member))
        })
    }

    /// Asks one host of the mesh after the other: a policy may keep a workload from some of them.
    fn passes_out(&self, member: &Member, hosts: &[String]) -> Result<()> {
        let proxy = format!("http://{}:15007", member.ip);
        let way = member.netns.as_deref().map_or(Way::Through(&proxy), Way::Inside);
        let one = |url: &String| exchange(way, Method::Get, url).and_then(|answer| somebody(&answer));
        let any = || {
            let mut last = Ok(());
            for url in hosts {
                last = one(url).with_context(|| format!("{url} is not reached"));
                if last.is_ok() {
                    break;
                }
            }
            last
        };
        self.wait(member, any)
            .with_context(|| format!("no traffic passes out of {}; see {}", member.name, self.logs(member)))
    }

    fn wait(&self, member: &Member, attempt: impl FnMut() -> Result<()>) -> Result<()> {
        let processes = || member.app.iter().chain([&member.agent]);
        let hope = || processes().try_for_each(|process| self.alive(&process.name));
        wait_while(self.within, hope, attempt)
    }

    fn alive(&self, process: &str) -> Result<()> {
        if !self.state.processes.get(process).is_some_and(|record| record.alive()) {
            bail!("{process} ended by itself; see {}", self.log(process).display());
        }
        Ok(())
    }

    fn logs(&self, member: &Member) -> String {
        let processes = member.app.iter().chain([&member.agent]);
        processes.map(|process| self.log(&process.name).display().to_string()).collect::<Vec<_>>().join(", ")
    }

    fn log(&self, process: &str) -> PathBuf {
        self.folder.join("logs").join(format!("{process}.log"))
    }
}

/// Asks an application at its address in the mesh: the request enters through the sidecar.
fn answers(address: SocketAddr, inbound: &Inbound) -> Result<()> {
    match inbound {
        Inbound::Probe(path) => {
            let answer = exchange(Way::Direct, Method::Get, &format!("http://{address}{path}"))?;
            ensure!((200..400).contains(&answer.status), "{path} answered {}", answer.summary());
            Ok(())
        }
        Inbound::Http => somebody(&exchange(Way::Direct, Method::Get, &format!("http://{address}/"))?),
        Inbound::Tcp => stays_open(address),
    }
}

/// Any answer will do, also one that a policy makes, but not Envoy's for having nobody to ask.
fn somebody(answer: &Answer) -> Result<()> {
    let nobody = ["no healthy upstream", "upstream connect error"];
    ensure!(!nobody.iter().any(|text| answer.body.starts_with(text)), "nobody is there: {}", answer.summary());
    Ok(())
}

/// Envoy takes every connection, and closes those for which it finds no application.
fn stays_open(address: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(STAYS_OPEN))?;
    let read = loop {
        match stream.read(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => break read,
        }
    };
    match read {
        Ok(0) => bail!("{address} closes connections at once"),
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("{address} breaks connections")),
    }
}

#[cfg(test)]
mod tests;
