//! A series: its labels, and the slots of its cells.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;

use super::cell_layout::{GAUGE_CELLS, extra_cells};
use super::shard::page::{Cells, Room, Slot};
use super::shard::thread;
use crate::sync::shim::{AcqRel, Acquire, AtomicU32, LoomTracked, Relaxed, Release, constant};

/// Some cells of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CellSet {
    /// The thread's own.
    Own,
    /// A few more of the thread's own, for fractions and work in progress.
    Extra,
    /// The cells shared by all threads.
    Shared,
}

/// An atomic reference to the slots of a series. A handle or a declared metric has its own, bound to a series at the
/// first use, and bound again or invalidated when the series is removed.
#[derive(Debug)]
pub(crate) struct SlotRef {
    slot: AtomicU32,
    extra: AtomicU32,
}

impl SlotRef {
    constant! {
        /// Makes a reference without a series yet.
        pub(crate) fn unbound() -> Self {
            Self { slot: AtomicU32::new(Slot::NONE.0), extra: AtomicU32::new(Slot::NONE.0) }
        }
    }

    /// Returns cells; `None` when this thread has none yet, or the series has none.
    #[inline]
    pub(crate) fn cells(&self, set: CellSet) -> Option<Cells> {
        match set {
            CellSet::Own => thread::own_cells(self.slot()),
            CellSet::Extra => thread::own_cells(self.extra()),
            CellSet::Shared => thread::shared_cells(self.slot()),
        }
    }

    /// Calls `act` with the extra cells of this thread, made at need; not if the series has none.
    #[inline]
    pub(crate) fn with_extra_cells(&self, act: impl Fn(Cells)) {
        // Read once, as another thread may bind it again meanwhile.
        let slot = self.extra();
        match thread::own_cells(slot) {
            Some(cells) => act(cells),
            None if slot.is_live() => {
                // If there is no room, there was none when the work began, either.
                let _ = thread::with_cells(slot, &mut |cells| act(cells));
            }
            None => {}
        }
    }

    #[inline]
    pub(crate) fn slot(&self) -> Slot {
        // Acquire: the cells of a reused slot are zero.
        Slot(self.slot.load(Acquire))
    }

    #[inline]
    pub(crate) fn extra(&self) -> Slot {
        Slot(self.extra.load(Acquire))
    }

    /// Points to the cells of another reference.
    pub(crate) fn point_to(&self, other: &Self) {
        self.extra.store(other.extra().0, Release);
        self.slot.store(other.slot().0, Release);
    }

    /// Returns whether it was ever bound.
    pub(crate) fn is_bound(&self) -> bool {
        self.slot() != Slot::NONE
    }

    /// Returns whether the series is to be looked up by its labels.
    pub(crate) fn is_invalidated(&self) -> bool {
        self.slot() == Slot::INVALID
    }

    /// Points to no cells from now on.
    pub(crate) fn invalidate(&self) {
        self.slot.store(Slot::INVALID.0, Release);
        self.extra.store(Slot::INVALID.0, Release);
    }
}

/// A series of a family: its key and its slots. A counted reference to a record with a fixed address.
pub(crate) struct Series(NonNull<SeriesRecord>);

/// Followed by the head of the key and its text.
#[repr(C)]
struct SeriesRecord {
    tracked: LoomTracked,
    references: AtomicU32,
    slot_ref: SlotRef,
    text: u32,
    head: u16,
    /// The number of cells from the slot on.
    run: u16,
}

// SAFETY: the changing fields of a record are atomic; the key is written before another thread has the pointer, and the
// last reference alone frees it.
unsafe impl Send for Series {}
// SAFETY: as above.
unsafe impl Sync for Series {}

impl SeriesRecord {
    /// Returns the layout of a record and its key.
    fn layout(head: u16, text: u32) -> Layout {
        let bytes = size_of::<Self>() + usize::from(head) + text as usize;
        let Ok(layout) = Layout::from_size_align(bytes, align_of::<Self>()) else { unreachable!("a record and 4 GiB") };
        layout
    }
}

