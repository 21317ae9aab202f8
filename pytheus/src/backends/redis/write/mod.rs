//! Batches become numbered commands, which a script applies exactly once.
//!
//! `writer` sends; `partition` keeps the commands that are not acknowledged yet, and the acknowledged baseline; `command` and
//! `request` are a command and its encoding for `apply.lua`; `journal` is the write-ahead log of commands in a spool, and
//! `compaction` keeps it short.

pub(super) mod command;
mod compaction;
pub(super) mod journal;
mod partition;
mod request;
pub(super) mod writer;
