//! The files of others, as they are read: an index of the log, and cells in mapped pages.

pub(super) mod index;
pub(super) mod peer;
pub(super) mod reader;

pub(super) use index::{LogIndex, PeerSeries};
pub(super) use peer::Peer;
pub(super) use reader::Reader;
