use ferro_xds::client::Handle;
use ferro_xds_protos::envoy::google::rpc::Status;

/// `google.rpc.Code.UNAVAILABLE`.
const UNAVAILABLE: i32 = 14;

/// Whether the workload can take requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It can.
    Healthy,
    /// It cannot, for this reason.
    Unhealthy(String),
}

/// Tells ferrod how the workload is. Only the latest report counts; it is repeated on every new stream.
#[derive(Clone, Debug)]
pub struct HealthReporter {
    handle: Handle,
}

// === impl HealthReporter ===

impl HealthReporter {
    pub(super) fn new(handle: Handle) -> Self {
        Self { handle }
    }

    /// Reports; never blocks. A report equal to the last one is not sent again.
    pub fn report(&self, health: Health) {
        let error = match health {
            Health::Healthy => None,
            Health::Unhealthy(message) => Some(Status { code: UNAVAILABLE, message, details: Vec::new() }),
        };
        self.handle.update(|session| session.report_health(error));
    }
}
