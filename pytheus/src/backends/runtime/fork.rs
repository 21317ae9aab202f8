//! The backend after a fork: a child makes it one of its own.

use crate::model::process;
use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::time::Duration;

use crate::backends::api::WriterId;
use crate::backends::runtime::active::{ARENA, loaded, move_in};
use crate::backends::runtime::{families, haste, loader};
use crate::report;
use crate::storage;
use crate::sync::catch_panic;
use crate::sync::{lock, write};

/// The process in which one thread revives the backend, while others wait; 0 when none does. In a child that comes of it
/// meanwhile nobody does.
static REVIVING: AtomicU32 = AtomicU32::new(0);

/// The process in which that was tried.
static TRIED_IN: AtomicU32 = AtomicU32::new(0);

std::thread_local! {
    /// Whether it is this thread. Without a destructor, so that it is there in those of others.
    static REVIVES: Cell<bool> = const { Cell::new(false) };
}

fn is_reviving() -> bool {
    match REVIVING.load(Acquire) {
        0 => false,
        process => process == process::id(),
    }
}

/// In a child, where all cells have begun at zero, states again what holds for it, too.
pub(crate) fn restate() {
    for family in families::counted() {
        family.restate();
    }
}

/// Why that failed.
static NOT_REVIVED: Mutex<Option<String>> = Mutex::new(None);

/// To be called before the first update of a thread or series: sees to a backend that the environment names, and to one
/// that the parent of this process has loaded.
#[inline]
pub(crate) fn begin() {
    forked();
    loader::begin();
}

/// To be called before a series is made or removed: sees to a backend that the parent of this process has loaded.
#[inline]
pub(crate) fn forked() {
    if storage::is_fork_pending() || REVIVING.load(Relaxed) != 0 {
        revive(loader::FIRST_USE);
    }
}

/// In a child, makes the backend one of its own, with waits for other processes of `most` each.
#[cold]
fn revive(most: Duration) {
    if REVIVES.with(Cell::get) {
        return;
    }
    // Counts on the heap are lost if the process is killed. But no request waits for long, nor for a try that comes
    // after one has failed; and the backend's code may wait for this thread.
    if TRIED_IN.load(Relaxed) != process::id() {
        loader::wait_until(loader::FIRST_USE, || !is_reviving());
    }
    let process = REVIVING.load(Acquire);
    if !storage::is_fork_pending()
        || process == process::id()
        || REVIVING.compare_exchange(process, process::id(), AcqRel, Relaxed).is_err()
    {
        return;
    }
    REVIVES.with(|revives| revives.set(true));
    let (is_child, loaded, mut has_failed) = (storage::clear_fork_pending(), loaded(), false);
    if is_child && loaded.is_none() {
        // The parent waited for its backend; the child loads its own.
        restate();
        loader::after_fork();
    }
    if let Some(loaded) = loaded.filter(|_| is_child) {
        *write(&ARENA) = None;
        // A request is not to wait for other processes: what fails here is tried again.
        let begin = || loaded.backend.after_fork().and_then(|()| move_in(&*loaded.backend));
        let revived = catch_panic(|| haste::within(most, begin));
        let revived = revived.unwrap_or_else(|message| Err(format!("it panicked: {message}").into()));
        restate();
        let is_first = TRIED_IN.swap(process::id(), Relaxed) != process::id();
        if let Some(shipper) = loaded.shipper.as_ref().filter(|_| is_first) {
            shipper.after_fork();
        }
        if is_first {
            let mut removals = lock(&loaded.removals);
            removals.writer = WriterId::random();
            removals.waiting.clear();
            removals.sent = None;
            removals.seen_to = false;
            removals.failing = false;
        }
        // A lock that is just busy is no fault: the background thread waits for it longer.
        if let Err(error) = revived.as_ref()
            && most > loader::FIRST_USE
        {
            let message = format!("the backend can't be had in a child process, and is tried again: {error}");
            report::report_as(report::Level::Error, ("fork", ""), &message);
        }
        has_failed = revived.is_err();
        *lock(&NOT_REVIVED) = revived.err().map(|error| error.to_string());
    }
    REVIVES.with(|revives| revives.set(false));
    REVIVING.store(0, Release);
    if has_failed {
        loader::try_again();
    }
}

/// Tries again to revive the backend in a child where that has failed, with waits for others of `most` each; says why it
/// fails.
pub(crate) fn revive_within(most: Duration) -> Option<String> {
    if REVIVES.with(Cell::get) {
        return None;
    }
    // Another thread is at it.
    if !loader::wait_until(most, || !is_reviving()) {
        return Some(format!("the backend of a child process is not ready yet: it was waited for {most:?}"));
    }
    if lock(&NOT_REVIVED).is_some() {
        // The obstacle may be gone.
        storage::set_fork_pending();
        revive(most);
    }
    lock(&NOT_REVIVED).clone()
}
