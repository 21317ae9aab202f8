//! The totals of all processes: archive, files of processes, and the shared file, added up for a scrape.

pub(super) mod accumulator;
pub(super) mod completeness;
pub(super) mod merger;
pub(super) mod peer_rows;
pub(super) mod reports;
pub(super) mod resolve;

pub(super) use accumulator::{FamilyAccumulator, Origin};
pub(super) use completeness::{is_foreign, is_gone};
pub(super) use merger::{Merger, Put};
pub(super) use peer_rows::PeerRows;
pub(super) use reports::{PendingReports, Reports};
pub(super) use resolve::Declarations;
