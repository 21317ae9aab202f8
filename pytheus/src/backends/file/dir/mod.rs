//! The directory that processes share: its lock, its roster of files, and the locks that say which processes live.

pub(super) mod directory;
pub(super) mod error;
pub(super) mod liveness;
pub(super) mod plain_file;
pub(super) mod presence;
pub(super) mod roster;
