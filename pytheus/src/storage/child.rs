//! Files that a child process closes at once.

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::os::fd::{AsRawFd as _, RawFd};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use super::gate;

/// A file that a child process closes as soon as it is forked: with a lock on it that says that the parent lives, a child
/// would keep it alive.
///
/// ```
/// use pytheus::backends::CloseOnFork;
///
/// let file = CloseOnFork::new(std::fs::File::open("/dev/null")?)?;
/// assert!(file.metadata().is_ok());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct CloseOnFork {
    file: ManuallyDrop<File>,
    place: usize,
    entry: u64,
}

/// How many there can be at a time: each backend has one or two, and tests that run at the same time have some more.
const MOST: usize = 256;

/// The open ones: a number of its own in the upper half, and its descriptor in the lower; or zero.
static OPEN: [AtomicU64; MOST] = [const { AtomicU64::new(0) }; MOST];

static NUMBERS: AtomicU64 = AtomicU64::new(1);

impl CloseOnFork {
    /// Has a child of this process close this file.
    ///
    /// # Errors
    ///
    /// When there are 256 already.
    pub fn new(file: File) -> io::Result<Self> {
        // Forks go through the gate from now on.
        let _inside = gate::enter();
        let entry = NUMBERS.fetch_add(1, Relaxed) << 32 | u64::from(file.as_raw_fd().cast_unsigned());
        let free = |place: &AtomicU64| place.compare_exchange(0, entry, AcqRel, Relaxed).is_ok();
        match OPEN.iter().position(free) {
            Some(place) => Ok(Self { file: ManuallyDrop::new(file), place, entry }),
            None => Err(io::Error::other("there are 256 files that a child closes already")),
        }
    }

    /// Is this a child, in which the file is closed?
    pub fn is_closed(&self) -> bool {
        OPEN[self.place].load(Acquire) != self.entry
    }
}

impl Deref for CloseOnFork {
    type Target = File;

    /// The file; not to be used in a child, where its descriptor may be that of another.
    fn deref(&self) -> &File {
        &self.file
    }
}

impl Drop for CloseOnFork {
    fn drop(&mut self) {
        // No fork in between: the child would have it open, and no longer know of it.
        let _inside = gate::enter();
        if OPEN[self.place].compare_exchange(self.entry, 0, AcqRel, Relaxed).is_ok() {
            // SAFETY: nobody uses it from here on, and it is dropped once.
            unsafe { ManuallyDrop::drop(&mut self.file) };
        }
    }
}

/// Closes them, in a child.
pub(super) fn close() {
    for place in &OPEN {
        let entry = place.swap(0, Relaxed);
        if entry != 0 {
            #[allow(clippy::cast_possible_truncation, reason = "the lower half")]
            let descriptor = RawFd::from_le_bytes((entry as u32).to_le_bytes());
            // SAFETY: a descriptor that is open, and that whoever owns it no longer closes: its entry is gone.
            unsafe { libc::close(descriptor) };
        }
    }
}
