//! `ferroctl`: drive a mesh by the YAML you own, and see what its proxies really have.

mod apply;
mod bug_report;
mod client;
mod delete;
mod describe;
mod get;
mod input;
mod local;
mod logs;
mod outcome;
mod output;
mod proxy_config;
mod proxy_status;
mod select;
mod server;
mod version;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use client::Client;
use local::state::State;
use output::Format;

#[derive(Parser)]
#[command(
    name = "ferroctl",
    version,
    about = "Drive a Ferromesh: apply policy, look at proxies, run a mesh on this machine"
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Args)]
struct Global {
    /// ferrod's API [default: the local mesh that runs here, else http://127.0.0.1:8080]
    #[arg(long, global = true, env = "FERRO_SERVER")]
    server: Option<String>,
    /// Table for people, JSON or YAML for machines, names for scripts
    #[arg(short, long, global = true, value_enum, default_value_t)]
    output: Format,
}

impl Global {
    fn client(&self) -> Result<Client> {
        Client::new(&server::address(self.server.as_deref())?)
    }

    /// The local mesh that is meant, if one is: a server that was named may be another's.
    fn local_mesh(&self) -> Option<(PathBuf, State)> {
        let named = self.server.as_deref().map(|server| server.trim_end_matches('/'));
        State::only_running().filter(|(_, state)| named.is_none_or(|server| server == state.server))
    }
}

#[derive(Subcommand)]
enum Verb {
    /// Create or change objects from YAML files, folders or standard input
    Apply(apply::Arguments),
    /// List objects, or print some
    Get(get::Arguments),
    /// Objects with their owner, version and diagnostics, and how many proxies are in sync
    Describe(describe::Arguments),
    /// Remove objects
    Delete(delete::Arguments),
    /// Per proxy and type: sent, acknowledged, stale, refused and why
    #[command(visible_alias = "ps")]
    ProxyStatus(proxy_status::Arguments),
    /// What a proxy's Envoy really runs
    #[command(visible_alias = "pc")]
    ProxyConfig(proxy_config::Arguments),
    /// The access log of a workload's sidecar, live
    Logs(logs::Arguments),
    /// Everything a bug report needs, in one folder
    BugReport(bug_report::Arguments),
    /// Versions of this program and of the server
    Version,
    /// Shell completion
    Completion {
        /// The shell to write for
        shell: Shell,
    },
    /// A mesh of processes on this machine
    Local(local::Arguments),
}

fn main() {
    end_with_the_reader();
    let cli = Cli::parse();
    if let Err(error) = run(cli) {
        eprintln!("error: {error:#}");
        std::process::exit(1);
    }
}

/// `ferroctl get | head -1` closes our output early. Rust ignores the signal for that, and printing would panic: end by
/// it instead, as other programs do. Sockets are written without the signal.
fn end_with_the_reader() {
    let always = Arc::new(AtomicBool::new(true));
    if let Err(error) = signal_hook::flag::register_conditional_default(signal_hook::consts::SIGPIPE, always) {
        eprintln!("a closed output will be told as an error: {error}");
    }
}

fn run(cli: Cli) -> Result<()> {
    let global = cli.global;
    match cli.verb {
        Verb::Apply(arguments) => apply::run(&global, &arguments),
        Verb::Get(arguments) => get::run(&global, &arguments),
        Verb::Describe(arguments) => describe::run(&global, &arguments),
        Verb::Delete(arguments) => delete::run(&global, &arguments),
        Verb::ProxyStatus(arguments) => proxy_status::run(&global, &arguments),
        Verb::ProxyConfig(arguments) => proxy_config::run(&global, &arguments),
        Verb::Logs(arguments) => logs::run(&arguments),
        Verb::BugReport(arguments) => bug_report::run(&global, &arguments),
        Verb::Version => version::run(&global),
        Verb::Completion { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "ferroctl", &mut std::io::stdout());
            Ok(())
        }
        Verb::Local(arguments) => local::run(arguments, global.output),
    }
}
