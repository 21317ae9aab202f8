//! Which processes use the directory, and whether all files are there that it has to have.
//!
//! Each process holds a shared [`flock`](https://man7.org/linux/man-pages/man2/flock.2.html) on the directory itself for as
//! long as it counts there. That lock outlives whatever is removed *in* the directory: a process that begins after `rm -rf DIR/*`
//! learns that others live, and that the [roster](crate::backends::file::dir::roster) of their files is gone.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::thread;
use std::time::Duration;

use crate::backends::file::dir::{DirLock, FileError, FileFault, HeldLock};
use crate::sync;

/// Says that this process uses the directory, until it is dropped. A child closes it.
#[derive(Debug)]
pub(crate) struct Presence {
    lock: HeldLock,
    /// No other process used the directory just now.
    pub(crate) is_alone: bool,
}

impl Presence {
    pub(crate) fn take(locked: &DirLock<'_>) -> Result<Self, FileError> {
        let path = locked.directory().path();
        let fail = |error| FileError::io(path, error);
        // Or a child that is forked here would have it open for ever.
        let _inside = sync::enter();
        let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(fail)?;
        let lock = HeldLock::new(file).map_err(fail)?;
        let is_alone = match File::try_lock(&lock) {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(error)) => return Err(FileError::lock(path, error)),
        };
        let pause = Duration::from_millis(2);
        let mut waited = Duration::ZERO;
        loop {
            // Held with others, from now on. Only for a moment, and under the lock, does one hold it alone; and so does a
            // program that cleans up, such as systemd-tmpfiles, which leaves a directory alone that is locked.
            match lock.try_lock_shared() {
                Ok(()) => return Ok(Self { lock, is_alone }),
                Err(TryLockError::WouldBlock) if waited < locked.directory().wait_limit => thread::sleep(pause),
                Err(TryLockError::WouldBlock) => return Err(FileError::new(path, FileFault::Busy)),
                Err(TryLockError::Error(error)) => return Err(FileError::lock(path, error)),
            }
            waited += pause;
        }
    }
}

impl Presence {
    /// Says that this process uses the directory no more.
    pub(crate) fn release(&self) {
        self.lock.release();
    }
}
