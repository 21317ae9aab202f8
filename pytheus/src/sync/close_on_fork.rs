//! Files closed at once by a forked child.

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::AtomicU64;

use super::fork_gate::{enter, run_in_child};
use super::shim::{AcqRel, Acquire, Relaxed};

/// A file, closed by each child process when it is forked.
///
/// A lock of the kind of [`flock`](https://man7.org/linux/man-pages/man2/flock.2.html) lasts until the last duplicate
/// of its descriptor is closed. If a lock is the sign of life of the parent, a child with the open file would keep the
/// parent alive. `O_CLOEXEC` helps only before `exec`.
///
/// ```
/// use pytheus::backends::custom::CloseOnFork;
///
/// let file = CloseOnFork::new(std::fs::File::open("/dev/null")?)?;
/// assert!(file.metadata().is_ok());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct CloseOnFork(ClosedInChild<File>);

/// A descriptor with its owner, closed by each child process when it is forked.
#[derive(Debug)]
pub(crate) struct ClosedInChild<T> {
    owner: ManuallyDrop<T>,
    index: usize,
    entry: u64,
}

/// The owner of one descriptor, which stays the same and open until the owner is dropped.
pub(crate) trait OwnsDescriptor: AsRawFd {}

impl OwnsDescriptor for File {}
#[cfg(feature = "serve")]
impl OwnsDescriptor for tokio::net::TcpListener {}
#[cfg(feature = "serve")]
impl OwnsDescriptor for tokio::net::UnixListener {}

/// Files at a time. Each backend has one or two; tests in parallel have some more.
const MAX_FILES: usize = 256;

/// The open files: a serial number in the upper half, the descriptor in the lower; or zero.
static OPEN: [AtomicU64; MAX_FILES] = [const { AtomicU64::new(0) }; MAX_FILES];

static NEXT_SERIAL: AtomicU64 = AtomicU64::new(1);

static CLOSE_ALL: fn() = close_all;

impl CloseOnFork {
    /// Has child processes close this file.
    ///
    /// # Errors
    ///
    /// When there are 256 already.
    pub fn new(file: File) -> io::Result<Self> {
        ClosedInChild::new(file).map(Self)
    }

    /// Returns whether this process is a child, with the file closed.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

impl<T: OwnsDescriptor> ClosedInChild<T> {
    /// Has child processes close the descriptor.
    ///
    /// # Errors
    ///
    /// When there are 256 already.
    pub(crate) fn new(owner: T) -> io::Result<Self> {
        let _fork_guard = enter();
        run_in_child(&CLOSE_ALL);
        let entry = NEXT_SERIAL.fetch_add(1, Relaxed) << 32 | u64::from(owner.as_raw_fd().cast_unsigned());
        let free = |slot: &AtomicU64| slot.compare_exchange(0, entry, AcqRel, Relaxed).is_ok();
        match OPEN.iter().position(free) {
            Some(index) => Ok(Self { owner: ManuallyDrop::new(owner), index, entry }),
            None => Err(io::Error::other("there are 256 files already that are closed on fork")),
        }
    }
}

impl<T> ClosedInChild<T> {
    fn is_closed(&self) -> bool {
        OPEN[self.index].load(Acquire) != self.entry
    }
}

impl Deref for CloseOnFork {
    type Target = File;

    /// Returns the file; not to be used in a child, where its descriptor may belong to another file.
    fn deref(&self) -> &File {
        &self.0
    }
}

impl<T> Deref for ClosedInChild<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.owner
    }
}

impl<T> Drop for ClosedInChild<T> {
    fn drop(&mut self) {
        // A fork between these two steps would leave the file open in the child, without an entry.
        let _fork_guard = enter();
        if OPEN[self.index].compare_exchange(self.entry, 0, AcqRel, Relaxed).is_ok() {
            // SAFETY: the owner is dropped once, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.owner) };
        }
    }
}

fn close_all() {
    for slot in &OPEN {
        let entry = slot.swap(0, Relaxed);
        if entry != 0 {
            #[allow(clippy::cast_possible_truncation, reason = "the lower half")]
            let descriptor = RawFd::from_le_bytes((entry as u32).to_le_bytes());
            // SAFETY: the descriptor is open, and its owner no longer closes it: its entry is gone.
            unsafe { libc::close(descriptor) };
        }
    }
}
