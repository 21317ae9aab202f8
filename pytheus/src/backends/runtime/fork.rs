//! The state of a process after a fork: whether a child has still to recover the backend of its parent.

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use crate::backends::runtime::wait;
use crate::model::process;
use crate::storage;
use crate::sync::lock;

/// Processes are named by their ids: a child starts with the state of its parent.
pub(crate) struct ForkState {
    /// The process in which a thread recovers the backend; 0 if there is none.
    recovering_in: AtomicU32,
    /// The process in which a recovery was tried.
    tried_in: AtomicU32,
    /// The error of the last recovery, if it has failed.
    error: Mutex<Option<String>>,
}

std::thread_local! {
    /// Whether this thread recovers. Without a destructor, so that destructors of other thread-locals may use it.
    static RECOVERS: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread recovers the backend: its code may come back here.
pub(crate) fn is_recovering_here() -> bool {
    RECOVERS.with(Cell::get)
}

impl ForkState {
    pub(crate) const fn new() -> Self {
        Self { recovering_in: AtomicU32::new(0), tried_in: AtomicU32::new(0), error: Mutex::new(None) }
    }

    /// Whether a child has to recover, or does so.
    #[inline]
    pub(crate) fn is_pending(&self) -> bool {
        storage::is_fork_pending() || self.recovering_in.load(Relaxed) != 0
    }

    /// Whether a thread of this process recovers. A thread of its parent is not there in a child.
    pub(crate) fn is_recovering(&self) -> bool {
        let process = self.recovering_in.load(Acquire);
        process != 0 && process == process::id()
    }

    /// Claims the recovery for this thread; `None` when there is nothing to do, or another thread does it.
    pub(crate) fn claim(&self) -> Option<Claim<'_>> {
        if is_recovering_here() {
            return None;
        }
        // Counts on the heap are lost if the process is killed. But no request waits for long, nor for a try that comes
        // after one has failed; and the backend's code may wait for this thread.
        if self.tried_in.load(Relaxed) != process::id() {
            wait::wait_until(wait::REQUEST, || !self.is_recovering());
        }
        let process = self.recovering_in.load(Acquire);
        let is_free = storage::is_fork_pending()
            && process != process::id()
            && self.recovering_in.compare_exchange(process, process::id(), AcqRel, Relaxed).is_ok();
        is_free.then(|| {
            RECOVERS.with(|recovers| recovers.set(true));
            Claim(self)
        })
    }

    /// Records the outcome of a recovery; true for the first one of this process.
    pub(crate) fn record(&self, error: Option<String>) -> bool {
        *lock(&self.error) = error;
        self.tried_in.swap(process::id(), Relaxed) != process::id()
    }

    /// Returns the error of the last recovery.
    pub(crate) fn error(&self) -> Option<String> {
        lock(&self.error).clone()
    }
}

/// The right to recover, until it is dropped.
pub(crate) struct Claim<'a>(&'a ForkState);

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        RECOVERS.with(|recovers| recovers.set(false));
        self.0.recovering_in.store(0, Release);
    }
}
