//! Allocates runs of cells, with a bitmap per page: freed neighbours merge by themselves.

use super::super::cell_layout::{GAUGE_CELLS, is_observed};
use super::page::{CELLS, FIRST_SHARED_PAGE, Slot};
use crate::sync::lock;
use crate::sync::shim::{Mutex, constant};

/// Cells in a cache line.
const LINE: usize = 8;

/// The page of the first slot; page 0 is for series without cells.
const FIRST_PAGE: usize = 1;

/// Gives out runs of cells, the same in all shards.
pub(crate) struct SlotAllocator(Mutex<FreeCells>);

struct FreeCells {
    #[allow(clippy::vec_box, reason = "a group is large, and the list is copied as it grows")]
    groups: Vec<Box<PageGroup>>,
    /// Pages in all groups.
    pages: usize,
    /// Pages before this one are retired.
    first: usize,
}

/// Pages of a group.
const GROUP: usize = 64;

/// Some pages, with a summary: an allocation skips full groups, and full pages of a group.
struct PageGroup {
    longest: [LongestRuns; GROUP],
    /// The maximum of these.
    max: LongestRuns,
    bitmaps: Vec<PageBitmap>,
}

/// The lengths of the longest free runs.
#[derive(Clone, Copy, Default)]
struct LongestRuns {
    anywhere: u16,
    /// Within one cache line, up to [`GAUGE_CELLS`].
    in_line: u16,
}

impl LongestRuns {
    /// Returns whether there is room. All runs but those of observations fit in a cache line, and stay in one: threads
    /// that set a gauge at the same time would otherwise contend for two lines.
    fn fit(self, run: u16) -> bool {
        (if is_observed(run) { self.anywhere } else { self.in_line }) >= run
    }
}

const WORDS: usize = CELLS.div_ceil(64);

/// A bit for each cell of a page.
struct PageBitmap {
    free: [u64; WORDS],
    /// The first cells of allocated runs.
    starts: [u64; WORDS],
}

impl SlotAllocator {
    constant! {
        pub(super) fn new() -> Self {
            Self(Mutex::new(FreeCells { groups: Vec::new(), pages: 0, first: 0 }))
        }
    }

    /// Allocates a run of cells in one page, zero in all shards; [`Slot::NONE`] when there are no more.
    pub(super) fn allocate(&self, run: u16) -> Slot {
        debug_assert!((1..=CELLS).contains(&usize::from(run)), "{run} cells in a page");
        lock(&self.0).allocate(run).unwrap_or(Slot::NONE)
    }

    /// Retires all pages: later slots are in pages that do not exist yet.
    pub(super) fn retire_pages(&self) {
        let mut free = lock(&self.0);
        free.first = free.pages;
        for group in &mut free.groups {
            (group.longest, group.max) = ([LongestRuns::default(); GROUP], LongestRuns::default());
        }
    }

    /// Frees a run without writers; `clear` zeroes it in all shards.
    pub(super) fn free(&self, slot: Slot, run: u16, clear: impl FnOnce()) {
        let mut free = lock(&self.0);
        clear();
        free.free(slot, run);
    }

    /// Calls `visit` for each allocated run of observations. None is cleared meanwhile.
    pub(super) fn each_observation(&self, mut visit: impl FnMut(Slot, u16)) {
        let free = lock(&self.0);
        let bitmaps = free.groups.iter().flat_map(|group| &group.bitmaps);
        for (page, bitmap) in bitmaps.enumerate() {
            bitmap.each_run(|cell, run| {
                if is_observed(run) {
                    visit(Slot::at(FIRST_PAGE + page, cell), run);
                }
            });
        }
    }
}

impl FreeCells {
    fn allocate(&mut self, run: u16) -> Option<Slot> {
        // First fit, to keep the other pages whole.
        let group = self.groups.iter().position(|group| group.max.fit(run));
        let page = match group {
            Some(at) => at * GROUP + self.groups[at].longest.iter().position(|longest| longest.fit(run))?,
            None => self.add_page()?,
        };
        let group = &mut self.groups[page / GROUP];
        let cell = group.bitmaps[page % GROUP].allocate(usize::from(run), !is_observed(run))?;
        group.update_longest(page % GROUP);
        Some(Slot::at(FIRST_PAGE + page, cell))
    }

