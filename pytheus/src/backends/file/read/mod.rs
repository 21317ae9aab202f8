//! Reads files of cells: `reader` any, with the `index` of its log; `peer` that of another process.

pub(super) mod index;
pub(super) mod peer;
pub(super) mod reader;

pub(super) use index::{LogIndex, PeerSeries};
pub(super) use peer::Peer;
pub(super) use reader::Reader;
