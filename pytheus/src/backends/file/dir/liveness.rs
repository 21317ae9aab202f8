//! A process lives as long as its file is locked.
//!
//! No number of a process is asked for, which another one may have by now: the system itself frees an `flock` when the
//! last descriptor of the open file is closed, and it does that when a process ends, whichever way. It does so after the
//! process can no longer write to the memory that it shares, so who finds a file without a lock finds its last count, too.
//!
//! Who wants to know takes a shared lock for a moment. Many may do so at once, and none takes another for the owner. What
//! is dead stays so: its owner was the only one to lock it for itself, before others could see the file.
//!
//! A lock belongs to the open file, not to the process: a child has it, too, until it closes its copy of the descriptor,
//! which it does before `fork` returns. Memory that is mapped keeps an open file, too, and a child has what its parent has
//! mapped: so the file is opened once more for that, and never mapped through the one with the lock. Between `fork` and
//! `exec` within the system (`posix_spawn`) a child may keep it for a moment longer than its parent lives; the parent's file
//! is then folded by a later scrape.

use std::fs::{File, TryLockError};
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::process;

use crate::backends::file::dir::{FileError, FileFault};
use crate::sync::{self, CloseOnFork};

/// An open file with an `flock` that this process holds. A child closes it.
#[derive(Debug)]
pub(crate) struct HeldLock {
    file: CloseOnFork,
    /// The process that took it. A child that was forked without the system's library has it open, too.
    owner: u32,
}

impl HeldLock {
    /// Closes a file in children; it is locked by now, or by the caller.
    pub(crate) fn new(file: File) -> io::Result<Self> {
        Ok(Self { file: CloseOnFork::new(file)?, owner: process::id() })
    }

    /// Locks a file that no other process has locked.
    pub(crate) fn take(path: &Path, make: impl FnOnce() -> Result<File, FileError>) -> Result<Self, FileError> {
        // A child that is forked here would keep it open for ever.
        let _inside = sync::enter();
        let lock = Self::new(make()?).map_err(|error| FileError::io(path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => Err(FileError::new(path, FileFault::Busy)),
            Err(TryLockError::Error(error)) => Err(FileError::lock(path, error)),
        }
    }

    /// Says whether this is a child, in which the lock says nothing.
    pub(crate) fn is_closed(&self) -> bool {
        self.file.is_closed()
    }

    /// Unlocks the file, without waiting for a child that has it open for a moment.
    pub(crate) fn release(&self) {
        if !self.is_closed() && self.owner == process::id() {
            let _ = self.unlock();
        }
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        self.release();
    }
}

impl Deref for HeldLock {
    type Target = File;

    fn deref(&self) -> &File {
        &self.file
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::file::dir::create;

    #[test]
    fn a_child_that_has_a_copy_for_a_moment_does_not_keep_it_locked() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        let liveness = HeldLock::take(&path, || create(&path)).expect("nobody else knows it");
        let other = File::open(&path).expect("it is there");
        let copy = liveness.try_clone().expect("a copy");
        assert!(matches!(other.try_lock_shared(), Err(TryLockError::WouldBlock)));
        drop(liveness);
        other.try_lock_shared().expect("nobody lives");
        drop(copy);
    }
}
