//! Writes files of cells.
//!
//! | file | holds |
//! |---|---|
//! | `writer_file` | the file of this process |
//! | `shared_file`, `shared_compaction` | the file that all processes write |
//! | `process` | the two as an arena, with the locks of a live process |
//! | `attachment` | attached, closed, or failed in a child |

pub(super) mod attachment;
pub(super) mod process;
pub(super) mod shared_compaction;
pub(super) mod shared_file;
pub(super) mod writer_file;

pub(super) use attachment::Attachment;
pub(super) use process::AttachedProcess;
pub(super) use shared_file::{SharedFile, create_shared_file};
pub(super) use writer_file::{WithDirectory, WriterFile};
