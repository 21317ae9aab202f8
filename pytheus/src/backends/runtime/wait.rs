//! How long a thread waits for another process, such as the holder of a lock: a request less than a background thread.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// The longest that a request waits for another process, or for the background thread that does.
pub(crate) const REQUEST: Duration = Duration::from_millis(250);

std::thread_local! {
    /// Without a destructor, so that destructors of other thread-locals may use it.
    static LIMIT: Cell<Duration> = const { Cell::new(Duration::MAX) };
}

/// Runs code with this limit on each of its waits for another process.
pub(crate) fn with_limit<R>(limit: Duration, run: impl FnOnce() -> R) -> R {
    struct Previous(Duration);
    impl Drop for Previous {
        fn drop(&mut self) {
            LIMIT.with(|limit| limit.set(self.0));
        }
    }
    let previous = Previous(LIMIT.with(|current| current.replace(current.get().min(limit))));
    let result = run();
    drop(previous);
    result
}

/// Returns the time that this thread may wait, where `usual` is usual.
#[cfg_attr(not(all(unix, feature = "file")), allow(dead_code, reason = "for the backend of files"))]
pub(crate) fn limited(usual: Duration) -> Duration {
    LIMIT.with(Cell::get).min(usual)
}

/// How often a lock that this process waits for was seen to pass from one process to another.
static QUEUE_MOVES: AtomicUsize = AtomicUsize::new(0);

/// Records that the lock which is waited for has passed on: the queue moves, and is worth waiting in.
pub(crate) fn record_queue_move() {
    QUEUE_MOVES.fetch_add(1, Relaxed);
}

/// Pauses in a wait for another thread. Locks and condition variables would hold up a fork.
pub(crate) fn pause() {
    thread::sleep(Duration::from_millis(1));
}

/// Waits for a condition, for about `limit`; false when it does not hold by then.
///
/// The time is counted in pauses, not by the clock: on a machine that is busy with something else, the thread that is
/// waited for needs longer, too.
pub(crate) fn wait_until(limit: Duration, holds: impl FnMut() -> bool) -> bool {
    wait_in_queue(limit, limit, holds)
}

/// Waits as [`wait_until`] does, but gives up once the queue has [stood still](record_queue_move) for `still`.
pub(crate) fn wait_in_queue(still: Duration, limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let (mut waited, mut pause) = (Duration::ZERO, Duration::from_micros(50));
    let (mut moves, mut moved_at) = (QUEUE_MOVES.load(Relaxed), Duration::ZERO);
    while !holds() {
        let now = QUEUE_MOVES.load(Relaxed);
        if now != moves {
            (moves, moved_at) = (now, waited);
        }
        if waited >= limit || waited.saturating_sub(moved_at) >= still {
            return false;
        }
        thread::sleep(pause);
        waited += pause;
        pause = (pause * 2).min(Duration::from_millis(2));
    }
    true
}
