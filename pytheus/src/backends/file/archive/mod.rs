//! The totals of processes that have ended, in one file that is replaced as a whole.

pub(super) mod archive;
pub(super) mod codec;
pub(super) mod fold;
pub(super) mod store;
pub(super) mod tombstones;

pub(super) use archive::{Archive, ArchivedFamily, Tombstone};
pub(super) use codec::{HEAD, decode, encode};
pub(super) use fold::fold_ended;
pub(super) use tombstones::{baseline_of, matching_series, remove_series};
