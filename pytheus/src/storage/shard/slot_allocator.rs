//! Which cells are free: a bit for each, so that what is given back is one with what is free beside it.

use super::super::cell_layout as cells;
use super::page::{CELLS, FIRST_SHARED_PAGE, Slot};
use crate::sync::lock;
use crate::sync::shim::{Mutex, constant};

/// Cells in a line of the cache.
const LINE: usize = 8;

/// Gives out runs of cells, the same in all shards.
pub(crate) struct SlotAllocator(Mutex<FreeCells>);

struct FreeCells {
    /// Of pages that were begun, a few together.
    #[allow(clippy::vec_box, reason = "a group is large: the list is copied as it grows")]
    groups: Vec<Box<PageGroup>>,
    /// How many pages were begun.
    pages: usize,
    /// PageTable before this one are not used again.
    first: usize,
}

/// Pages of a group.
const GROUP: usize = 64;

struct PageGroup {
    /// The room of each page, to be found without a look at the page.
    room: [LongestRuns; GROUP],
    /// The most of these.
    most: LongestRuns,
    maps: Vec<PageBitmap>,
}

/// The longest runs that are free.
#[derive(Clone, Copy, Default)]
struct LongestRuns {
    anywhere: u16,
    /// Within one line, up to what is ever asked for there.
    in_line: u16,
}

const WORDS: usize = CELLS.div_ceil(64);

/// The cells of a page.
struct PageBitmap {
    free: [u64; WORDS],
    /// Where the runs begin that were given out.
    starts: [u64; WORDS],
}

#[allow(clippy::cast_possible_truncation, reason = "less than a page")]
impl SlotAllocator {
    constant! {
        pub(crate) fn new() -> Self {
            Self(Mutex::new(FreeCells { groups: Vec::new(), pages: 0, first: 0 }))
        }
    }

    /// A run of so many cells in one page, all zero in all shards; [`Slot::NONE`] when there are no more.
    pub(crate) fn allocate(&self, run: u16) -> Slot {
        debug_assert!((1..=CELLS).contains(&usize::from(run)), "{run} cells in a page");
        lock(&self.0).allocate(run)
    }

    /// From now on, gives out slots in pages that do not exist yet; others not even when they are given back.
    pub(crate) fn retire_pages(&self) {
        let mut free = lock(&self.0);
        free.first = free.pages;
        for group in &mut free.groups {
            (group.room, group.most) = ([LongestRuns::default(); GROUP], LongestRuns::default());
        }
    }

    /// Takes back a run that nobody writes to any more; `clear` makes it zero in all shards.
    pub(crate) fn free(&self, slot: Slot, run: u16, clear: impl FnOnce()) {
        let mut free = lock(&self.0);
        clear();
        free.free(slot, run);
    }

    /// Looks at all runs of observations that are given out, none of which is being cleared meanwhile.
    pub(crate) fn each_observation(&self, mut look: impl FnMut(Slot, u16)) {
        let free = lock(&self.0);
        let maps = free.groups.iter().flat_map(|group| &group.maps);
        for (page, map) in maps.enumerate() {
            map.each_run(|cell, run| {
                if cells::is_observed(run) {
                    look(slot_of(page, cell), run);
                }
            });
        }
    }
}

/// The slot of a cell of a page, of those that were begun.
#[allow(clippy::cast_possible_truncation, reason = "there are less pages than 2^15")]
fn slot_of(page: usize, cell: usize) -> Slot {
    Slot::at(Slot::INDEXES.start + (page * CELLS + cell) as u32)
}

/// The page of a slot, of those that were begun, and its cell.
fn page_of(slot: Slot) -> (usize, usize) {
    (slot.page() - Slot::INDEXES.start as usize / CELLS, slot.cell())
}

#[allow(clippy::cast_possible_truncation, reason = "less than a page")]
impl FreeCells {
    fn allocate(&mut self, run: u16) -> Slot {
        // The first that fits, so that others stay whole. A gauge is in one line of the cache: threads that set it at a time
        // would fetch two, where it is in two.
        let fits = |room: &LongestRuns| (if cells::is_observed(run) { room.anywhere } else { room.in_line }) >= run;
        let found = self.groups.iter().position(|group| fits(&group.most));
        let found = found.and_then(|at| Some(at * GROUP + self.groups[at].room.iter().position(fits)?));
        let Some(page) = found.or_else(|| self.add_page()) else { return Slot::NONE };
        let group = &mut self.groups[page / GROUP];
        let map = &mut group.maps[page % GROUP];
        let Some(cell) = map.find(usize::from(run), !cells::is_observed(run)) else { return Slot::NONE };
        map.allocate(cell, usize::from(run));
        group.update_longest(page % GROUP);
        slot_of(page, cell)
    }

