//! Shards: the cells that one thread alone writes, handed on when it ends.

pub(super) mod migration;
pub(super) mod page;
mod slot_allocator;
pub(super) mod thread;

use crate::sync::barrier;
use crate::sync::epoch::Pin;
use crate::sync::shim::{
    AcqRel, Acquire, AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Relaxed, Release, constant, global,
};
use page::{Cells, Page, PageCache, PageTable, Slot};

/// The cells that one thread alone writes, and what it is looking at.
///
/// On lines of its own: no two threads write to one.
#[repr(align(128))]
pub(crate) struct Shard {
    /// Its number, from 1 on in the order in which they are made; 0 is the one that all threads write.
    id: u32,
    cache: PageCache,
    pages: PageTable,
    pub(super) pin: Pin,
    /// True while a thread has it.
    owned: AtomicBool,
    /// True when a thread that had it was cut off by a fork, and may have left an observation half done.
    is_abandoned: AtomicBool,
    /// The one that was made before it.
    next: AtomicPtr<Self>,
}

impl Shard {
    constant! {
        pub(crate) fn new(id: u32) -> Self {
            Self {
                id,
                cache: PageCache::new(),
                pages: PageTable::new(),
                pin: Pin::new(),
                owned: AtomicBool::new(true),
                is_abandoned: AtomicBool::new(false),
                next: AtomicPtr::new(std::ptr::null_mut()),
            }
        }
    }

    /// The cells of a slot, for the thread that has the shard; `None` when they do not exist yet, and for slots that
    /// lead nowhere.
    #[inline]
    pub(crate) fn own_cells(&self, slot: Slot) -> Option<Cells> {
        match self.cache.cells(slot) {
            Some(cells) => Some(cells),
            None => self.cells_slow(slot),
        }
    }

    #[cold]
    #[inline(never)]
    fn cells_slow(&self, slot: Slot) -> Option<Cells> {
        loop {
            let moves = migration::migrations();
            let cells = self.cells(slot)?;
            migration::adopt_page(self, slot.page());
            self.cache.insert(cells);
            if !migration::has_migrated(moves) {
                return Some(cells);
            }
            self.cache.clear();
        }
    }

    /// The cells of a slot, for any thread.
    #[inline]
    pub(crate) fn cells(&self, slot: Slot) -> Option<Cells> {
        self.pages.cells(slot)
    }

    /// Has it a page from that of the first slot to that of the last?
    pub(crate) fn has_any(&self, slots: (Slot, Slot)) -> bool {
        self.pages.any(slots)
    }

    /// The cells of a slot, at zero if nobody has touched them; `None` when there is no room. For who has the shard.
    pub(crate) fn cells_or_make(&self, slot: Slot) -> Option<Cells> {
        loop {
            let moves = migration::migrations();
            let cells = self.pages.cells_or_make(slot, self.id)?;
            migration::adopt_page(self, slot.page());
            if !migration::has_migrated(moves) {
                return Some(cells);
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// The pages that it has.
    pub(crate) fn own_pages(&self) -> Vec<(usize, &'static Page)> {
        self.pages.all()
    }

    /// Puts a page in the place of another.
    pub(crate) fn replace(&self, page: usize, by: &'static Page) {
        self.pages.replace(page, by);
    }

    /// Leads all updates of its thread through the pages that it has now.
    pub(crate) fn clear_cache(&self) {
        self.cache.clear();
    }

    /// Has it no page any more, in a child process to which they do not belong; but for those of all processes.
    #[allow(dead_code, reason = "after a fork, which not every system has")]
    pub(crate) fn clear_pages(&self) {
        self.cache.clear();
        self.pages.clear();
    }

    /// Hands it on, with all that was counted in it.
    pub(crate) fn release(&self) {
        // Release: the next owner goes on from the cells as they are.
        self.owned.store(false, Release);
    }

    /// Frees it from a thread that is no more. Writes only where it has to: memory that is not written to stays one
    /// with that of the parent.
    fn abandon(&self) {
        self.pin.unpin_after_fork();
        if self.owned.load(Relaxed) {
            self.is_abandoned.store(true, Relaxed);
            self.owned.store(false, Relaxed);
        }
    }

    /// Does what is to be done when the thread before was cut off.
    pub(crate) fn repair_if_abandoned(&self, repair: impl FnOnce(&Self)) {
        if self.is_abandoned.load(Relaxed) {
            repair(self);
            self.is_abandoned.store(false, Relaxed);
        }
    }

    /// Takes it, unless a thread has it.
    fn take(&self) -> bool {
        !self.owned.load(Relaxed) && self.owned.compare_exchange(false, true, Acquire, Relaxed).is_ok()
    }
}

global! {
    /// The id of the next shard.
    static IDS: AtomicU32 = AtomicU32::new(1);
}

/// Shards, in a list that only grows. Nobody waits for anybody, so that a fork in the middle leaves no lock behind.
pub(crate) struct Shards {
    last: AtomicPtr<Shard>,
    len: AtomicUsize,
}

impl Shards {
    constant! {
        pub(crate) fn new() -> Self {
            Self { last: AtomicPtr::new(std::ptr::null_mut()), len: AtomicUsize::new(0) }
        }
    }

    /// One that no other thread has; `None` when there are `most` already.
    pub(crate) fn take(&self, most: usize) -> Option<&'static Shard> {
        if let Some(free) = self.iter().find(|shard| shard.take()) {
            return Some(free);
        }
        let counted = self.len.fetch_update(Relaxed, Relaxed, |len| (len < most).then_some(len + 1));
        counted.is_ok().then(|| self.add())
    }

    fn add(&self) -> &'static Shard {
        barrier::init();
        let shard: &'static Shard = Box::leak(Box::new(Shard::new(IDS.fetch_add(1, Relaxed))));
        let place = std::ptr::from_ref(shard).cast_mut();
        let mut last = self.last.load(Relaxed);
        loop {
            shard.next.store(last, Relaxed);
            // Release: who finds the shard finds it made.
            match self.last.compare_exchange_weak(last, place, AcqRel, Relaxed) {
                Ok(_) => return shard,
                Err(now) => last = now,
            }
        }
    }

    /// Frees all from threads that are no more: all but the one thread there is, which has `own`.
    #[allow(dead_code, reason = "after a fork, which not every system has")]
    pub(crate) fn abandon_others(&self, own: &Shard) {
        let others = self.iter().filter(|shard| !std::ptr::eq(*shard, own));
        others.for_each(Shard::abandon);
        // One that a thread was about to add is not there.
        self.len.store(self.iter().count(), Relaxed);
    }

    /// All there are, the newest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'static Shard> + use<> {
        // SAFETY: null, or a shard that `add` leaked.
        let shard = |place: &AtomicPtr<Shard>| unsafe { place.load(Acquire).as_ref() };
        std::iter::successors(shard(&self.last), move |last| shard(&last.next))
    }
}
