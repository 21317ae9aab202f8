//! The totals of all processes: archive, files of processes, and the shared file, added up for a scrape.

pub(super) mod accumulator;
pub(super) mod completeness;
pub(super) mod merger;
pub(super) mod peer_rows;
pub(super) mod reports;
pub(super) mod resolve;
