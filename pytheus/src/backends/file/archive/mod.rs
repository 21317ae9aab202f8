//! Totals of ended processes, and tombstones of removed series.
//!
//! | file | holds |
//! |---|---|
//! | `archive` | the data |
//! | `codec`, `store` | its bytes, and the file that is replaced as a whole |
//! | `fold` | adds the files of ended processes |
//! | `tombstones` | removes series |

pub(super) mod archive;
pub(super) mod codec;
pub(super) mod fold;
pub(super) mod store;
pub(super) mod tombstones;

pub(super) use archive::{Archive, ArchivedFamily, Tombstone};
pub(super) use codec::{HEAD, decode, encode};
pub(super) use fold::fold_ended;
pub(super) use tombstones::{baseline_of, matching_series, remove_series};
