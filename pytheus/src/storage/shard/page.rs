//! Cells, in pages that are made when they are first touched.

use std::fmt;
use std::ops::Range;

use super::super::cell_layout::{COUNT, FIRST_BUCKET};
use super::migration;
use crate::sync::shim::{AcqRel, Acquire, AtomicPtr, AtomicU64, Relaxed, Release, constant, each};

/// Cells of a page: small enough that a thread which counts little costs little memory.
#[cfg(not(loom))]
pub(crate) const CELLS: usize = 512;
#[cfg(not(loom))]
const PAGES: usize = 256;
#[cfg(not(loom))]
const DIRECTORIES: usize = 128;
/// Pages that are found in one step.
#[cfg(not(loom))]
const CACHED_PAGES: usize = 128;

// A model looks at every interleaving: the same tables, but of few entries.
#[cfg(loom)]
pub(crate) const CELLS: usize = 8;
#[cfg(loom)]
const PAGES: usize = 1;
#[cfg(loom)]
const DIRECTORIES: usize = 4;
#[cfg(loom)]
const CACHED_PAGES: usize = 4;

/// Where the cells of a series begin, in each shard: a page, and a cell of it.
///
/// The lowest byte says where the page is among the [`PageCache`] ones. The first of those exists in no shard, nor does the
/// last, which stands for all pages that are further, and for what was [removed](Self::removed). So one branch finds
/// all that is out of the ordinary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(pub(crate) u32);

const PAGE_BITS: u32 = 15;

#[allow(clippy::cast_possible_truncation, reason = "small constants")]
impl Slot {
    /// No cells yet.
    pub(crate) const NONE: Self = Self::at(0);
    /// No cells any more; the series is to be looked up by its labels each time.
    pub(crate) const INVALID: Self = Self::at(1);
    /// In place of [`OVERFLOW`](Self::OVERFLOW): not any more.
    const REMOVED: u32 = 0xff;
    const OVERFLOW: u32 = CACHED_PAGES as u32 - 1;

    /// The places that lead to cells, [`at`](Self::at) which there are slots, of those that this process gives out.
    pub(crate) const INDEXES: Range<u32> = CELLS as u32..FIRST_SHARED_PAGE * CELLS as u32;

    /// The slot at a place, counted through all pages.
    pub(crate) const fn at(place: u32) -> Self {
        let (cell, page) = (place % CELLS as u32, place / CELLS as u32);
        let near = if page < Self::OVERFLOW { page } else { Self::OVERFLOW };
        Self(cell << (8 + PAGE_BITS) | page << 8 | near)
    }

    /// The slot of a cell of a page; `None` when there is none.
    pub(crate) fn of(page: u32, cell: u32) -> Option<Self> {
        let fits = (1..2 * FIRST_SHARED_PAGE).contains(&page) && cell < CELLS as u32;
        fits.then(|| Self::at(page * CELLS as u32 + cell))
    }

    /// The page and the cell to which it leads.
    pub(crate) fn page_and_cell(self) -> (u32, u32) {
        (self.page() as u32, self.cell() as u32)
    }

    /// The first slot of a page.
    fn of_page(page: usize) -> Self {
        Self::at((page * CELLS) as u32)
    }

    /// The same, leading nowhere.
    pub(crate) fn removed(self) -> Self {
        Self(self.0 | Self::REMOVED)
    }

    /// The slot that this was before it was [removed](Self::removed).
    pub(crate) fn original(self) -> Self {
        Self::at((self.page() * CELLS + self.cell()) as u32)
    }

    /// Does it lead nowhere because the series was removed?
    #[inline]
    pub(crate) fn is_removed(self) -> bool {
        self.0 & Self::REMOVED == Self::REMOVED
    }

    /// Does it lead to cells that all processes write?
    pub(crate) fn is_shared(self) -> bool {
        !self.is_removed() && self.page() >= FIRST_SHARED_PAGE as usize
    }

    /// Does it lead to cells?
    pub(crate) fn is_live(self) -> bool {
        !self.is_removed() && self.page() != 0
    }

    #[inline]
    fn cache_index(self) -> usize {
        self.0 as usize % CACHED_PAGES
    }

