//! The Ferromesh sidecar agent.

use std::{env, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Parser;
use ferro_agent::{app::App, args::Args, config::Config, launch};
use ferro_process::{signal::shutdown_token, telemetry};

/// The running program itself, even when the file it came from was replaced.
const SELF: &str = "/proc/self/exe";

fn main() -> ExitCode {
    let mut words = env::args_os().skip(1);
    if words.next().is_some_and(|word| word == launch::SUBCOMMAND) {
        let error = launch::launch(words);
        eprintln!("ferro-agent: {:#}", anyhow::Error::new(error));
        return ExitCode::FAILURE;
    }
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ferro-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> anyhow::Result<()> {
    telemetry::init(args.log_format.parse()?, &args.log)?;
    let config = Config::resolve(args)?;
    // One thread: the agent waits nearly all the time, and each thread costs memory beside every workload. Envoy is
    // also tied to the thread that starts it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    runtime.block_on(async {
        let shutdown = shutdown_token().context("cannot handle signals")?;
        let app = App::bind(config, PathBuf::from(SELF), shutdown).await?;
        Ok(app.run().await?)
    })
}
