//! Totals of processes anywhere, in a Redis: [`MultiProcessRedisBackend`]. With the feature `redis`.
//!
//! ```text
//! a call -> cell of this process                                         (no server is asked)
//! ===== the shipping thread, ten times a second ============================
//! batch -> command (steps under a number) -> script, applied once         write/{writer, partition, command, apply.lua}
//! ===== a thread of its own, now and then ==================================
//! the lease, the expiry; what is gone is told again                       heartbeat, write/writer
//! what those have left that were killed, where there is a spool           write/journal, recovery
//! ===== a scrape ===========================================================
//! index, then all hashes -> series -> totals                              read/{scrape, series}
//! ===== all of these =======================================================
//! partition -> server -> connection -> answers by a deadline              client
//! ```
//!
//! What is where in Redis: `schema`; beside Python, `python`. What users should know: `reference.md`.

mod backend;
mod berth;
mod client;
mod config;
mod context;
mod heartbeat;
mod python;
mod read;
mod recovery;
mod schema;
#[cfg(test)]
mod tests;
mod write;

pub use client::error::RedisFault;

use std::sync::Arc;

#[doc = include_str!("reference.md")]
#[derive(Clone)]
pub struct MultiProcessRedisBackend(Arc<backend::Inner>);
