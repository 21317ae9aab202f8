//! The files that this process writes: its own, and the one that all processes share.

pub(super) mod attachment;
pub(super) mod process;
pub(super) mod shared_compaction;
pub(super) mod shared_file;
pub(super) mod writer_file;

pub(super) use attachment::Attachment;
pub(super) use process::Process;
pub(super) use shared_file::{SharedFile, create_shared_file};
pub(super) use writer_file::{WithDirectory, WriterFile};
