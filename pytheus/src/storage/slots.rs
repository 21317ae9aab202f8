//! Which slots are free.

use super::cells;
use super::gate::lock;
use super::page::{CELLS, Slot};
use super::sync::{Mutex, constant};

/// Cells in a line of the cache.
const LINE: u16 = 8;

/// Gives out runs of cells, the same in all shards.
pub(super) struct Slots(Mutex<Free>);

struct Free {
    /// From this place on, none was ever given out.
    next: u32,
    /// Slots before this place are not used again.
    first: u32,
    /// Those that were given back, by the length of the run, of which there are few.
    runs: Vec<(u16, Vec<Slot>)>,
    /// All runs of observations that were ever given out: a run is used again as it was.
    observed: Vec<Observed>,
}

/// Runs of observations, one after the other.
struct Observed {
    first: u32,
    run: u16,
    count: u16,
}

#[allow(clippy::cast_possible_truncation, reason = "less than a page")]
impl Slots {
    constant! {
        pub(super) fn new() -> Self {
            Self(Mutex::new(Free { next: Slot::PLACES.start, first: 0, runs: Vec::new(), observed: Vec::new() }))
        }
    }

    /// A run of so many cells in one page, all zero in all shards; [`Slot::NONE`] when there are no more.
    pub(super) fn take(&self, run: u16) -> Slot {
        debug_assert!((1..=CELLS).contains(&usize::from(run)), "{run} cells in a page");
        lock(&self.0).take(run)
    }

    /// From now on, gives out slots in pages that do not exist yet; others not even when they are given back.
    pub(super) fn begin_page(&self) {
        let mut free = lock(&self.0);
        free.runs.clear();
        free.next = free.next.next_multiple_of(CELLS as u32);
        free.first = free.next;
    }

    /// Takes back a run that nobody writes to any more; `clear` makes it zero in all shards.
    pub(super) fn give_back(&self, slot: Slot, run: u16, clear: impl FnOnce()) {
        let mut free = lock(&self.0);
        clear();
        free.give_back(slot, run);
    }

    /// Looks at all runs of observations, none of which is being cleared meanwhile.
    pub(super) fn each_observed(&self, mut look: impl FnMut(Slot, u16)) {
        for Observed { first, run, count } in &lock(&self.0).observed {
            (0..*count).for_each(|step| look(Slot::at(first + u32::from(step * run)), *run));
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "less than a page")]
impl Free {
    fn take(&mut self, run: u16) -> Slot {
        if let Some(slot) = self.runs_of(run).and_then(Vec::pop) {
            return slot;
        }
        // A gauge is in one line of the cache: threads that set it at a time would fetch two, where it is in two.
        let within = if run > LINE || cells::is_observed(run) { CELLS as u32 } else { LINE.into() };
        let left = within - self.next % within;
        if left < u32::from(run) {
            // What is left serves the counters to come.
            for place in self.next..self.next + left {
                self.give_back(Slot::at(place), 1);
            }
            self.next += left;
        }
        if !Slot::PLACES.contains(&self.next) {
            return Slot::NONE;
        }
        let slot = Slot::at(self.next);
        if cells::is_observed(run) {
            self.note(run);
        }
        self.next += u32::from(run);
        slot
    }

    /// Takes note of a run of observations that is given out.
    fn note(&mut self, run: u16) {
        let (first, begins_page) = (self.next, self.next.is_multiple_of(CELLS as u32));
        let follows = |last: &&mut Observed| last.run == run && last.first + u32::from(last.count * run) == first;
        match self.observed.last_mut().filter(follows) {
            Some(last) if !begins_page => last.count += 1,
            _ => self.observed.push(Observed { first, run, count: 1 }),
        }
    }

    fn give_back(&mut self, slot: Slot, run: u16) {
        // Of the cells that all threads write, those of former pages may lie where no backend looks; of the others, some
        // may have been copied before they were cleared.
        if slot.page_and_cell() < Slot::at(self.first).page_and_cell() {
            return;
        }
        match self.runs_of(run) {
            Some(slots) => slots.push(slot),
            None => self.runs.push((run, vec![slot])),
        }
    }

    fn runs_of(&mut self, run: u16) -> Option<&mut Vec<Slot>> {
        self.runs.iter_mut().find(|(len, _)| *len == run).map(|(_, slots)| slots)
    }
}

#[cfg(all(test, not(loom)))]
#[allow(clippy::cast_possible_truncation, reason = "less than a page")]
mod tests {
    use super::{LINE, Slots};

    #[test]
    fn a_short_run_is_in_one_line_and_what_it_skips_is_used() {
        let slots = Slots::new();
        let lines = |run: u16| {
            let (page, cell) = slots.take(run).page_and_cell();
            (page, cell as u16 / LINE, (cell as u16 + run - 1) / LINE)
        };
        let counters_first = [0; 20].map(|_| lines(1));
        for _ in 0..100 {
            let (_, first, last) = lines(3);
            assert_eq!(first, last);
        }
        // Two gauges in a line leave two cells of it.
        let later = [0; 100].map(|_| lines(1));
        assert!(later.iter().all(|(page, line, _)| *page == counters_first[0].0 && *line < 2 + 52), "{later:?}");
    }
}
