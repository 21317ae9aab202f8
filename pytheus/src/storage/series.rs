//! One series: its labels, and where its cells are.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;

use super::cell_layout as cells;
use super::shard::page::{Cells, Room, Slot};
use super::shard::thread;
use crate::sync::shim::{AcqRel, Acquire, AtomicU32, LoomTracked, Relaxed, Release, constant};

/// Which cells of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CellSet {
    /// The thread's own.
    Own,
    /// One cell more of the thread's own, for what few series need.
    Extra,
    /// Those that all threads write.
    Shared,
}

/// Where the cells of a series are. What counts holds one, or a copy of one.
#[derive(Debug)]
pub(crate) struct SlotRef {
    slot: AtomicU32,
    /// Of one cell more, for what few series need: fractions.
    extra: AtomicU32,
}

impl SlotRef {
    constant! {
        /// No cells yet.
        pub(crate) fn unbound() -> Self {
            Self { slot: AtomicU32::new(Slot::NONE.0), extra: AtomicU32::new(Slot::NONE.0) }
        }
    }

    /// The cells of this part; `None` when they do not exist yet in this thread, or not at all.
    #[inline]
    pub(crate) fn cells(&self, set: CellSet) -> Option<Cells> {
        match set {
            CellSet::Own => thread::own_cells(self.slot()),
            CellSet::Extra => thread::own_cells(self.extra()),
            CellSet::Shared => thread::shared_cells(self.slot()),
        }
    }

    /// Acts on the extra cells of this thread's own, which are made when they do not exist yet; not when it leads to
    /// none.
    #[inline]
    pub(crate) fn with_extra_cells(&self, act: impl Fn(Cells)) {
        // Looked at once: it may be led elsewhere meanwhile, and there are no cells where it leads nowhere.
        let slot = self.extra();
        match thread::own_cells(slot) {
            Some(cells) => act(cells),
            None if slot.is_live() => {
                // Should there be no room, there was none for the beginning.
                let _ = thread::with_cells(slot, &mut |cells| act(cells));
            }
            None => {}
        }
    }

    #[inline]
    pub(crate) fn slot(&self) -> Slot {
        // Acquire: the cells of a slot that is used again are zero.
        Slot(self.slot.load(Acquire))
    }

    #[inline]
    pub(crate) fn extra(&self) -> Slot {
        Slot(self.extra.load(Acquire))
    }

    /// Leads where another place does.
    pub(crate) fn point_to(&self, other: &Self) {
        self.extra.store(other.extra().0, Release);
        self.slot.store(other.slot().0, Release);
    }

    /// Was it ever led anywhere?
    pub(crate) fn is_bound(&self) -> bool {
        self.slot() != Slot::NONE
    }

    /// Is the series to be looked up by its labels?
    pub(crate) fn is_invalidated(&self) -> bool {
        self.slot() == Slot::INVALID
    }

    /// Leads to no cell from now on.
    pub(crate) fn invalidate(&self) {
        self.slot.store(Slot::INVALID.0, Release);
        self.extra.store(Slot::INVALID.0, Release);
    }
}

/// One series of a family: its key and its place. A counted reference; what it refers to never moves.
pub(crate) struct Series(NonNull<Record>);

/// The head of the key follows, and its text.
#[repr(C)]
struct Record {
    tracked: LoomTracked,
    references: AtomicU32,
    place: SlotRef,
    text: u32,
    head: u16,
    /// The cells from the slot on.
    run: u16,
}

// SAFETY: what changes in a record is atomic; the key is written before anyone else has the pointer, and the last
// reference alone frees it.
unsafe impl Send for Series {}
// SAFETY: as above.
unsafe impl Sync for Series {}

impl Record {
    /// Of a record with a key of so many bytes, which follows at once.
    fn layout(head: u16, text: u32) -> Layout {
        let bytes = size_of::<Self>() + usize::from(head) + text as usize;
        let Ok(layout) = Layout::from_size_align(bytes, align_of::<Self>()) else { unreachable!("a record and 4 GiB") };
        layout
    }
}