    fn add_page(&mut self) -> Option<usize> {
        let page = self.pages;
        if FIRST_PAGE + page >= FIRST_SHARED_PAGE as usize {
            return None;
        }
        if page.is_multiple_of(GROUP) {
            let (longest, bitmaps) = ([LongestRuns::default(); GROUP], Vec::with_capacity(GROUP));
            self.groups.push(Box::new(PageGroup { longest, max: LongestRuns::default(), bitmaps }));
        }
        self.groups[page / GROUP].bitmaps.push(PageBitmap::new());
        self.pages += 1;
        Some(page)
    }

    fn free(&mut self, slot: Slot, run: u16) {
        let page = slot.page() - FIRST_PAGE;
        // Slots from before a migration are not reused: shared cells there may be invisible to the backend, and cells
        // of threads may have been copied before they were zeroed.
        if page >= self.first {
            let group = &mut self.groups[page / GROUP];
            group.bitmaps[page % GROUP].free(slot.cell(), usize::from(run));
            group.update_longest(page % GROUP);
        }
    }
}

impl PageGroup {
    fn update_longest(&mut self, page: usize) {
        self.longest[page] = self.bitmaps[page].longest();
        self.max = self.longest.iter().fold(LongestRuns::default(), |max, longest| LongestRuns {
            anywhere: max.anywhere.max(longest.anywhere),
            in_line: max.in_line.max(longest.in_line),
        });
    }
}

#[allow(clippy::cast_possible_truncation, reason = "less than a page")]
impl PageBitmap {
    fn new() -> Self {
        let mut new = Self { free: [0; WORDS], starts: [0; WORDS] };
        new.each_word(0, CELLS, |free, _, mask| *free |= mask);
        new
    }

    /// Calls `act` with each word of both bitmaps, and the bits of this run in it.
    fn each_word(&mut self, cell: usize, run: usize, mut act: impl FnMut(&mut u64, &mut u64, u64)) {
        let end = cell + run;
        for word in cell / 64..end.div_ceil(64) {
            let (from, to) = (cell.max(word * 64) % 64, end.min(word * 64 + 64) - word * 64);
            let mask = (u64::MAX << from) & (u64::MAX >> (64 - to));
            act(&mut self.free[word], &mut self.starts[word], mask);
        }
    }

    fn allocate(&mut self, run: usize, in_line: bool) -> Option<usize> {
        let cell = self.find(run, in_line)?;
        self.each_word(cell, run, |free, _, mask| *free &= !mask);
        self.starts[cell / 64] |= 1 << (cell % 64);
        Some(cell)
    }

    fn free(&mut self, cell: usize, run: usize) {
        self.each_word(cell, run, |free, starts, mask| {
            debug_assert_eq!(*free & mask, 0, "a cell is freed twice");
            *free |= mask;
            *starts &= !mask;
        });
    }

    /// Returns the first set bit from this cell on, or `CELLS`.
    fn next(word_at: impl Fn(usize) -> u64, from: usize) -> usize {
        let mut mask = u64::MAX << (from % 64);
        for word in from / 64..WORDS {
            let bits = word_at(word) & mask;
            if bits != 0 {
                return (word * 64 + bits.trailing_zeros() as usize).min(CELLS);
            }
            mask = u64::MAX;
        }
        CELLS
    }

    /// Returns the free runs, each with its first cell and its length.
    fn free_runs(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let mut cell = 0;
        std::iter::from_fn(move || {
            let start = Self::next(|word| self.free[word], cell);
            cell = Self::next(|word| !self.free[word], start);
            (start < CELLS).then_some((start, cell - start))
        })
    }

    /// Calls `visit` for each allocated run.
    fn each_run(&self, mut visit: impl FnMut(usize, u16)) {
        let mut cell = Self::next(|word| self.starts[word], 0);
        while cell < CELLS {
            let end = Self::next(|word| self.starts[word] | self.free[word], cell + 1);
            visit(cell, (end - cell) as u16);
            cell = Self::next(|word| self.starts[word], cell + 1);
        }
    }

