//! A value that one thread makes and others wait for, as tasks of any async runtime or as threads
//! ([futures and promises](https://en.wikipedia.org/wiki/Futures_and_promises)).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::lock::lock;
use super::shim::Mutex;

/// A value to come.
pub(crate) struct Promise<T>(Mutex<State<T>>);

struct State<T> {
    value: Option<T>,
    next_waiter: u64,
    wakers: BTreeMap<u64, Waker>,
}

/// A task or a thread that waits for a promise, until it is dropped.
pub(crate) struct Waiter<T> {
    promise: Arc<Promise<T>>,
    place: Option<u64>,
}

impl<T> Promise<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(State { value: None, next_waiter: 0, wakers: BTreeMap::new() }))
    }

    /// Gives the value, and wakes everything that waits for it.
    pub(crate) fn fulfil(&self, value: T) {
        let mut state = lock(&self.0);
        state.value.get_or_insert(value);
        let wakers = std::mem::take(&mut state.wakers);
        // A waker is code of a runtime.
        drop(state);
        wakers.into_values().for_each(Waker::wake);
    }
}

impl<T> Waiter<T> {
    pub(crate) fn new(promise: &Arc<Promise<T>>) -> Self {
        Self { promise: Arc::clone(promise), place: None }
    }

    /// Reads the value, or has the waker called once it is there.
    pub(crate) fn poll<R>(&mut self, waker: &Waker, read: impl FnOnce(&mut T) -> R) -> Poll<R> {
        let waker = waker.clone();
        let mut state = lock(&self.promise.0);
        if let Some(value) = &mut state.value {
            let result = read(value);
            drop(state);
            return Poll::Ready(result);
        }
        let place = *self.place.get_or_insert(state.next_waiter);
        state.next_waiter = state.next_waiter.max(place + 1);
        let replaced = state.wakers.insert(place, waker);
        drop(state);
        drop(replaced);
        Poll::Pending
    }
}

impl<T> Drop for Waiter<T> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let waker = lock(&self.promise.0).wakers.remove(&place);
            drop(waker);
        }
    }
}
