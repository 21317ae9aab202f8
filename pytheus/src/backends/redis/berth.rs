//! Something that one thread uses at a time, and keeps others waiting for as long as a server takes.

use std::sync::Mutex;
use std::thread::{self, Thread};
use std::time::Duration;

use crate::sync::lock;

/// As a mutex; but a fork waits for nobody who uses it.
pub(crate) struct Berth<T>(Mutex<State<T>>);

struct State<T> {
    /// Not there while somebody uses it.
    inside: Option<Box<T>>,
    waiting: Vec<Thread>,
}

impl<T> Berth<T> {
    pub(crate) fn new(inside: T) -> Self {
        Self(Mutex::new(State { inside: Some(Box::new(inside)), waiting: Vec::new() }))
    }

    /// Waits until nobody else uses it.
    pub(crate) fn board(&self) -> Aboard<'_, T> {
        loop {
            {
                let mut state = lock(&self.0);
                if let Some(inside) = state.inside.take() {
                    return Aboard { berth: self, inside: Some(inside) };
                }
                state.waiting.push(thread::current());
            }
            thread::park_timeout(Duration::from_millis(100));
        }
    }

    /// In a child: whoever used it is a thread of the parent.
    pub(crate) fn replace(&self, inside: T) {
        let before = {
            let mut state = lock(&self.0);
            state.waiting.clear();
            state.inside.replace(Box::new(inside))
        };
        drop(before);
    }
}

/// The right to use it, until it is dropped.
pub(crate) struct Aboard<'a, T> {
    berth: &'a Berth<T>,
    /// Always there, until it is dropped.
    inside: Option<Box<T>>,
}

impl<T> Aboard<'_, T> {
    pub(crate) fn get(&mut self) -> Option<&mut T> {
        self.inside.as_deref_mut()
    }
}

impl<T> Drop for Aboard<'_, T> {
    fn drop(&mut self) {
        let mut state = lock(&self.berth.0);
        if state.inside.is_none() {
            state.inside = self.inside.take();
        }
        state.waiting.drain(..).for_each(|thread| thread.unpark());
    }
}