    /// Returns the first cell of a free run of this length.
    fn find(&self, run: usize, in_line: bool) -> Option<usize> {
        if !in_line {
            return self.free_runs().find(|(_, free)| *free >= run).map(|(cell, _)| cell);
        }
        // The possible first cells of such a run in each line.
        let within_line = u64::from(0xff_u8 >> (run - 1)) * (u64::MAX / 0xff);
        self.free.iter().enumerate().find_map(|(word, free)| {
            let fits = (1..run).fold(*free, |fits, step| fits & free >> step) & within_line;
            (fits != 0).then(|| word * 64 + fits.trailing_zeros() as usize)
        })
    }

    fn longest(&self) -> LongestRuns {
        let anywhere = self.free_runs().map(|(_, free)| free as u16).max();
        let in_line = (1..=LINE.min(GAUGE_CELLS)).rev().find(|run| self.find(*run, true).is_some());
        LongestRuns { anywhere: anywhere.unwrap_or(0), in_line: in_line.unwrap_or(0) as u16 }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{CELLS, FIRST_SHARED_PAGE, LINE, Slot, SlotAllocator};

    /// Allocates all cells, in runs of this length.
    fn allocate_all(slots: &SlotAllocator, run: u16) -> Vec<Slot> {
        std::iter::repeat_with(|| slots.allocate(run)).take_while(|slot| *slot != Slot::NONE).collect()
    }

    #[test]
    fn freed_cells_have_room_for_runs_of_any_length() {
        let slots = SlotAllocator::new();
        let larger = allocate_all(&slots, 256);
        assert_eq!(larger.len(), (FIRST_SHARED_PAGE as usize - 1) * (CELLS / 256));
        for slot in larger {
            slots.free(slot, 256, || ());
        }
        let histograms = allocate_all(&slots, 100);
        assert_eq!(histograms.len(), (FIRST_SHARED_PAGE as usize - 1) * (CELLS / 100));
        // The cells of one histogram fit some gauges and single cells, and those fit the histogram again.
        allocate_all(&slots, 1);
        slots.free(histograms[7], 100, || ());
        let gauges: Vec<_> = allocate_all(&slots, 3).into_iter().map(|slot| (slot, 3)).collect();
        let rest: Vec<_> = allocate_all(&slots, 1).into_iter().map(|slot| (slot, 1)).collect();
        assert_eq!(gauges.len() * 3 + rest.len(), 100);
        assert_eq!(slots.allocate(100), Slot::NONE);
        for (slot, run) in gauges.into_iter().chain(rest) {
            slots.free(slot, run, || ());
        }
        assert_eq!(slots.allocate(100), histograms[7]);
    }

    #[test]
    fn allocated_runs_of_observations_are_listed() {
        let slots = SlotAllocator::new();
        let listed = |slots: &SlotAllocator| {
            let mut listed = Vec::new();
            slots.each_observation(|slot, run| listed.push((slot, run)));
            listed
        };
        let (first, _counter, second) = (slots.allocate(10), slots.allocate(1), slots.allocate(20));
        let third = slots.allocate(10);
        assert_eq!(listed(&slots), [(first, 10), (second, 20), (third, 10)]);
        slots.free(second, 20, || ());
        assert_eq!(listed(&slots), [(first, 10), (third, 10)]);
        assert_eq!(slots.allocate(3).page(), first.page());
        assert_eq!(listed(&slots), [(first, 10), (third, 10)]);
    }

    #[test]
    fn slots_from_before_a_migration_are_not_reused() {
        let slots = SlotAllocator::new();
        let before = slots.allocate(1);
        slots.retire_pages();
        let after = slots.allocate(1);
        assert_ne!(before.page(), after.page());
        slots.free(before, 1, || ());
        assert_eq!(slots.allocate(1).page(), after.page());
    }

    #[test]
    fn a_short_run_is_in_one_cache_line_and_skipped_cells_are_used() {
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
        // Two gauges leave two cells of a line.
        let later = [0; 100].map(|_| lines(1));
        assert!(later.iter().all(|(page, line, _)| *page == counters_first[0].0 && *line < 2 + 52), "{later:?}");
    }
}
