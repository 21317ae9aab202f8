//! Totals of ended processes, and tombstones of removed series.
//!
//! | file | holds |
//! |---|---|
//! | `data` | the archive in memory |
//! | `codec`, `store` | its bytes, and the file that is replaced as a whole |
//! | `fold` | adds the files of ended processes |
//! | `tombstones` | removes series |

pub(super) mod codec;
pub(super) mod data;
pub(super) mod fold;
pub(super) mod store;
pub(super) mod tombstones;

pub(super) use codec::{decode, encode};
pub(super) use data::{Archive, ArchivedFamily, Tombstone};
pub(super) use fold::fold_ended;
pub(super) use tombstones::{baseline_of, matching_series, remove_series};
