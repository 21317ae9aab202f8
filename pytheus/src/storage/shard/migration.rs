//! Pages go from the heap to where a backend wants them, while threads count.
//!
//! Nobody is asked to wait, so for a moment a thread may go on to count in the page that it knows. A page that was moved
//! is therefore kept, as what is *left*: its one writer takes along what it has counted there when it first comes to the
//! new page, and until then a reader who wants to be exact [catches up](sync_pending). What is copied says nothing of what it
//! means, so this knows no more of series than the rest of the pages does.

#[cfg(not(loom))]
use std::sync::{RwLock, RwLockReadGuard};

use super::Shard;
use super::page::{CELLS, Page};
use crate::sync::shim::{
    Acquire, AtomicPtr, AtomicUsize, Mutex, MutexGuard, Relaxed, Release, SeqCst, fence, global, hint,
};
use crate::sync::{self, Guarded, lock};

/// Where pages come from, in place of the heap.
pub(crate) trait PageSource: Send + Sync {
    /// A page of zeros that stays; `None` when there is no room.
    fn page(&self, shard: u32, page: u32) -> Option<&'static Page>;
}

global! {
    /// Null while pages come from the heap.
    static SOURCE: AtomicPtr<&'static dyn PageSource> = AtomicPtr::new(std::ptr::null_mut());
}

global! {
    /// How often pages have moved.
    static MIGRATIONS: AtomicUsize = AtomicUsize::new(0);
}

global! {
    static PENDING: Mutex<Vec<PendingCopy>> = Mutex::new(Vec::new());
}

global! {
    /// How many there are in it.
    static PENDING_LEN: AtomicUsize = AtomicUsize::new(0);
}

global! {
    /// The pages that the source has given for what all threads write: it is asked for each once.
    static SHARED_PAGES: Mutex<Vec<(u32, &'static Page)>> = Mutex::new(Vec::new());
}

/// A page that was moved, and to which its writer may not have come yet.
struct PendingCopy {
    shard: &'static Shard,
    page: usize,
    from: &'static Page,
    to: &'static Page,
}

/// Held while pages stay where they are: by who makes some, and by who reads several as one.
#[cfg(not(loom))]
static MIGRATION: RwLock<()> = RwLock::new(());

#[cfg(not(loom))]
pub(crate) type MigrationLock = Guarded<RwLockReadGuard<'static, ()>>;
#[cfg(loom)]
pub(crate) struct MigrationLock;

/// Has pages stay where they are. Not to be held twice by a thread, nor while code of the user's runs.
pub(crate) fn block() -> MigrationLock {
    #[cfg(not(loom))]
    return sync::read(&MIGRATION);
    // Models that move pages do nothing that it keeps apart.
    #[cfg(loom)]
    MigrationLock
}

/// A new page from where they come from; `Err` when that is the heap, which is up to the caller.
pub(crate) fn new_page(shard: u32, page: usize) -> Result<Option<&'static Page>, FromHeap> {
    let source = SOURCE.load(Acquire);
    // SAFETY: null, or a box that `move_to` leaked.
    let source = unsafe { source.as_ref() }.ok_or(FromHeap)?;
    let Ok(page) = u32::try_from(page) else { return Ok(None) };
    if shard != 0 {
        // Its one writer asks.
        return Ok(source.page(shard, page));
    }
    // Several threads may ask at once.
    let mut known = lock(&SHARED_PAGES);
    if let Some((_, given)) = known.iter().find(|(number, _)| *number == page) {
        return Ok(Some(given));
    }
    let given = source.page(shard, page);
    known.extend(given.map(|given| (page, given)));
    Ok(given)
}

/// The page is to come from the heap.
pub(crate) struct FromHeap;

/// Has pages come from the heap again.
pub(crate) fn rollback() {
    SOURCE.store(std::ptr::null_mut(), Release);
}

/// Has pages come from the heap again, in a child process, and forgets what is left in pages of the parent.
#[allow(dead_code, reason = "after a fork, which not every system has")]
pub(crate) fn abandon() {
    SOURCE.store(std::ptr::null_mut(), Relaxed);
    PENDING_LEN.store(0, Relaxed);
}