    #[inline]
    pub(crate) fn page(self) -> usize {
        (self.0 as usize >> 8) % (1 << PAGE_BITS)
    }

    #[inline]
    pub(crate) fn cell(self) -> usize {
        (self.0 >> (8 + PAGE_BITS)) as usize
    }
}

/// A page of cells, each a whole number, or a float as its bits.
///
/// Begins a line of its own, so that no two threads write to one.
#[repr(align(128))]
pub struct Page([AtomicU64; CELLS]);

impl Page {
    constant! {
        /// A page of cells that are zero.
        pub fn new() -> Self {
            Self(each![AtomicU64::new(0); CELLS])
        }
    }

    /// Its cells.
    pub fn cells(&self) -> &[AtomicU64; CELLS] {
        &self.0
    }

    /// One of its cells.
    #[inline]
    pub(crate) fn cell(&self, place: usize) -> &AtomicU64 {
        // A run lies in one page; the remainder is taken to spare the check of a bound.
        &self.0[place % CELLS]
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").finish_non_exhaustive()
    }
}

/// From this page on, the cells that all threads write belong to all processes.
#[allow(clippy::cast_possible_truncation, reason = "a small constant")]
pub(crate) const FIRST_SHARED_PAGE: u32 = (DIRECTORIES * PAGES / 2) as u32;

/// Pages, made when they are first touched.
pub(crate) struct PageDirectory([AtomicPtr<Page>; PAGES]);

impl PageDirectory {
    constant! {
        pub(crate) fn new() -> Self {
            Self(each![AtomicPtr::new(std::ptr::null_mut()); PAGES])
        }
    }
}

/// The first pages, in one step: for the one thread that writes them.
pub(crate) struct PageCache([AtomicPtr<Page>; CACHED_PAGES]);

impl PageCache {
    constant! {
        pub(crate) fn new() -> Self {
            Self(each![AtomicPtr::new(std::ptr::null_mut()); CACHED_PAGES])
        }
    }

    /// The cells of a slot; `None` when its page was not [brought](Self::bring) here, and for slots that lead nowhere.
    #[inline]
    pub(crate) fn cells(&self, slot: Slot) -> Option<Cells> {
        let page = self.0[slot.cache_index()].load(Acquire);
        // SAFETY: null, or what `insert` put there: a `&'static` page.
        let page = unsafe { page.as_ref() }?;
        Some(Cells { page, slot })
    }

    /// Has no page here any more.
    pub(crate) fn clear(&self) {
        self.0.iter().for_each(|page| page.store(std::ptr::null_mut(), Release));
    }

    /// Brings the page of these cells here, if it is one of the first.
    pub(crate) fn insert(&self, cells: Cells) {
        let near = cells.slot.cache_index();
        if near + 1 != CACHED_PAGES {
            self.0[near].store(std::ptr::from_ref(cells.page).cast_mut(), Release);
        }
    }
}

/// The way from a slot to its cells.
pub(crate) struct PageTable([AtomicPtr<PageDirectory>; DIRECTORIES]);

impl PageTable {
    constant! {
        pub(crate) fn new() -> Self {
            Self(each![AtomicPtr::new(std::ptr::null_mut()); DIRECTORIES])
        }
    }

    /// The cells of a slot; `None` when they do not exist yet, and for slots that lead nowhere.
    #[inline]
    pub(crate) fn cells(&self, slot: Slot) -> Option<Cells> {
        if slot.is_removed() {
            return None;
        }
        let directory = self.0[slot.page() / PAGES % DIRECTORIES].load(Acquire);
        // SAFETY: null, or a box that `set_once` leaked: never freed.
        let directory = unsafe { directory.as_ref() }?;
        let page = directory.0[slot.page() % PAGES].load(Acquire);
        // SAFETY: null, or a `&'static` page, be it a box that `set_once` leaked.
        let page = unsafe { page.as_ref() }?;
        Some(Cells { page, slot })
    }

    /// Is one of the pages from that of the first slot to that of the last there?
    pub(crate) fn any(&self, (first, last): (Slot, Slot)) -> bool {
        let mut pages = first.page()..=last.page();
        pages.any(|page| self.cells(Slot::of_page(page)).is_some())
    }

