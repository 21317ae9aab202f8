//! Cells, in pages made at the first use, and the two-level table from a slot to its page.

use std::fmt;

use super::super::cell_layout::{COUNT, FIRST_BUCKET};
use super::migration;
use crate::sync::shim::{AcqRel, Acquire, AtomicPtr, AtomicU64, Relaxed, Release, constant, each};

/// Cells of a page. Pages are small: a thread with a single series pays for a whole page.
#[cfg(not(loom))]
pub(crate) const CELLS: usize = 512;
#[cfg(not(loom))]
const PAGES: usize = 256;
#[cfg(not(loom))]
const DIRECTORIES: usize = 128;
/// Pages of the first-level cache.
#[cfg(not(loom))]
const CACHED_PAGES: usize = 128;

// A model tries every interleaving, so its tables have few entries.
#[cfg(loom)]
pub(crate) const CELLS: usize = 8;
#[cfg(loom)]
const PAGES: usize = 1;
#[cfg(loom)]
const DIRECTORIES: usize = 4;
#[cfg(loom)]
const CACHED_PAGES: usize = 4;

/// The address of the first cell of a series, the same in each shard: a page, and a cell of it.
///
/// The lowest byte is the index in the [`PageCache`]. Two of its entries are always empty: the first, for series
/// without cells, and the last, for pages beyond the cache and for [removed](Self::removed) slots. A single branch
/// therefore tells the fast path from all other cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(pub(crate) u32);

const PAGE_BITS: u32 = 15;

#[allow(clippy::cast_possible_truncation, reason = "small constants")]
impl Slot {
    /// No cells yet.
    pub(crate) const NONE: Self = Self::at(0, 0);
    /// No cells any more: the series is looked up by its labels for each update.
    pub(crate) const INVALID: Self = Self::at(0, 1);
    /// The lowest byte of a removed slot. Its index in the cache is [`OVERFLOW`](Self::OVERFLOW).
    const REMOVED: u32 = 0xff;
    const OVERFLOW: usize = CACHED_PAGES - 1;

    /// Returns the slot of an existing cell.
    pub(crate) const fn at(page: usize, cell: usize) -> Self {
        let cached = if page < Self::OVERFLOW { page } else { Self::OVERFLOW };
        Self((cell as u32) << (8 + PAGE_BITS) | (page as u32) << 8 | cached as u32)
    }

    /// Returns the slot of a cell, or `None` if there is no such cell.
    pub(crate) fn of(page: u32, cell: u32) -> Option<Self> {
        let fits = (1..2 * FIRST_SHARED_PAGE).contains(&page) && cell < CELLS as u32;
        fits.then(|| Self::at(page as usize, cell as usize))
    }

    /// Returns the page and the cell.
    pub(crate) fn page_and_cell(self) -> (u32, u32) {
        (self.page() as u32, self.cell() as u32)
    }

    /// Returns the same address with the mark of a removed series.
    pub(crate) fn removed(self) -> Self {
        Self(self.0 | Self::REMOVED)
    }

    /// Returns the slot without the mark of a [removed](Self::removed) series.
    pub(crate) fn original(self) -> Self {
        Self::at(self.page(), self.cell())
    }

    /// Returns whether the series was removed.
    #[inline]
    pub(crate) fn is_removed(self) -> bool {
        self.0 & Self::REMOVED == Self::REMOVED
    }

    /// Returns whether its cells are shared by all processes.
    pub(crate) fn is_shared(self) -> bool {
        !self.is_removed() && self.page() >= FIRST_SHARED_PAGE as usize
    }

