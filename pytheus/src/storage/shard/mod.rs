//! Shards: cells with a single writer, so that counting is a load and a store.
//!
//! A shard outlives its thread, and another one goes on counting in it. `page` has its cells, `slot_allocator` gives a
//! series the same cells in all shards, `thread` finds the shard of the current thread, and `migration` moves the pages
//! of all shards to the arena of a backend.

pub(super) mod migration;
pub(super) mod page;
mod slot_allocator;
pub(super) mod thread;

use crate::sync::barrier;
use crate::sync::epoch::Pin;
use crate::sync::shim::{
    AcqRel, Acquire, AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Relaxed, Release, constant, global,
};
use page::{Cells, PageCache, PageTable, Slot};

/// The cells of one thread, and the epoch of its pin.
///
/// Aligned as a [`Page`](page::Page) is.
#[repr(align(128))]
pub(crate) struct Shard {
    /// From 1 on, in the order of creation; 0 is the shard of all threads.
    id: u32,
    cache: PageCache,
    pages: PageTable,
    pin: Pin,
    is_owned: AtomicBool,
    /// Its thread was lost in a fork, perhaps in the middle of an observation.
    is_abandoned: AtomicBool,
    /// The shard created before this one.
    next: AtomicPtr<Self>,
}

impl Shard {
    constant! {
        fn new(id: u32) -> Self {
            Self {
                id,
                cache: PageCache::new(),
                pages: PageTable::new(),
                pin: Pin::new(),
                is_owned: AtomicBool::new(true),
                is_abandoned: AtomicBool::new(false),
                next: AtomicPtr::new(std::ptr::null_mut()),
            }
        }
    }

    /// Returns the cells of a slot, for the owner; `None` if their page does not exist yet or the slot has none.
    #[inline]
    fn own_cells(&self, slot: Slot) -> Option<Cells> {
        match self.cache.cells(slot) {
            Some(cells) => Some(cells),
            None => self.cells_slow(slot),
        }
    }

    #[cold]
    #[inline(never)]
    fn cells_slow(&self, slot: Slot) -> Option<Cells> {
        loop {
            let before = migration::count();
            let cells = self.cells(slot)?;
            migration::adopt_page(self, slot.page());
            self.cache.insert(cells);
            if !migration::has_happened_since(before) {
                return Some(cells);
            }
            self.cache.clear();
        }
    }

    /// Returns the cells of a slot, for any thread.
    #[inline]
    pub(super) fn cells(&self, slot: Slot) -> Option<Cells> {
        self.pages.cells(slot)
    }

    /// Returns whether it has a page from that of the first slot to that of the last.
    pub(super) fn has_any(&self, first: Slot, last: Slot) -> bool {
        self.pages.has_any(first, last)
    }

    /// Returns the cells of a slot, for the owner, and makes their page if there is none; `None` when there is no room.
    fn cells_or_make(&self, slot: Slot) -> Option<Cells> {
        loop {
            let before = migration::count();
            let cells = self.pages.cells_or_make(slot, self.id)?;
            migration::adopt_page(self, slot.page());
            if !migration::has_happened_since(before) {
                return Some(cells);
            }
        }
    }

    /// Gives it up, with all its counts.
    fn release(&self) {
        // Release: the next owner goes on from these counts.
        self.is_owned.store(false, Release);
    }

    /// Takes it away from a thread of the parent. Writes only where it has to, as each write copies a
    /// page of memory shared by parent and child.
    fn abandon(&self) {
        self.pin.unpin_after_fork();
        if self.is_owned.load(Relaxed) {
            self.is_abandoned.store(true, Relaxed);
            self.is_owned.store(false, Relaxed);
        }
    }

    fn try_acquire(&self) -> bool {
        !self.is_owned.load(Relaxed) && self.is_owned.compare_exchange(false, true, Acquire, Relaxed).is_ok()
    }
}

global! {
    static NEXT_ID: AtomicU32 = AtomicU32::new(1);
}

/// A lock-free list of shards; it only grows. A fork in the middle of a change leaves no lock taken.
struct Shards {
    last: AtomicPtr<Shard>,
    len: AtomicUsize,
}

impl Shards {
    constant! {
        fn new() -> Self {
            Self { last: AtomicPtr::new(std::ptr::null_mut()), len: AtomicUsize::new(0) }
        }
    }

    /// Acquires a shard without an owner, or makes one; `None` if there are `max` already.
    fn acquire(&self, max: usize) -> Option<&'static Shard> {
        if let Some(free) = self.iter().find(|shard| shard.try_acquire()) {
            return Some(free);
        }
        let counted = self.len.fetch_update(Relaxed, Relaxed, |len| (len < max).then_some(len + 1));
        counted.is_ok().then(|| self.add())
    }

    fn add(&self) -> &'static Shard {
        barrier::init();
        let shard: &'static Shard = Box::leak(Box::new(Shard::new(NEXT_ID.fetch_add(1, Relaxed))));
        let new = std::ptr::from_ref(shard).cast_mut();
        let mut last = self.last.load(Relaxed);
        loop {
            shard.next.store(last, Relaxed);
            // Release: other threads find the shard initialised.
            match self.last.compare_exchange_weak(last, new, AcqRel, Relaxed) {
                Ok(_) => return shard,
                Err(now) => last = now,
            }
        }
    }

    /// Abandons all shards but `own`, that of the child's one thread.
    fn abandon_others(&self, own: &Shard) {
        self.iter().filter(|shard| !std::ptr::eq(*shard, own)).for_each(Shard::abandon);
        // A shard about to be added by another thread is counted, but not in the list.
        self.len.store(self.iter().count(), Relaxed);
    }

    /// Returns all shards, the newest first.
    fn iter(&self) -> impl Iterator<Item = &'static Shard> + use<> {
        // SAFETY: null, or a shard leaked by `add`.
        let shard = |entry: &AtomicPtr<Shard>| unsafe { entry.load(Acquire).as_ref() };
        std::iter::successors(shard(&self.last), move |last| shard(&last.next))
    }
}
