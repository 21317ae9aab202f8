//! Batches become numbered batches, one per partition, and a script applies each exactly once: see `PROTOCOL.md`.
//!
//! `writer` accepts and sends them; `partition` keeps a partition's pending batches, sequence numbers and acknowledged
//! baseline; `numbered_batch` holds the operations on fields. `request` encodes a batch for `apply.lua`, `reply` parses its
//! answer. `journal` is the write-ahead log of a spool.

pub(super) mod journal;
pub(super) mod numbered_batch;
mod partition;
pub(super) mod reply;
pub(super) mod request;
pub(super) mod writer;
