//! The directory that processes share: its lock, its roster of files, and the locks that say which processes live.

pub(super) mod directory;
pub(super) mod error;
pub(super) mod liveness;
pub(super) mod plain_file;
pub(super) mod presence;
pub(super) mod roster;

pub(super) use directory::{DirLock, Directory, NEW, NEW_ARCHIVE, publish};
pub(super) use error::{FileError, FileFault};
pub(super) use liveness::HeldLock;
pub(super) use plain_file::{Identity, create, create_as_we_are, open, open_or_create, remove_file};
pub(super) use presence::Presence;
pub(super) use roster::{Roster, fault_of, inode_at};
