//! Wakes tasks when their time is over. Async runtimes have timers of their own, each another one; a thread serves all.

use std::collections::BTreeMap;
use std::task::Waker;
use std::thread::{self, Thread};
use std::time::Instant;

use super::per_process::PerProcess;

static DEADLINES: PerProcess<Deadlines> = PerProcess::new();

#[derive(Default)]
struct Deadlines {
    next: u64,
    wakers: BTreeMap<(Instant, u64), Waker>,
    /// The thread that waits for the first of them, while there are any.
    thread: Option<Thread>,
    is_starting: bool,
}

/// A deadline, watched until this is dropped.
#[derive(Debug)]
pub(super) struct Deadline((Instant, u64));

impl Deadline {
    /// Has the waker called at this moment.
    pub(super) fn watch(moment: Instant, waker: Waker) -> Self {
        let (place, needs_thread, thread) = DEADLINES.with(|deadlines| {
            let place = (moment, deadlines.next);
            deadlines.next += 1;
            deadlines.wakers.insert(place, waker);
            let needs_thread = deadlines.thread.is_none() && !deadlines.is_starting;
            deadlines.is_starting |= needs_thread;
            let is_first = deadlines.wakers.keys().next() == Some(&place);
            (place, needs_thread, deadlines.thread.clone().filter(|_| is_first))
        });
        if let Some(thread) = thread {
            thread.unpark();
        }
        if needs_thread && thread::Builder::new().name("pytheus-timer".to_owned()).spawn(run).is_err() {
            // The next deadline tries again; this one ends with its scrape.
            DEADLINES.with(|deadlines| deadlines.is_starting = false);
        }
        Self(place)
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        let (waker, thread) = DEADLINES.with(|deadlines| {
            let waker = deadlines.wakers.remove(&self.0);
            let is_last = deadlines.wakers.is_empty();
            (waker, deadlines.thread.clone().filter(|_| is_last))
        });
        drop(waker);
        // The thread ends with the last deadline.
        if let Some(thread) = thread {
            thread.unpark();
        }
    }
}

/// Wakes what is due, until nothing is left.
fn run() {
    let this = thread::current();
    loop {
        let now = Instant::now();
        let (due, next) = DEADLINES.with(|deadlines| {
            let later = deadlines.wakers.split_off(&(now, u64::MAX));
            let due = std::mem::replace(&mut deadlines.wakers, later);
            let next = deadlines.wakers.keys().next().map(|(moment, _)| *moment);
            deadlines.is_starting = false;
            deadlines.thread = next.map(|_| this.clone());
            (due, next)
        });
        due.into_values().for_each(Waker::wake);
        match next {
            Some(next) => thread::park_timeout(next.saturating_duration_since(now)),
            None => return,
        }
    }
}
