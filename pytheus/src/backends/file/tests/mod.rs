//! Several processes, real ones, share a directory; some of them die where it hurts most.

mod archive;
mod child;
mod compact;
mod corpus;
mod crash;
mod crowd;
mod directory;
mod errands;
mod fold;
mod merging;
mod process;
pub(super) mod samples;