impl Series {
    /// A series with the cells of this slot, so many, at zero; with none at all when it leads to none.
    ///
    /// Who makes it sees to it that the text is no longer than 4 GiB, and the head than 64 KiB.
    pub(crate) fn new(head: &[u8], text: &str, run: u16, slot: Slot) -> Self {
        let (Ok(head_len), Ok(text_len)) = (u16::try_from(head.len()), u32::try_from(text.len())) else {
            unreachable!("there are at most 1,000 labels, and none is so long")
        };
        let place = SlotRef::unbound();
        place.slot.store(slot.0, Relaxed);
        let layout = Record::layout(head_len, text_len);
        // SAFETY: the layout is that of a record and more, so it is not of size zero.
        let memory = unsafe { alloc(layout) };
        #[allow(clippy::cast_ptr_alignment, reason = "that of the layout")]
        let Some(record) = NonNull::new(memory.cast::<Record>()) else { handle_alloc_error(layout) };
        let references = AtomicU32::new(1);
        let new = Record { tracked: LoomTracked::new(), references, place, text: text_len, head: head_len, run };
        // SAFETY: allocated for just this, and nobody else has seen it.
        unsafe {
            record.write(new);
            let key = memory.add(size_of::<Record>());
            key.copy_from_nonoverlapping(head.as_ptr(), head.len());
            key.add(head.len()).copy_from_nonoverlapping(text.as_ptr(), text.len());
        }
        Self(record)
    }

    fn record(&self) -> &Record {
        // SAFETY: the reference that `self` counts for keeps it.
        let record = unsafe { self.0.as_ref() };
        record.tracked.touch();
        record
    }

    /// The key that it was made with: head and text.
    #[inline]
    pub(crate) fn key(&self) -> (&[u8], &str) {
        let &Record { head, text, .. } = self.record();
        // SAFETY: `new` has written so many bytes there, which never change, the last of them from a `str`. The pointer
        // is that to the whole.
        unsafe {
            let head_at = self.0.as_ptr().cast::<u8>().add(size_of::<Record>());
            let text_at = head_at.add(usize::from(head));
            let text = std::slice::from_raw_parts(text_at, text as usize);
            (std::slice::from_raw_parts(head_at, usize::from(head)), std::str::from_utf8_unchecked(text))
        }
    }

    /// Is this a reference to the same?
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    /// The same for all references to it, and for no other series while there are some.
    pub(crate) fn address(&self) -> usize {
        self.0.addr().get()
    }

    /// Where its cells are.
    #[inline]
    pub(crate) fn slot_ref(&self) -> &SlotRef {
        &self.record().place
    }

    /// Its slot, also once it was removed: no other series has it while this one lasts.
    pub(crate) fn slot(&self) -> Slot {
        self.slot_ref().slot().original()
    }

    /// That of its extra cell, also once it was removed.
    pub(crate) fn extra(&self) -> Slot {
        self.slot_ref().extra().original()
    }

    /// Was it removed from its family?
    #[inline]
    pub(crate) fn is_removed(&self) -> bool {
        self.slot_ref().slot().is_removed()
    }

    /// Leads to no cell from now on.
    pub(super) fn remove(&self) {
        let place = self.slot_ref();
        let slot = place.slot();
        place.slot.store(slot.removed().0, Release);
        // Its extra cell may be made at the same time.
        place.extra.fetch_or(Slot::NONE.removed().0, AcqRel);
    }

    /// Acts on the cells of this part, which are made when they do not exist yet.
    ///
    /// # Errors
    ///
    /// When it was removed.
    #[cold]
    pub(crate) fn update(&self, set: CellSet, act: &mut dyn FnMut(Cells)) -> Result<Room, Removed> {
        let place = self.slot_ref();
        let slot = match set {
            CellSet::Own | CellSet::Shared => place.slot(),
            CellSet::Extra => self.extra_or_make(),
        };
        if slot.is_removed() {
            return Err(Removed);
        }
        if !slot.is_live() {
            return Ok(Room::None);
        }
        Ok(match set {
            CellSet::Own | CellSet::Extra => thread::with_cells(slot, act),
            CellSet::Shared => match thread::shared_cells_or_make(slot) {
                Some(cells) => {
                    act(cells);
                    Room::Found
                }
                None => Room::None,
            },
        })
    }

