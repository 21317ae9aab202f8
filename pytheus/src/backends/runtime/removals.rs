//! Series that were removed in this process, and are to be removed at the backend.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::backends::api::{FamilyKey, SeriesKey};
use crate::sync::lock;

/// The most series that wait for a backend out of reach. Series beyond it stay in the totals of other processes.
const CAPACITY: usize = 100_000;

/// A queue without an order, each series in it once: removing twice is removing.
pub(crate) struct Removals {
    waiting: Mutex<HashMap<(usize, SeriesKey), Arc<FamilyKey>>>,
    capacity: usize,
}

impl Removals {
    /// Makes a queue, bounded for a backend that may be out of reach for long.
    pub(crate) fn new(is_bounded: bool) -> Self {
        Self { waiting: Mutex::default(), capacity: if is_bounded { CAPACITY } else { usize::MAX } }
    }

    /// Adds a series; false when the queue is full.
    pub(crate) fn add(&self, family: Arc<FamilyKey>, series: SeriesKey) -> bool {
        let mut waiting = lock(&self.waiting);
        let key = (Arc::as_ptr(&family).addr(), series);
        let has_room = waiting.len() < self.capacity || waiting.contains_key(&key);
        if has_room {
            waiting.insert(key, family);
        }
        has_room
    }

    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.waiting).is_empty()
    }

    /// Takes some of the series, at most so many.
    pub(crate) fn take(&self, limit: usize) -> Vec<(Arc<FamilyKey>, SeriesKey)> {
        let mut waiting = lock(&self.waiting);
        let keys: Vec<_> = waiting.keys().take(limit).cloned().collect();
        keys.into_iter().filter_map(|key| waiting.remove(&key).map(|family| (family, key.1))).collect()
    }

    pub(crate) fn clear(&self) {
        // Dropped after the lock is released: a family may be the last reference.
        drop(std::mem::take(&mut *lock(&self.waiting)));
    }
}
