//! The directory that processes share.
//!
//! | file | holds |
//! |---|---|
//! | `directory` | paths, the directory lock, staged files |
//! | `roster` | the files that have to exist |
//! | `liveness`, `presence` | the locks that say which processes are live, and whether any is |
//! | `plain_file`, `error` | opening files, and what is wrong with them |

pub(super) mod directory;
pub(super) mod error;
pub(super) mod liveness;
pub(super) mod plain_file;
pub(super) mod presence;
pub(super) mod roster;

pub(super) use directory::{DirLock, Directory, NEW, NEW_ARCHIVE, publish};
pub(super) use error::{FileError, FileFault};
pub(super) use liveness::HeldLock;
pub(super) use plain_file::{create, create_as_we_are, is_at, open, open_or_create, remove_file, stage};
pub(super) use presence::Presence;
pub(super) use roster::{Roster, fault_of, inode_at};
