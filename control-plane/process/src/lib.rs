//! Plumbing of a process: drain, readiness, signals, telemetry, clock, backoff, supervision