    /// Begins a page; `None` when there are no more.
    fn add_page(&mut self) -> Option<usize> {
        let page = self.pages;
        if page + Slot::INDEXES.start as usize / CELLS >= FIRST_SHARED_PAGE as usize {
            return None;
        }
        if page.is_multiple_of(GROUP) {
            let (room, maps) = ([LongestRuns::default(); GROUP], Vec::with_capacity(GROUP));
            self.groups.push(Box::new(PageGroup { room, most: LongestRuns::default(), maps }));
        }
        self.groups[page / GROUP].maps.push(PageBitmap::new());
        self.pages += 1;
        Some(page)
    }

    fn free(&mut self, slot: Slot, run: u16) {
        let (page, cell) = page_of(slot);
        // Of the cells that all threads write, those of former pages may lie where no backend looks; of the others, some
        // may have been copied before they were cleared.
        if page < self.first {
            return;
        }
        let group = &mut self.groups[page / GROUP];
        group.maps[page % GROUP].free(cell, usize::from(run));
        group.update_longest(page % GROUP);
    }
}

impl PageGroup {
    /// Takes note of what a page has room for.
    fn update_longest(&mut self, page: usize) {
        self.room[page] = self.maps[page].room();
        self.most = self.room.iter().fold(LongestRuns::default(), |most, room| LongestRuns {
            anywhere: most.anywhere.max(room.anywhere),
            in_line: most.in_line.max(room.in_line),
        });
    }
}

/// The cells of each line at which a run of so many may begin.
fn within_line(run: usize) -> u64 {
    u64::from(0xff_u8 >> (run - 1)) * (u64::MAX / 0xff)
}

#[allow(clippy::cast_possible_truncation, reason = "less than a page")]
impl PageBitmap {
    fn new() -> Self {
        let mut new = Self { free: [0; WORDS], starts: [0; WORDS] };
        new.each_word(0, CELLS, |free, _, mask| *free |= mask);
        new
    }

    fn each_word(&mut self, cell: usize, run: usize, mut act: impl FnMut(&mut u64, &mut u64, u64)) {
        let end = cell + run;
        for word in cell / 64..end.div_ceil(64) {
            let (from, to) = (cell.max(word * 64) % 64, end.min(word * 64 + 64) - word * 64);
            let mask = (u64::MAX << from) & (u64::MAX >> (64 - to));
            act(&mut self.free[word], &mut self.starts[word], mask);
        }
    }

    fn allocate(&mut self, cell: usize, run: usize) {
        self.each_word(cell, run, |free, _, mask| {
            debug_assert_eq!(*free & mask, mask, "a cell is given out twice");
            *free &= !mask;
        });
        self.starts[cell / 64] |= 1 << (cell % 64);
    }

    fn free(&mut self, cell: usize, run: usize) {
        self.each_word(cell, run, |free, starts, mask| {
            debug_assert_eq!(*free & mask, 0, "a cell is given back twice");
            *free |= mask;
            *starts &= !mask;
        });
    }

    /// The first cell from this one on, with so much in all words, that is set; that after the last when there is none.
    fn next(word_at: impl Fn(usize) -> u64, from: usize) -> usize {
        let mut word = from / 64;
        let mut bits = if word < WORDS { word_at(word) & u64::MAX << (from % 64) } else { return CELLS };
        while bits == 0 {
            word += 1;
            if word == WORDS {
                return CELLS;
            }
            bits = word_at(word);
        }
        (word * 64 + bits.trailing_zeros() as usize).min(CELLS)
    }

    /// Acts on each run that is free, until it says that it has seen enough.
    fn each_free(&self, mut act: impl FnMut(usize, usize) -> bool) {
        let mut cell = 0;
        loop {
            cell = Self::next(|word| self.free[word], cell);
            if cell == CELLS {
                return;
            }
            let end = Self::next(|word| !self.free[word], cell);
            if act(cell, end - cell) {
                return;
            }
            cell = end;
        }
    }

