//! Totals of processes on any machines, in a Redis: [`MultiProcessRedisBackend`]. With the feature `redis`.
//!
//! ```text
//! request path    an increment -> a cell of this process                  no server is involved
//! shipping thread batch -> numbered batches -> apply.lua, exactly once    write/
//!                 lease, probe, time to live; crashed processes           native/heartbeat, recovery/
//! scrape          indexes, then hashes -> series -> totals                read/
//! all of these    partition -> server -> connection -> reply              client/
//! ```
//!
//! `native` puts these together, `python` does the same with the keys of Python's pytheus; `backend` chooses between them.
//! `config/` is the configuration, `schema` the keys and fields in Redis, `context` the state shared by all requests.
//! The page for users is `reference.md`.
#![doc = include_str!("PROTOCOL.md")]

mod backend;
mod client;
mod config;
mod context;
mod fork_safe_slot;
mod native;
#[cfg(feature = "redis-python")]
mod python;
mod read;
mod recovery;
mod schema;
#[cfg(test)]
mod tests;
mod write;

pub use backend::MultiProcessRedisBackend;
pub use client::error::RedisFault;
