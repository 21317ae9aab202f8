//! The counts of a process that was killed before it could send them: another process of its machine sends the rest, exactly
//! once.
//!
//! `recover` takes one after the other, `remaining` computes what the server lacks. Where there are no files to keep cells in,
//! `unsupported` stands in.

#[cfg(unix)]
pub(super) mod recover;
#[cfg(unix)]
mod remaining;
#[cfg(not(unix))]
mod unsupported;

#[cfg(unix)]
pub(super) use recover::Heir;
#[cfg(not(unix))]
pub(super) use unsupported::Heir;