    /// Acts on each run that was given out.
    fn each_run(&self, mut act: impl FnMut(usize, u16)) {
        let mut cell = Self::next(|word| self.starts[word], 0);
        while cell < CELLS {
            // It ends where another begins, or what is free.
            let end = Self::next(|word| self.starts[word] | self.free[word], cell + 1);
            act(cell, (end - cell) as u16);
            cell = Self::next(|word| self.starts[word], cell + 1);
        }
    }

    /// Where a run of so many fits.
    fn find(&self, run: usize, in_line: bool) -> Option<usize> {
        if in_line {
            return self.free.iter().enumerate().find_map(|(word, free)| {
                let fits = (1..run).fold(*free, |fits, step| fits & free >> step) & within_line(run);
                (fits != 0).then(|| word * 64 + fits.trailing_zeros() as usize)
            });
        }
        let mut found = None;
        self.each_free(|cell, free| {
            found = (free >= run).then_some(cell);
            found.is_some()
        });
        found
    }

    fn room(&self) -> LongestRuns {
        let mut anywhere = 0;
        self.each_free(|_, free| {
            anywhere = anywhere.max(free as u16);
            false
        });
        let in_line = (1..=LINE.min(cells::GAUGE_CELLS)).rev().find(|run| self.find(*run, true).is_some());
        LongestRuns { anywhere, in_line: in_line.unwrap_or(0) as u16 }
    }
}

#[cfg(all(test, not(loom)))]
#[allow(clippy::cast_possible_truncation, reason = "less than a page")]
mod tests {
    use super::{CELLS, FIRST_SHARED_PAGE, LINE, Slot, SlotAllocator};

    /// Takes all there are, in runs of so many.
    fn take_all(slots: &SlotAllocator, run: u16) -> Vec<Slot> {
        std::iter::repeat_with(|| slots.allocate(run)).take_while(|slot| *slot != Slot::NONE).collect()
    }

    #[test]
    fn what_is_given_back_has_room_for_runs_of_any_length() {
        let slots = SlotAllocator::new();
        let larger = take_all(&slots, 256);
        assert_eq!(larger.len(), (FIRST_SHARED_PAGE as usize - 1) * (CELLS / 256));
        for slot in larger {
            slots.free(slot, 256, || ());
        }
        let histograms = take_all(&slots, 100);
        assert_eq!(histograms.len(), (FIRST_SHARED_PAGE as usize - 1) * (CELLS / 100));
        // The cells of one histogram are enough for some gauges and their work in progress, and these for it.
        take_all(&slots, 1);
        slots.free(histograms[7], 100, || ());
        let gauges: Vec<_> = take_all(&slots, 3).into_iter().map(|slot| (slot, 3)).collect();
        let rest: Vec<_> = take_all(&slots, 1).into_iter().map(|slot| (slot, 1)).collect();
        assert_eq!(gauges.len() * 3 + rest.len(), 100);
        assert_eq!(slots.allocate(100), Slot::NONE);
        for (slot, run) in gauges.into_iter().chain(rest) {
            slots.free(slot, run, || ());
        }
        assert_eq!(slots.allocate(100), histograms[7]);
    }

    #[test]
    fn runs_of_observations_are_known_while_they_are_given_out() {
        let slots = SlotAllocator::new();
        let known = |slots: &SlotAllocator| {
            let mut known = Vec::new();
            slots.each_observation(|slot, run| known.push((slot, run)));
            known
        };
        let (first, _counter, second) = (slots.allocate(10), slots.allocate(1), slots.allocate(20));
        let third = slots.allocate(10);
        assert_eq!(known(&slots), [(first, 10), (second, 20), (third, 10)]);
        slots.free(second, 20, || ());
        assert_eq!(known(&slots), [(first, 10), (third, 10)]);
        assert_eq!(slots.allocate(3).page(), first.page());
        assert_eq!(known(&slots), [(first, 10), (third, 10)]);
    }

    #[test]
    fn pages_before_a_move_are_not_used_again() {
        let slots = SlotAllocator::new();
        let before = slots.allocate(1);
        slots.retire_pages();
        let after = slots.allocate(1);
        assert_ne!(before.page(), after.page());
        slots.free(before, 1, || ());
        assert_eq!(slots.allocate(1).page(), after.page());
    }

    #[test]
    fn a_short_run_is_in_one_line_and_what_it_skips_is_used() {
        let slots = SlotAllocator::new();
        let lines = |run: u16| {
            let (page, cell) = slots.allocate(run).page_and_cell();
            (page, cell as usize / LINE, (cell as usize + usize::from(run) - 1) / LINE)
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