    /// The slot of its extra cells, which it is given if it has none.
    pub(crate) fn extra_or_make(&self) -> Slot {
        let place = self.slot_ref();
        let slot = place.extra();
        if slot != Slot::NONE {
            return slot;
        }
        let run = cells::extra_cells(self.record().run);
        let new = thread::allocate_slot(run);
        match place.extra.compare_exchange(Slot::NONE.0, new.0, AcqRel, Acquire) {
            Ok(_) => new,
            Err(winner) => {
                thread::free_slot(new, run);
                Slot(winner)
            }
        }
    }

    /// Leads to this slot, if it never led anywhere.
    pub(crate) fn bind(&self, slot: Slot) {
        let _ = self.slot_ref().slot.compare_exchange(Slot::NONE.0, slot.0, AcqRel, Relaxed);
    }

    /// Leads to a new slot, or to one of cells that all processes write; what all threads have written so far goes
    /// there, and who writes at this moment does so again. False when there is no room, and it leads where it did.
    ///
    /// One thread at a time does this, and removes none meanwhile.
    pub(crate) fn relocate_to(&self, to: Option<Slot>) -> bool {
        let Record { place, run, .. } = self.record();
        let (old, new) = (place.slot(), to.unwrap_or_else(|| thread::allocate_slot(*run)));
        if old == new {
            return true;
        }
        let make = |slot: Slot| slot.is_live().then(|| thread::shared_cells_or_make(slot)).flatten();
        let (Some(from), Some(to)) = (make(old), make(new)) else { return false };
        from.relocate_to(to, usize::from(*run) == cells::GAUGE_CELLS);
        place.slot.store(new.0, Release);
        true
    }

    /// As a pointer that counts as a reference.
    pub(super) fn into_raw(self) -> *mut Raw {
        ManuallyDrop::new(self).0.as_ptr().cast()
    }

    /// The reference that a pointer of [`into_raw`](Self::into_raw) counts for.
    ///
    /// # Safety
    ///
    /// The pointer came from there, and this is done once.
    pub(super) unsafe fn from_raw(raw: *mut Raw) -> Self {
        // SAFETY: what came from `into_raw` is not null.
        Self(unsafe { NonNull::new_unchecked(raw.cast()) })
    }
}

/// Stands for a record in a pointer.
pub(super) enum Raw {}

/// The series was removed from its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Removed;

impl Clone for Series {
    fn clone(&self) -> Self {
        let references = self.record().references.fetch_add(1, Relaxed);
        // As `Arc`: so many can only be had by forgetting them, and one more would wrap at last.
        if references > u32::MAX / 2 {
            std::process::abort();
        }
        Self(self.0)
    }
}

impl Drop for Series {
    fn drop(&mut self) {
        // Release: all that was done with the record was done before it is dropped.
        if self.record().references.fetch_sub(1, Release) != 1 {
            return;
        }
        let record = self.record();
        record.references.load(Acquire);
        let (place, run) = (&record.place, record.run);
        thread::free_slot(place.slot().original(), run);
        thread::free_slot(place.extra().original(), cells::extra_cells(run));
        let layout = Record::layout(record.head, record.text);
        // SAFETY: this was the last reference, and it was allocated with this layout in `new`.
        unsafe {
            self.0.drop_in_place();
            dealloc(self.0.as_ptr().cast(), layout);
        }
    }
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Series")
            .field("place", self.slot_ref())
            .field("run", &self.record().run)
            .finish_non_exhaustive()
    }
}

/// A series that a table holds, for as long as the thread is pinned.
pub(crate) struct SeriesRef<'p> {
    series: ManuallyDrop<Series>,
    pinned: PhantomData<&'p ()>,
}

impl SeriesRef<'_> {
    /// The series behind a pointer of [`Series::into_raw`]; `None` when it is null.
    ///
    /// # Safety
    ///
    /// The series is not dropped while `'p` lasts.
    #[inline]
    pub(super) unsafe fn new(raw: *mut Raw) -> Option<Self> {
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
