//! `ferroctl`: drive a mesh by the YAML you own, and see what its proxies really have.

mod apply;
mod bug_report;
mod client;
mod delete;
mod describe;
mod get;
mod local;
mod logs;
mod output;
mod proxy_config;
mod proxy_status;
mod version;

use anyhow::Result;
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use client::Client;
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
    /// Table for people, JSON or YAML for machines
    #[arg(short, long, global = true, value_enum, default_value_t)]
    output: Format,
}

impl Global {
    fn client(&self) -> Result<Client> {
        let server = self.server.clone().or_else(|| local::state::State::only_running().map(|(_, state)| state.server));
        Client::new(server.as_deref().unwrap_or("http://127.0.0.1:8080"))
    }
}

#[derive(Subcommand)]
enum Verb {
    /// Create or change objects from YAML files, folders or standard input
    Apply(apply::Arguments),
    /// List objects, or print one
    Get(get::Arguments),
    /// One object with its owner, revision, diagnostics and which proxies have it
    Describe(describe::Arguments),
    /// Remove an object
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
    let cli = Cli::parse();
    if let Err(error) = run(cli) {
        eprintln!("error: {error:#}");
        std::process::exit(1);
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
