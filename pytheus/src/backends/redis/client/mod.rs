//! Requests to Redis servers, each by a deadline.
//!
//! `topology` finds the server of a partition, `connection` keeps a pool of connections to it; `resolve`, `socket`,
//! `timed_socket` and `tls` open one, `protocol` speaks RESP on it. `error` classifies faults, `health` counts them for the scrape.

pub(super) mod connection;
pub(super) mod error;
pub(super) mod health;
pub(super) mod protocol;
mod resolve;
mod socket;
mod timed_socket;
#[cfg(feature = "redis-tls")]
mod tls;
pub(super) mod topology;
