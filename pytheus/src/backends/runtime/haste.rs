//! How long a thread may wait for other processes: a request less than a background thread.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// The longest that a request waits for another process that keeps a lock.
pub(crate) const REQUEST: Duration = Duration::from_millis(250);

std::thread_local! {
    /// Without a destructor, so that it is there in those of others.
    static MOST: Cell<Duration> = const { Cell::new(Duration::MAX) };
}

/// Runs it, with waits for other processes that are no longer than this each.
pub(crate) fn within<R>(most: Duration, run: impl FnOnce() -> R) -> R {
    struct Before(Duration);
    impl Drop for Before {
        fn drop(&mut self) {
            MOST.with(|most| most.set(self.0));
        }
    }
    let before = Before(MOST.with(|current| current.replace(current.get().min(most))));
    let result = run();
    drop(before);
    result
}

/// How often a lock that this process waits for was seen to pass from one process to another.
static MOVES: AtomicUsize = AtomicUsize::new(0);

/// Takes note that the lock which is waited for has passed on: the queue moves, and so it is worth to wait in it.
#[cfg_attr(not(all(unix, feature = "file")), allow(dead_code, reason = "for the backend of files"))]
pub(crate) fn moved() {
    MOVES.fetch_add(1, Relaxed);
}

/// Another number once a queue that is waited in has moved.
pub(crate) fn moves() -> usize {
    MOVES.load(Relaxed)
}

/// The wait that this thread may spend where `usual` is what is usual.
#[cfg_attr(not(all(unix, feature = "file")), allow(dead_code, reason = "for the backend of files"))]
pub(crate) fn at_most(usual: Duration) -> Duration {
    MOST.with(Cell::get).min(usual)
}
