//! The totals of processes that have ended, in one file that is replaced as a whole.

pub(super) mod archive;
pub(super) mod codec;
pub(super) mod fold;
pub(super) mod store;
pub(super) mod tombstones;
