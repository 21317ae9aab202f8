//! Batches become numbered commands, which a script applies exactly once.
//!
//! `writer` sends; `partition` keeps the commands that are not acknowledged yet, and the acknowledged baseline; `numbered_batch` and
//! `request` are a command and its encoding for `apply.lua`; `journal` is the write-ahead log of commands in a spool, and
//! `compaction` keeps it short.

mod compaction;
pub(super) mod journal;
pub(super) mod numbered_batch;
mod partition;
mod request;
pub(super) mod writer;
