//! A process is live while its file is locked.
//!
//! Process ids are no test: the system reuses them. An [`flock`](https://man7.org/linux/man-pages/man2/flock.2.html) is
//! freed by the kernel when the last descriptor of the open file is closed, in whichever way a process ends, and after
//! its last write to mapped memory. So an unlocked file holds the last count of its process.
//!
//! A test takes a shared lock for a moment. Many processes may test at once, and no test looks like an owner. An ended
//! process never becomes live again: only the owner takes an exclusive lock, before the file is published.
//!
//! The lock belongs to the open file, and a forked child inherits it, until it closes its copy before `fork` returns. A
//! mapping keeps an open file alive, too, and children inherit mappings; so the file is mapped through a second
//! descriptor. Between `fork` and `exec` inside `posix_spawn`, a child may hold the lock for a moment longer than its
//! parent lives. A later scrape then folds the file.

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
    fn a_copy_in_a_child_does_not_keep_a_file_locked() {
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
