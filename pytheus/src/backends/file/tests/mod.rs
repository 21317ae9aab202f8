//! Real processes share a directory; some of them crash at the worst moments.

mod archive;
mod child;
mod compact;
mod corpus;
mod crash;
mod crowd;
mod directory;
mod fold;
mod merging;
mod process;
pub(super) mod samples;
mod tasks;
