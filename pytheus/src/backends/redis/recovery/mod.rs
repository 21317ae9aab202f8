//! Recovery of crashed processes: another process of the machine sends whatever a killed one could not, exactly once.
//!
//! `recover` takes the spools of ended processes, one after the other; `remaining` computes the unsent part of their counts.
//! `unsupported` stands in on systems without a spool.

#[cfg(unix)]
mod recover;
#[cfg(not(unix))]
#[path = "unsupported.rs"]
mod recover;
#[cfg(unix)]
mod remaining;

#[cfg(unix)]
pub(super) use crate::backends::file::Spool;
#[cfg(not(unix))]
pub(super) use recover::Spool;
pub(super) use recover::{Recovery, own_writer};
