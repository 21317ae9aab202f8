//! Series that were removed here, until a backend hears of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::backends::api::{FamilyKey, SeriesKey};
use crate::sync::lock;

/// The most series to wait for a backend that can't be reached. Of those beyond, other processes keep what they show.
const MOST: usize = 100_000;

/// A queue without an order, in which each series is once: removed twice is removed.
#[derive(Default)]
pub(super) struct Removals(Mutex<HashMap<(usize, SeriesKey), Arc<FamilyKey>>>);

impl Removals {
    /// False when there is no room.
    pub(super) fn add(&self, family: Arc<FamilyKey>, series: SeriesKey) -> bool {
        let mut waiting = lock(&self.0);
        let key = (Arc::as_ptr(&family).addr(), series);
        let has_room = waiting.len() < MOST || waiting.contains_key(&key);
        if has_room {
            waiting.insert(key, family);
        }
        has_room
    }

    pub(super) fn are_there(&self) -> bool {
        !lock(&self.0).is_empty()
    }

    /// Some of them, at most so many.
    pub(super) fn take(&self, most: usize) -> Vec<(Arc<FamilyKey>, SeriesKey)> {
        let mut waiting = lock(&self.0);
        let keys: Vec<_> = waiting.keys().take(most).cloned().collect();
        keys.into_iter().filter_map(|key| waiting.remove(&key).map(|family| (family, key.1))).collect()
    }

    pub(super) fn clear(&self) {
        // Dropped without the lock.
        drop(std::mem::take(&mut *lock(&self.0)));
    }
}
