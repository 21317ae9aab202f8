//! Cells, in pages that are made when they are first touched.

use std::fmt;

use super::sync::{AcqRel, Acquire, AtomicPtr, AtomicU64, constant, each, global};

/// Cells of a page: small enough that a thread which counts little costs little memory.
#[cfg(not(loom))]
pub(super) const CELLS: usize = 512;
#[cfg(not(loom))]
pub(super) const PAGES: usize = 256;
/// Directories of a shard. The upper half stays empty: slots of removed series lead there.
#[cfg(not(loom))]
pub(super) const DIRECTORIES: usize = 256;

// A model looks at every interleaving: the same tables, but of few entries.
#[cfg(loom)]
pub(super) const CELLS: usize = 8;
#[cfg(loom)]
pub(super) const PAGES: usize = 2;
#[cfg(loom)]
pub(super) const DIRECTORIES: usize = 2;

/// Where the cells of a series begin, in each shard: a directory, a page in it, a cell of that.
///
/// The first page exists in no shard. So a slot in it, or one that is [removed](Self::removed), leads to no cell: one
/// branch finds all that is out of the ordinary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Slot(pub(super) u32);

#[allow(clippy::cast_possible_truncation, reason = "small constants")]
impl Slot {
    /// No cells yet.
    pub(crate) const NONE: Self = Self(0);
    /// No cells any more; the series is to be looked up by its labels each time.
    pub(crate) const LOOK_UP: Self = Self(1);
    /// The first that leads to cells.
    pub(super) const FIRST: u32 = CELLS as u32;
    /// Beyond the last.
    pub(super) const END: u32 = Self::REMOVED;
    const REMOVED: u32 = (DIRECTORIES / 2 * PAGES * CELLS) as u32;

    /// The same, leading nowhere.
    pub(super) fn removed(self) -> Self {
        Self(self.0 | Self::REMOVED)
    }

    /// The slot that this was before it was [removed](Self::removed).
    pub(super) fn original(self) -> Self {
        Self(self.0 & !Self::REMOVED)
    }

    /// Does it lead nowhere because the series was removed?
    #[inline]
    pub(super) fn is_removed(self) -> bool {
        self.0 & Self::REMOVED != 0
    }

    /// Does it lead to cells?
    pub(crate) fn is_live(self) -> bool {
        (Self::FIRST..Self::END).contains(&self.0)
    }

    fn directory(self) -> usize {
        self.0 as usize / (PAGES * CELLS) % DIRECTORIES
    }

    fn page(self) -> usize {
        self.0 as usize / CELLS % PAGES
    }

    fn cell(self) -> usize {
        self.0 as usize % CELLS
    }
}

/// Whole numbers, or floats as their bits.
pub(super) struct Page([AtomicU64; CELLS]);

/// Pages, made when they are first touched.
pub(super) struct Directory([AtomicPtr<Page>; PAGES]);

impl Directory {
    constant! {
        pub(super) fn new() -> Self {
            Self(each![AtomicPtr::new(std::ptr::null_mut()); PAGES])
        }
    }
}

global! {
    /// What stands for a directory that does not exist, so that there is one branch less on the way to a cell.
    static EMPTY: Directory = Directory::new();
}

/// The way from a slot to its cells.
pub(super) struct Pages([AtomicPtr<Directory>; DIRECTORIES]);

impl Pages {
    constant! {
        pub(super) fn new() -> Self {
            Self(each![AtomicPtr::new(empty()); DIRECTORIES])
        }
    }

    /// The cells of a slot; `None` when they do not exist yet, and for slots that lead nowhere.
    #[inline]
    pub(super) fn cells(&self, slot: Slot) -> Option<Cells> {
        let directory = self.0[slot.directory()].load(Acquire);
        // SAFETY: `EMPTY`, or a box that `set_once` leaked: never null, never freed.
        let directory: &'static Directory = unsafe { &*directory };
        let page = directory.0[slot.page()].load(Acquire);
        // SAFETY: null, or a box that `set_once` leaked: never freed.
        let page = unsafe { page.as_ref() }?;
        Some(Cells { page, slot })
    }

    /// The cells of a slot, at zero if nobody has touched them.
    #[cold]
    pub(super) fn cells_or_make(&self, slot: Slot) -> Cells {
        debug_assert!(slot.is_live(), "{slot:?} leads nowhere");
        let place = &self.0[slot.directory()];
        let mut directory = place.load(Acquire);
        if std::ptr::eq(directory, empty()) {
            directory = set_once(place, empty(), Box::new(Directory::new()));
        }
        // SAFETY: a box that `set_once` leaked: never freed.
        let directory: &'static Directory = unsafe { &*directory };
        let place = &directory.0[slot.page()];
        let mut page = place.load(Acquire);
        if page.is_null() {
            page = set_once(place, std::ptr::null_mut(), Box::new(Page(each![AtomicU64::new(0); CELLS])));
        }
        // SAFETY: a box that `set_once` leaked: never freed.
        Cells { page: unsafe { &*page }, slot }
    }
}

constant! {
    fn empty() -> *mut Directory {
        std::ptr::from_ref::<Directory>(&EMPTY).cast_mut()
    }
}

/// Replaces `old` by a box that is leaked, unless another thread did; gives what is there then.
fn set_once<T>(place: &AtomicPtr<T>, old: *mut T, new: Box<T>) -> *mut T {
    let new = Box::into_raw(new);
    match place.compare_exchange(old, new, AcqRel, Acquire) {
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
    page: &'static Page,
    slot: Slot,
}

impl Cells {
    /// The slot that led here.
    #[inline]
    pub(crate) fn slot(self) -> Slot {
        self.slot
    }

    /// The cell after so many others of the series.
    #[inline]
    pub(super) fn at(self, offset: usize) -> &'static AtomicU64 {
        // A run lies in one page; the remainder is taken to spare the check of a bound.
        &self.page.0[(self.slot.cell() + offset) % CELLS]
    }
}

impl fmt::Debug for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cells").field(&self.slot).finish()
    }
}
