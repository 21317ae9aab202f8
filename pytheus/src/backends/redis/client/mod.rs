//! Requests to Redis servers, each answered by a deadline.
//!
//! `topology` names the server of a partition, `connection` keeps a pool of connections to each, `resolve`, `socket` and
//! `tls` open them, `protocol` speaks RESP, `error` and `health` report what came of it.

pub(super) mod connection;
pub(super) mod error;
pub(super) mod health;
mod protocol;
mod resolve;
mod socket;
#[cfg(feature = "redis-tls")]
mod tls;
pub(super) mod topology;
