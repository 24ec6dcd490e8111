//! Probes the application, so that ferrod can take a dead one out of the endpoints while its agent lives on.

use tokio::time::{self, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::config::Capture;
use check::check;
use spec::ProbeSpec;
use state::{Health, Outcome, ProbeState};

pub(crate) mod check;
pub mod spec;
pub mod state;

#[cfg(test)]
mod tests;

/// Probes until the shutdown and hands every change of health to `report`.
pub(crate) async fn run(
    spec: ProbeSpec,
    capture: Capture,
    report: impl Fn(&Health) + Send,
    shutdown: CancellationToken,
) -> Result<(), std::io::Error> {
    let probing = probe_for_ever(&spec, &report, || check(&spec, &capture));
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = probing => {}
    }
    Ok(())
}

async fn probe_for_ever<F>(spec: &ProbeSpec, report: &(impl Fn(&Health) + Send), attempt: impl Fn() -> F)
where
    F: Future<Output = Outcome>,
{
    let mut state = ProbeState::new(spec.timing);
    let mut ticks = time::interval_at(time::Instant::now() + spec.timing.initial_delay, spec.timing.period);
    // A try may take longer than a period: the next then begins when it ends, never beside it and never in a burst.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let outcome = attempt().await;
        debug!(?outcome, "probed");
        if let Some(health) = state.record(outcome) {
            match health {
                Health::Unhealthy(reason) => warn!(reason, "the application is unhealthy"),
                _ => info!("the application is healthy"),
            }
            report(health);
        }
    }
}
