//! `ferrod`, the Ferromesh control plane.

use anyhow::Result;
use clap::Parser;
use ferro_process::{signal, telemetry};
use ferrod::app::App;
use ferrod::args::Args;

fn main() -> Result<()> {
    let args = Args::parse();
    telemetry::init(args.log_format.parse()?, &args.log)?;
    // Two workers: one may translate a first view while the other serves.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let shutdown = signal::shutdown_token()?;
        App::bind(&args).await?.run(shutdown).await
    })
}
