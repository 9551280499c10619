//! The deterministic, sans-IO data plane in virtual time.
pub mod host;