    /// The cells of a slot, at zero if nobody has touched them; `None` when there is no room for the page.
    #[cold]
    pub(crate) fn cells_or_make(&self, slot: Slot, shard: u32) -> Option<Cells> {
        debug_assert!(slot.is_live(), "{slot:?} leads nowhere");
        if let Some(cells) = self.cells(slot) {
            return Some(cells);
        }
        let _lock = migration::block();
        let place = self.place(slot.page());
        let page = match migration::new_page(shard, slot.page()) {
            Ok(page) => {
                let page = std::ptr::from_ref(page?).cast_mut();
                place.compare_exchange(std::ptr::null_mut(), page, AcqRel, Acquire).err().unwrap_or(page)
            }
            // Those of all processes are there or nowhere.
            Err(migration::FromHeap) if slot.is_shared() => return None,
            Err(migration::FromHeap) => match place.load(Acquire) {
                none if none.is_null() => set_once(place, Box::new(Page::new())),
                page => page,
            },
        };
        // SAFETY: a box that `set_once` leaked, or what was a `&'static` page.
        Some(Cells { page: unsafe { &*page }, slot })
    }

    /// Where a page is, or will be.
    fn place(&self, page: usize) -> &'static AtomicPtr<Page> {
        let place = &self.0[page / PAGES % DIRECTORIES];
        let mut directory = place.load(Acquire);
        if directory.is_null() {
            directory = set_once(place, Box::new(PageDirectory::new()));
        }
        // SAFETY: a box that `set_once` leaked: never freed.
        let directory: &'static PageDirectory = unsafe { &*directory };
        &directory.0[page % PAGES]
    }

    /// All pages that are there, but for those of all processes.
    pub(crate) fn all(&self) -> Vec<(usize, &'static Page)> {
        let pages = 0..FIRST_SHARED_PAGE as usize;
        pages.filter_map(|page| self.cells(Slot::of_page(page)).map(|cells| (page, cells.page))).collect()
    }

    /// Puts a page in the place of another.
    pub(crate) fn replace(&self, page: usize, by: &'static Page) {
        self.place(page).store(std::ptr::from_ref(by).cast_mut(), Release);
    }

    /// Has no page any more, but for those of all processes.
    #[allow(dead_code, reason = "after a fork, which not every system has")]
    pub(crate) fn clear(&self) {
        self.0[..DIRECTORIES / 2].iter().for_each(|directory| directory.store(std::ptr::null_mut(), Release));
    }
}

/// Replaces null by a box that is leaked, unless another thread did; gives what is there then.
fn set_once<T>(place: &AtomicPtr<T>, new: Box<T>) -> *mut T {
    let new = Box::into_raw(new);
    match place.compare_exchange(std::ptr::null_mut(), new, AcqRel, Acquire) {
        Ok(_) => new,
        Err(winner) => {
            // SAFETY: from `Box::into_raw` just now, and nobody else has seen it.
            drop(unsafe { Box::from_raw(new) });
            winner
        }
    }
}

/// The cells of one series in one shard, the first of them.
#[derive(Clone, Copy)]
pub(crate) struct Cells {
    pub(crate) page: &'static Page,
    pub(crate) slot: Slot,
}

impl Cells {
    /// The cell after so many others of the series.
    #[inline]
    pub(crate) fn at(self, offset: usize) -> &'static AtomicU64 {
        self.page.cell(self.slot.cell() + offset)
    }

    /// Counts what is in the buckets: that is what was observed. For the one writer.
    pub(crate) fn repair(self, run: u16) {
        let buckets = FIRST_BUCKET..usize::from(run);
        let observed = buckets.fold(0_u64, |sum, place| sum.wrapping_add(self.at(place).load(Relaxed)));
        self.at(COUNT).store(observed, Relaxed);
    }
}

impl fmt::Debug for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cells").field(&self.slot).finish()
    }
}

/// Was there room for an update?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Room {
    Found,
    /// The process had no more cells when the series was made: what is counted there is lost.
    None,
}
