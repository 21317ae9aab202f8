//! Whether other processes use the directory.
//!
//! Each process holds a shared [`flock`](https://man7.org/linux/man-pages/man2/flock.2.html) on the directory itself
//! while it counts there. That lock outlives the files *in* the directory: a process that starts after `rm -rf DIR/*`
//! learns that others live, and that their [roster](crate::backends::file::dir::roster) is lost.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::thread;
use std::time::Duration;

use crate::backends::file::dir::{DirLock, FileError, FileFault, HeldLock};
use crate::sync;

/// A lock that says that this process uses the directory. A child closes it.
#[derive(Debug)]
pub(crate) struct Presence {
    lock: HeldLock,
    /// Whether no other process used the directory just now.
    pub(crate) is_alone: bool,
}

impl Presence {
    pub(crate) fn take(locked: &DirLock<'_>) -> Result<Self, FileError> {
        let path = locked.directory().path();
        let fail = |error| FileError::io(path, error);
        // A child that is forked here would keep it open for ever.
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
            // Another process holds it alone only for a moment, as above. So do cleaners such as systemd-tmpfiles,
            // which leave a locked directory alone.
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
    /// Says that this process no longer uses the directory.
    pub(crate) fn release(&self) {
        self.lock.release();
    }
}