/// The moves so far, for who is about to keep a way to a page: it is to ask [`has_migrated`] once it has done so.
pub(crate) fn migrations() -> usize {
    MIGRATIONS.load(Acquire)
}

/// Have pages moved since, so that a way that was kept may lead to where one was?
pub(crate) fn has_migrated(since: usize) -> bool {
    // Either this sees the move, or who moves sees the way and takes it away.
    fence(SeqCst);
    MIGRATIONS.load(Relaxed) != since
}

/// There was no room for all pages; none was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRoom;

/// Moves all pages of these shards to where this source has room for them, and has it give all that come later.
///
/// One at a time.
pub(crate) fn migrate<I: Iterator<Item = &'static Shard>>(
    source: Box<dyn PageSource>,
    shards: impl Fn() -> I,
) -> Result<(), NoRoom> {
    #[cfg(not(loom))]
    let _nobody_else = sync::write(&MIGRATION);
    // What is left of a move before, if there was one.
    sync_pending();
    let source: &'static dyn PageSource = Box::leak(source);
    let mut moved = Vec::new();
    for shard in shards() {
        for (page, from) in shard.own_pages() {
            let to = u32::try_from(page).ok().and_then(|page| source.page(shard.id(), page)).ok_or(NoRoom)?;
            copy(from, to);
            moved.push(PendingCopy { shard, page, from, to });
        }
    }
    // Before anyone finds a new page, so that its writer takes along what is left.
    let mut known = lock(&PENDING);
    // Those of a move before, in the parent of this process, are none of ours.
    *known = moved;
    PENDING_LEN.store(known.len(), Release);
    lock(&SHARED_PAGES).clear();
    SOURCE.store(Box::into_raw(Box::new(source)), Release);
    for left in &*known {
        left.shard.replace(left.page, left.to);
    }
    MIGRATIONS.fetch_add(1, Release);
    // See `has_migrated`.
    fence(SeqCst);
    shards().for_each(Shard::clear_cache);
    // What was counted until then.
    known.iter().for_each(|left| copy(left.from, left.to));
    Ok(())
}

/// Takes along what the one writer of this page, who is here, has counted where it was.
pub(crate) fn adopt_page(shard: &Shard, page: usize) {
    if PENDING_LEN.load(Acquire) == 0 {
        return;
    }
    let mut left = lock(&PENDING);
    if let Some(place) = left.iter().position(|left| left.page == page && std::ptr::eq(left.shard, shard)) {
        let PendingCopy { from, to, .. } = left.swap_remove(place);
        copy(from, to);
        PENDING_LEN.store(left.len(), Release);
    }
}

/// Copies what was counted in pages since they were moved.
pub(crate) fn sync_pending() {
    if PENDING_LEN.load(Acquire) != 0 {
        lock(&PENDING).iter().for_each(|left| copy(left.from, left.to));
    }
}

/// Has cells be zero also where they were before a move, lest that is copied.
pub(crate) fn clear_pending(first: (usize, usize), run: usize) {
    if PENDING_LEN.load(Acquire) == 0 {
        return;
    }
    let (page, cell) = first;
    let left: Guarded<MutexGuard<'_, Vec<PendingCopy>>> = lock(&PENDING);
    for left in left.iter().filter(|left| left.page == page) {
        (cell..cell + run).for_each(|place| left.from.cell(place).store(0, Relaxed));
    }
}

/// Copies a page of which someone else may be the writer.
fn copy(from: &Page, to: &Page) {
    let look = || -> Vec<u64> { from.cells().iter().map(|cell| cell.load(Acquire)).collect() };
    let mut seen = look();
    // What was seen twice was so at one moment in between: no count ever goes down. A writer comes to the new page soon.
    for _ in 0..1000 {
        let again = look();
        if again == seen {
            break;
        }
        seen = again;
        hint::spin_loop();
    }
    // In this order: a sum stands before the counts that make it hold.
    for (place, seen) in seen.iter().enumerate().take(CELLS) {
        if to.cell(place).load(Relaxed) != *seen {
            to.cell(place).store(*seen, Release);
        }
    }
}