impl Series {
    /// Makes a series with the run of cells at this slot, all zero, or without cells.
    ///
    /// The text is no longer than 4 GiB, and the head no longer than 64 KiB.
    pub(crate) fn new(head: &[u8], text: &str, run: u16, slot: Slot) -> Self {
        let (Ok(head_len), Ok(text_len)) = (u16::try_from(head.len()), u32::try_from(text.len())) else {
            unreachable!("there are at most 1,000 labels, and none is so long")
        };
        let slot_ref = SlotRef::unbound();
        slot_ref.slot.store(slot.0, Relaxed);
        let layout = SeriesRecord::layout(head_len, text_len);
        // SAFETY: room for a record and more, so the size is not zero.
        let memory = unsafe { alloc(layout) };
        #[allow(clippy::cast_ptr_alignment, reason = "that of the layout")]
        let Some(record) = NonNull::new(memory.cast::<SeriesRecord>()) else { handle_alloc_error(layout) };
        let (tracked, references) = (LoomTracked::new(), AtomicU32::new(1));
        // SAFETY: allocated for a record and its key, and unseen by other threads.
        unsafe {
            record.write(SeriesRecord { tracked, references, slot_ref, text: text_len, head: head_len, run });
            let key = memory.add(size_of::<SeriesRecord>());
            key.copy_from_nonoverlapping(head.as_ptr(), head.len());
            key.add(head.len()).copy_from_nonoverlapping(text.as_ptr(), text.len());
        }
        Self(record)
    }

    fn record(&self) -> &SeriesRecord {
        // SAFETY: kept alive by the reference that `self` counts for.
        let record = unsafe { self.0.as_ref() };
        record.tracked.touch();
        record
    }

    /// Returns its key: head and text.
    #[inline]
    pub(crate) fn key(&self) -> (&[u8], &str) {
        let &SeriesRecord { head, text, .. } = self.record();
        // SAFETY: `new` has written a key of these lengths there, with the text from a `str`, and it never changes. The
        // pointer has the provenance of the whole allocation.
        unsafe {
            let head_at = self.0.as_ptr().cast::<u8>().add(size_of::<SeriesRecord>());
            let text_at = head_at.add(usize::from(head));
            let text = std::slice::from_raw_parts(text_at, text as usize);
            (std::slice::from_raw_parts(head_at, usize::from(head)), std::str::from_utf8_unchecked(text))
        }
    }

    /// Returns whether both refer to the same record.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    /// Returns an identity, unique as long as there is a reference to the record.
    pub(crate) fn address(&self) -> usize {
        self.0.addr().get()
    }

    #[inline]
    pub(crate) fn slot_ref(&self) -> &SlotRef {
        &self.record().slot_ref
    }

    /// Returns its slot, even if it was removed: the slot is freed with the record.
    pub(crate) fn slot(&self) -> Slot {
        self.slot_ref().slot().original()
    }

    /// Returns the slot of its extra cells, even if it was removed.
    pub(crate) fn extra(&self) -> Slot {
        self.slot_ref().extra().original()
    }

    /// Returns whether it was removed from its family.
    #[inline]
    pub(crate) fn is_removed(&self) -> bool {
        self.slot_ref().slot().is_removed()
    }

    /// Marks it as removed, and so ends all updates of its cells.
    pub(super) fn remove(&self) {
        let slot_ref = self.slot_ref();
        slot_ref.slot.store(slot_ref.slot().removed().0, Release);
        // Another thread may allocate its extra cells at the same time.
        slot_ref.extra.fetch_or(Slot::NONE.removed().0, AcqRel);
    }

    /// Calls `act` with cells, made at need.
    ///
    /// # Errors
    ///
    /// When it was removed.
    #[cold]
    pub(crate) fn update(&self, set: CellSet, act: &mut dyn FnMut(Cells)) -> Result<Room, Removed> {
        let slot = if set == CellSet::Extra { self.extra_or_make() } else { self.slot_ref().slot() };
        if slot.is_removed() {
            return Err(Removed);
        }
        if !slot.is_live() {
            return Ok(Room::None);
        }
        if set != CellSet::Shared {
            return Ok(thread::with_cells(slot, act));
        }
        Ok(thread::shared_cells_or_make(slot).map(act).map_or(Room::None, |()| Room::Found))
    }

