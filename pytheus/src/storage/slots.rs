//! Which slots are free.

use std::collections::BTreeMap;

use super::page::{CELLS, Slot};
use super::sync::{Mutex, constant, lock};

/// Gives out runs of cells, the same in all shards.
pub(super) struct Slots(Mutex<Free>);

struct Free {
    /// From this place on, none was ever given out.
    next: u32,
    /// Those that were given back, by the length of the run.
    runs: BTreeMap<u16, Vec<Slot>>,
}

impl Slots {
    constant! {
        pub(super) fn new() -> Self {
            Self(Mutex::new(Free { next: Slot::PLACES.start, runs: BTreeMap::new() }))
        }
    }

    /// A run of so many cells in one page, all zero in all shards; [`Slot::NONE`] when there are no more.
    pub(super) fn take(&self, run: u16) -> Slot {
        debug_assert!((1..=CELLS).contains(&usize::from(run)), "{run} cells in a page");
        lock(&self.0).take(run)
    }

    /// Takes back a run that is zero in all shards, and that nobody writes to any more.
    pub(super) fn give_back(&self, slot: Slot, run: u16) {
        lock(&self.0).give_back(slot, run);
    }
}

#[allow(clippy::cast_possible_truncation, reason = "less than a page")]
impl Free {
    fn take(&mut self, run: u16) -> Slot {
        if let Some(slot) = self.runs.get_mut(&run).and_then(Vec::pop) {
            return slot;
        }
        let left = CELLS as u32 - self.next % CELLS as u32;
        if left < u32::from(run) {
            // What is left of the page serves the counters to come.
            for place in self.next..self.next + left {
                self.give_back(Slot::at(place), 1);
            }
            self.next += left;
        }
        if !Slot::PLACES.contains(&self.next) {
            return Slot::NONE;
        }
        let slot = Slot::at(self.next);
        self.next += u32::from(run);
        slot
    }

    fn give_back(&mut self, slot: Slot, run: u16) {
        self.runs.entry(run).or_default().push(slot);
    }
}
