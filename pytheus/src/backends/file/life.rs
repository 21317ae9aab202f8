//! A process lives as long as its file is locked.
//!
//! No number of a process is asked for, which another one may have by now: the system itself frees an `flock` when the
//! last descriptor of the open file is closed, and it does that when a process ends, whichever way. It does so after the
//! process can no longer write to the memory that it shares, so who finds a file without a lock finds its last count, too.
//!
//! A lock belongs to the open file, not to the process: a child has it, too, until it closes its copy of the descriptor.
//! It does so before `fork` returns. Between `fork` and `exec` within the system (`posix_spawn`) a child may keep it for a
//! moment longer than its parent lives; the parent's file is then folded by a later scrape.

use std::fs::{File, TryLockError};
use std::io;
use std::ops::Deref;
use std::path::Path;

use super::error::{FileError, FileFault};

/// An open file whose lock says that this process lives.
#[derive(Debug)]
pub(super) struct LifeLock(File);

impl LifeLock {
    /// Locks a file that nobody else knows yet.
    pub(super) fn take(file: File, path: &Path) -> Result<Self, FileError> {
        let life = Self(file);
        match life.try_lock() {
            Ok(()) => Ok(life),
            Err(TryLockError::WouldBlock) => Err(FileError::new(path, FileFault::Busy)),
            Err(TryLockError::Error(error)) => Err(FileError::lock(path, error)),
        }
    }
}

impl Deref for LifeLock {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

/// Does the process live that has locked this file?
///
/// Many may ask at once: they share the lock for a moment, and none takes another for the owner. What is dead stays so:
/// its owner was the only one to lock it for itself, before others could see the file.
pub(super) fn is_locked(file: &File) -> io::Result<bool> {
    match file.try_lock_shared() {
        Ok(()) => file.unlock().map(|()| false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
