//! Notices Ctrl-C without ending the process, so that what was started can be stopped in order; and waits that end then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

/// How long a wait sleeps before it looks again.
const PAUSE: Duration = Duration::from_millis(50);

/// Of the whole process, as signals are.
static SEEN: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From now on SIGINT and SIGTERM are only noted.
pub(crate) fn watch() -> Result<()> {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&SEEN))?;
    }
    Ok(())
}

/// Whether one came.
pub(crate) fn seen() -> bool {
    SEEN.load(Ordering::Relaxed)
}

/// An error once one came.
pub(crate) fn check() -> Result<()> {
    ensure!(!seen(), "interrupted");
    Ok(())
}

/// Sleeps, unless interrupted.
pub(crate) fn sleep(time: Duration) -> Result<()> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        check()?;
        std::thread::sleep(end.saturating_duration_since(Instant::now()).min(PAUSE));
    }
    check()
}

/// Calls `attempt` until it succeeds; its last error at the deadline.
pub(crate) fn wait(limit: Duration, attempt: impl FnMut() -> Result<()>) -> Result<()> {
    wait_while(limit, || Ok(()), attempt)
}

/// The same, as long as `hope` holds: its error ends the wait, even if `attempt` has just succeeded.
pub(crate) fn wait_while(
    limit: Duration,
    hope: impl Fn() -> Result<()>,
    mut attempt: impl FnMut() -> Result<()>,
) -> Result<()> {
    let deadline = Instant::now() + limit;
    loop {
        let outcome = attempt();
        hope()?;
        match outcome {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() >= deadline => return Err(error.context(format!("gave up after {limit:?}"))),
            Err(_) => sleep(PAUSE)?,
        }
    }
}

#[cfg(test)]
mod tests;
