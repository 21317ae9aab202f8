//! Merges the totals of all processes for a scrape.
//!
//! | file | holds |
//! |---|---|
//! | `merger` | scans the directory, and retries while it changes |
//! | `resolve` | which declarations there are |
//! | `peer_rows` | the series of one process |
//! | `accumulator` | the totals of one declaration |
//! | `completeness`, `reports` | files that are missing, and what to tell the operator |

pub(super) mod accumulator;
pub(super) mod completeness;
pub(super) mod merger;
pub(super) mod peer_rows;
pub(super) mod reports;
pub(super) mod resolve;

pub(super) use accumulator::{DeclarationOrigin, FamilyAccumulator};
pub(super) use completeness::{is_foreign, is_gone};
pub(super) use merger::{MergedDeclaration, Merger};
pub(super) use peer_rows::PeerRows;
pub(super) use reports::{PendingReports, Reports};
pub(super) use resolve::Declarations;
