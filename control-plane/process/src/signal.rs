//! SIGTERM and SIGINT become a cancellation token.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

#[cfg(test)]
mod tests;

/// A token that is cancelled by the first SIGTERM or SIGINT.
///
/// The second SIGINT ends the process at once, as somebody at a terminal who presses Ctrl-C twice expects.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn shutdown_token() -> io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let cancelled = token.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        info!(signal = name, "shutting down");
        cancelled.cancel();
        interrupt.recv().await;
        std::process::exit(130);
    });
    Ok(token)
}