    /// Returns the slot of its extra cells, allocated at need.
    pub(crate) fn extra_or_make(&self) -> Slot {
        let SeriesRecord { slot_ref, run, .. } = self.record();
        let slot = slot_ref.extra();
        if slot != Slot::NONE {
            return slot;
        }
        let run = extra_cells(*run);
        let new = thread::allocate_slot(run);
        match slot_ref.extra.compare_exchange(Slot::NONE.0, new.0, AcqRel, Acquire) {
            Ok(_) => new,
            Err(winner) => {
                thread::free_slot(new, run);
                Slot(winner)
            }
        }
    }

    /// Binds it to a slot, unless it has one.
    pub(crate) fn bind(&self, slot: Slot) {
        let _ = self.slot_ref().slot.compare_exchange(Slot::NONE.0, slot.0, AcqRel, Relaxed);
    }

    /// Relocates the cells shared by all threads to a new slot, or to one shared by all processes. A thread that writes
    /// at the same time writes again, to the new cells. False when there is no room; it then keeps its slot.
    ///
    /// For one thread at a time, and with no removal of the series meanwhile.
    pub(crate) fn relocate_to(&self, to: Option<Slot>) -> bool {
        let SeriesRecord { slot_ref, run, .. } = self.record();
        let (old, new) = (slot_ref.slot(), to.unwrap_or_else(|| thread::allocate_slot(*run)));
        if old == new {
            return true;
        }
        let make = |slot: Slot| slot.is_live().then(|| thread::shared_cells_or_make(slot)).flatten();
        let (Some(from), Some(to)) = (make(old), make(new)) else { return false };
        from.relocate_to(to, usize::from(*run) == GAUGE_CELLS);
        slot_ref.slot.store(new.0, Release);
        true
    }

    /// Turns the reference into a pointer.
    pub(super) fn into_raw(self) -> *mut RawSeries {
        ManuallyDrop::new(self).0.as_ptr().cast()
    }

    /// Turns a pointer of [`into_raw`](Self::into_raw) back into the reference.
    ///
    /// # Safety
    ///
    /// The pointer came from there, and this is done once.
    pub(super) unsafe fn from_raw(raw: *mut RawSeries) -> Self {
        // SAFETY: pointers of `into_raw` are not null.
        Self(unsafe { NonNull::new_unchecked(raw.cast()) })
    }
}

/// The target of a pointer to a record; opaque outside of this module.
pub(super) enum RawSeries {}

/// The series was removed from its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Removed;

impl Clone for Series {
    fn clone(&self) -> Self {
        let references = self.record().references.fetch_add(1, Relaxed);
        // As in `Arc`: only a program with millions of forgotten references gets there, and the count would wrap in the
        // end.
        if references > u32::MAX / 2 {
            std::process::abort();
        }
        Self(self.0)
    }
}

impl Drop for Series {
    fn drop(&mut self) {
        // Release: all uses of the record come before it is freed.
        if self.record().references.fetch_sub(1, Release) != 1 {
            return;
        }
        let record = self.record();
        record.references.load(Acquire);
        thread::free_slot(self.slot(), record.run);
        thread::free_slot(self.extra(), extra_cells(record.run));
        let layout = SeriesRecord::layout(record.head, record.text);
        // SAFETY: this was the last reference, and `new` has allocated the record with this layout.
        unsafe {
            self.0.drop_in_place();
            dealloc(self.0.as_ptr().cast(), layout);
        }
    }
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SeriesRecord { slot_ref, run, .. } = self.record();
        f.debug_struct("Series").field("slot_ref", slot_ref).field("run", run).finish_non_exhaustive()
    }
}

/// A series in a table, for as long as the thread is pinned.
pub(crate) struct SeriesRef<'p> {
    series: ManuallyDrop<Series>,
    pinned: PhantomData<&'p ()>,
}

impl SeriesRef<'_> {
    /// Refers to the series behind a pointer of [`Series::into_raw`]; `None` when it is null.
    ///
    /// # Safety
    ///
    /// The series is not freed while `'p` lasts.
    #[inline]
    pub(super) unsafe fn new(raw: *mut RawSeries) -> Option<Self> {
        let series = NonNull::new(raw.cast())?;
        Some(Self { series: ManuallyDrop::new(Series(series)), pinned: PhantomData })
    }
}

impl Deref for SeriesRef<'_> {
    type Target = Series;

    #[inline]
    fn deref(&self) -> &Series {
        &self.series
    }
}
