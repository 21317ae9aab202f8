//! Totals of processes anywhere, in a Redis: [`MultiProcessRedisBackend`]. With the feature `redis`.
//!
//! ```text
//! a call -> cell of this process                                         (no server is asked)
//! ===== the shipping thread, ten times a second ============================
//! batch -> errand (steps under a number) -> script, applied once          shard, errand, sender, apply.lua
//! ===== a thread of its own, now and then ==================================
//! the lease, the expiry; what is gone is told again                       keeper, sender, shard
//! what those have left that were killed, where there is a spool           notes, heir
//! ===== a scrape ===========================================================
//! index, then all hashes -> series -> totals                              scrape, combine
//! ===== all of these =======================================================
//! shard -> server -> connection -> answers by a deadline                  servers, link, wire, socket, lookup, tls
//! ```
//!
//! What is where in Redis: `layout`; beside Python, `python`. What users should know: `reference.md`.

mod backend;
mod berth;
mod combine;
mod common;
mod errand;
mod fault;
#[cfg(unix)]
mod heir;
#[cfg(not(unix))]
#[path = "no_heir.rs"]
mod heir;
mod keeper;
mod layout;
mod link;
mod lookup;
mod notes;
mod noting;
mod python;
mod request;
mod scrape;
mod sender;
mod servers;
mod settings;
mod shard;
mod socket;
mod stats;
#[cfg(test)]
mod tests;
#[cfg(feature = "redis-tls")]
mod tls;
mod wire;

pub use fault::RedisFault;

use std::sync::Arc;

#[doc = include_str!("reference.md")]
#[derive(Clone)]
pub struct MultiProcessRedisBackend(Arc<backend::Inner>);