    /// Returns whether it has cells.
    pub(crate) fn is_live(self) -> bool {
        !self.is_removed() && self.page() != 0
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

/// A page of cells: whole numbers, or floats as their bits.
///
/// Aligned to two cache lines: no two threads write to the same line, nor to a line that the processor prefetches along
/// with it ([false sharing](https://docs.rs/crossbeam-utils/latest/crossbeam_utils/struct.CachePadded.html)).
#[repr(align(128))]
pub struct Page([AtomicU64; CELLS]);

impl Page {
    constant! {
        /// Makes a page of zeros.
        pub fn new() -> Self {
            Self(each![AtomicU64::new(0); CELLS])
        }
    }

    /// Returns its cells.
    pub fn cells(&self) -> &[AtomicU64; CELLS] {
        &self.0
    }

    /// Returns a cell.
    #[inline]
    pub(crate) fn cell(&self, index: usize) -> &AtomicU64 {
        // No run crosses the end of a page; the remainder spares a bounds check.
        &self.0[index % CELLS]
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

/// The first page of cells shared by all processes. The pages before belong to this process.
#[allow(clippy::cast_possible_truncation, reason = "a small constant")]
pub(crate) const FIRST_SHARED_PAGE: u32 = (DIRECTORIES * PAGES / 2) as u32;

/// References to leaked values, each set at the first need.
pub(crate) struct References<T: 'static, const N: usize>([AtomicPtr<T>; N]);

type PageDirectory = References<Page, PAGES>;

impl<T, const N: usize> References<T, N> {
    constant! {
        pub(crate) fn new() -> Self {
            Self(each![AtomicPtr::new(std::ptr::null_mut()); N])
        }
    }

    /// Returns an entry; the remainder of the index spares a bounds check.
    #[inline]
    fn get(&self, index: usize) -> Option<&'static T> {
        // SAFETY: null, or made from a `&'static T`.
        unsafe { self.0[index % N].load(Acquire).as_ref() }
    }

    fn set(&self, index: usize, value: &'static T) {
        self.0[index % N].store(std::ptr::from_ref(value).cast_mut(), Release);
    }

    /// Sets an entry unless another thread was first, and returns its value.
    fn get_or_set(&self, index: usize, value: &'static T) -> &'static T {
        let new = std::ptr::from_ref(value).cast_mut();
        match self.0[index % N].compare_exchange(std::ptr::null_mut(), new, AcqRel, Acquire) {
            Ok(_) => value,
            // SAFETY: not null, and made from a `&'static T`.
            Err(winner) => unsafe { &*winner },
        }
    }

    /// Leaks a value into an entry; frees it if another thread was first.
    fn get_or_leak(&self, index: usize, value: Box<T>) -> &'static T {
        let new = Box::into_raw(value);
        // SAFETY: a box, leaked from here on, or freed below, unseen by other threads.
        let winner = self.get_or_set(index, unsafe { &*new });
        if !std::ptr::eq(winner, new) {
            // SAFETY: from `Box::into_raw` just now, and not in the entry.
            drop(unsafe { Box::from_raw(new) });
        }
        winner
    }

    /// Empties all entries.
    pub(crate) fn clear(&self) {
        self.0.iter().for_each(|entry| entry.store(std::ptr::null_mut(), Release));
    }
}

/// The first pages of a shard, one step away, for the owner.
pub(crate) type PageCache = References<Page, CACHED_PAGES>;

impl PageCache {
    /// Returns the cells of a slot, if their page is [in the cache](Self::insert).
    #[inline]
    pub(crate) fn cells(&self, slot: Slot) -> Option<Cells> {
        let page = self.get(slot.0 as usize)?;
        Some(Cells { page, slot })
    }

    /// Adds the page of these cells, if it is one of the first.
    pub(crate) fn insert(&self, cells: Cells) {
        if cells.slot.page() < Slot::OVERFLOW {
            self.set(cells.slot.page(), cells.page);
        }
    }
}

/// All pages of a shard: a directory of directories, as in the page table of a processor.
pub(crate) type PageTable = References<PageDirectory, DIRECTORIES>;

impl PageTable {
    /// Returns the cells of a slot, or `None` if their page does not exist yet or the slot has none.
    #[inline]
    pub(crate) fn cells(&self, slot: Slot) -> Option<Cells> {
        if slot.is_removed() {
            return None;
        }
        let page = self.page(slot.page())?;
        Some(Cells { page, slot })
    }

    #[inline]
    fn page(&self, page: usize) -> Option<&'static Page> {
        self.get(page / PAGES)?.get(page)
    }

    /// Returns whether there is a page from that of the first slot to that of the last.
    pub(crate) fn has_any(&self, first: Slot, last: Slot) -> bool {
        (first.page()..=last.page()).any(|page| self.page(page).is_some())
    }

    /// Returns the cells of a slot, and makes their page if there is none; `None` when there is no room for it.
    #[cold]
    pub(crate) fn cells_or_make(&self, slot: Slot, shard: u32) -> Option<Cells> {
        debug_assert!(slot.is_live(), "{slot:?} has no cells");
        if let Some(cells) = self.cells(slot) {
            return Some(cells);
        }
        let _lock = migration::block();
        let number = slot.page();
        let page = match migration::new_page(shard, number) {
            Ok(page) => self.directory(number).get_or_set(number, page?),
            // The pages of all processes are never on the heap.
            Err(migration::FromHeap) if slot.is_shared() => return None,
            Err(migration::FromHeap) => match self.page(number) {
                Some(page) => page,
                None => self.directory(number).get_or_leak(number, Box::new(Page::new())),
            },
        };
        Some(Cells { page, slot })
    }

    /// Returns the directory of a page.
    fn directory(&self, page: usize) -> &'static PageDirectory {
        let index = page / PAGES;
        self.get(index).unwrap_or_else(|| self.get_or_leak(index, Box::new(PageDirectory::new())))
    }

    /// Returns all pages of this process, each with its number.
    pub(crate) fn own_pages(&self) -> Vec<(usize, &'static Page)> {
        let pages = 0..FIRST_SHARED_PAGE as usize;
        pages.filter_map(|number| Some((number, self.page(number)?))).collect()
    }

    /// Replaces a page.
    pub(crate) fn replace(&self, number: usize, by: &'static Page) {
        self.directory(number).set(number, by);
    }

    /// Forgets all pages of this process.
    pub(crate) fn clear_own(&self) {
        self.0[..DIRECTORIES / 2].iter().for_each(|directory| directory.store(std::ptr::null_mut(), Release));
    }
}

/// The cells of one series in one shard.
#[derive(Clone, Copy)]
pub(crate) struct Cells {
    pub(crate) page: &'static Page,
    pub(crate) slot: Slot,
}

impl Cells {
    /// Returns the cell at this offset from the first.
    #[inline]
    pub(crate) fn at(self, offset: usize) -> &'static AtomicU64 {
        self.page.cell(self.slot.cell() + offset)
    }

    /// Completes or undoes an observation of a lost thread, by setting the count to that of
    /// the buckets. For the one writer.
    pub(super) fn repair(self, run: u16) {
        let buckets = FIRST_BUCKET..usize::from(run);
        let observed = buckets.fold(0_u64, |sum, bucket| sum.wrapping_add(self.at(bucket).load(Relaxed)));
        self.at(COUNT).store(observed, Relaxed);
    }
}

impl fmt::Debug for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cells").field(&self.slot).finish()
    }
}

/// Whether there was room for an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Room {
    Found,
    /// The process had no more cells when the series was made: its updates are lost.
    None,
}
