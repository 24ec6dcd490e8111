//! The sample shop in one program: five services, a load driver for them, and checks of long-lived exchanges.
//!
//! * `serve`: one of the services user, product, order, payment, notification ([`serve`]).
//! * `load`: many short requests, counted by status and by the version that answered ([`load`]).
//! * `check`: one WebSocket, upload or streaming response that must survive whatever the mesh does meanwhile ([`check`]).
//!
//! It is an ordinary application: it knows nothing of the mesh but the HTTP proxy it may have to use.

mod check;
mod client;
mod fingerprint;
mod load;
mod serve;
mod span;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "ferro-shop", version, about = "The sample shop of Ferromesh", args_override_self = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run one of the services until SIGTERM
    Serve(serve::Arguments),
    /// Send requests and count the answers
    Load(load::Arguments),
    /// Hold one long exchange and see whether it survives
    #[command(subcommand)]
    Check(check::Exchange),
}

/// One thread: a service of the sample is small, and the machine belongs to the mesh.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    match Arguments::parse().verb {
        Verb::Serve(arguments) => serve::main(arguments).await,
        Verb::Load(arguments) => load::main(arguments).await,
        Verb::Check(exchange) => check::main(exchange).await,
    }
}
