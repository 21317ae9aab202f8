//! Migrates pages from the heap to the arena of a backend, while threads count.
//!
//! No thread is stopped, so a thread may go on counting for a moment in its cached page. The copy of each migrated
//! page therefore stays *pending* until the one writer of the page adopts the new one, and brings along its last
//! counts; a reader in need of exact counts copies all pending pages [once more](sync_pending). Copying needs no
//! knowledge of the meaning of cells.

#[cfg(not(loom))]
use std::sync::{RwLock, RwLockReadGuard};

use super::Shard;
use super::page::Page;
use crate::sync::shim::{Acquire, AtomicPtr, AtomicUsize, Mutex, Relaxed, Release, SeqCst, fence, global, hint};
use crate::sync::{self, lock};

/// Where pages come from in place of the heap.
pub(crate) trait PageSource: Send + Sync {
    /// Returns a leaked page of zeros; `None` when there is no room.
    fn page(&self, shard: u32, page: u32) -> Option<&'static Page>;
}

global! {
    /// Null while pages come from the heap.
    static SOURCE: AtomicPtr<&'static dyn PageSource> = AtomicPtr::new(std::ptr::null_mut());
}

global! {
    static MIGRATIONS: AtomicUsize = AtomicUsize::new(0);
}

global! {
    static PENDING: Mutex<Vec<PendingCopy>> = Mutex::new(Vec::new());
}

global! {
    /// The length of [`PENDING`], to be read without its lock.
    static PENDING_LEN: AtomicUsize = AtomicUsize::new(0);
}

global! {
    /// The source's pages for the shard of all threads. The source is asked once for each.
    static SHARED_PAGES: Mutex<Vec<(u32, &'static Page)>> = Mutex::new(Vec::new());
}

/// A migrated page, not yet adopted by its writer.
struct PendingCopy {
    shard: &'static Shard,
    page: usize,
    from: &'static Page,
    to: &'static Page,
}

impl PendingCopy {
    fn copy(&self) {
        copy(self.from, self.to);
    }
}

/// Read-locked for making pages, and for reading several pages at once; write-locked by a migration.
#[cfg(not(loom))]
static MIGRATION: RwLock<()> = RwLock::new(());

#[cfg(not(loom))]
pub(crate) type MigrationLock = sync::Guarded<RwLockReadGuard<'static, ()>>;
#[cfg(loom)]
pub(crate) struct MigrationLock;

/// Keeps pages from migrating. Not to be nested, nor held while code of the user's runs.
pub(crate) fn block() -> MigrationLock {
    #[cfg(not(loom))]
    return sync::read(&MIGRATION);
    // Models of migration make no pages meanwhile.
    #[cfg(loom)]
    MigrationLock
}

/// Returns a new page of the source; `Err` when the caller is to take it from the heap.
pub(super) fn new_page(shard: u32, page: usize) -> Result<Option<&'static Page>, FromHeap> {
    let source = SOURCE.load(Acquire);
    // SAFETY: null, or a box leaked by `migrate`.
    let source = unsafe { source.as_ref() }.ok_or(FromHeap)?;
    let Ok(page) = u32::try_from(page) else { return Ok(None) };
    if shard != 0 {
        // Its one writer asks.
        return Ok(source.page(shard, page));
    }
    let mut known = lock(&SHARED_PAGES);
    if let Some((_, given)) = known.iter().find(|(number, _)| *number == page) {
        return Ok(Some(given));
    }
    let given = source.page(shard, page);
    known.extend(given.map(|given| (page, given)));
    Ok(given)
}

/// Pages come from the heap.
pub(super) struct FromHeap;

/// Takes pages from the heap again.
pub(super) fn rollback() {
    SOURCE.store(std::ptr::null_mut(), Release);
}

/// Takes pages from the heap again, in a child, and forgets the pending copies of its parent.
pub(super) fn abandon() {
    SOURCE.store(std::ptr::null_mut(), Relaxed);
    PENDING_LEN.store(0, Relaxed);
}

/// Returns the number of migrations, before a thread caches a page; [`has_happened_since`] comes after.
pub(super) fn count() -> usize {
    MIGRATIONS.load(Acquire)
}

/// Returns whether pages have migrated since, and a cached page may be out of date.
pub(super) fn has_happened_since(before: usize) -> bool {
    // Either this thread sees the migration, or the migration sees the cached page, and clears it.
    fence(SeqCst);
    MIGRATIONS.load(Relaxed) != before
}

/// There was no room for all pages, so none has migrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRoom;

/// Migrates all pages of these shards to a source, also the source of all later pages.
///
/// For one thread at a time.
pub(super) fn migrate<I: Iterator<Item = &'static Shard>>(
    source: Box<dyn PageSource>,
    shards: impl Fn() -> I,
) -> Result<(), NoRoom> {
    #[cfg(not(loom))]
    let _exclusive = sync::write(&MIGRATION);
    // Copies of an earlier migration may be pending.
    sync_pending();
    let source: &'static dyn PageSource = Box::leak(source);
    let mut copies = Vec::new();
    for shard in shards() {
        for (page, from) in shard.pages.own_pages() {
            let to = u32::try_from(page).ok().and_then(|page| source.page(shard.id, page)).ok_or(NoRoom)?;
            copies.push(PendingCopy { shard, page, from, to });
        }
    }
    copies.iter().for_each(PendingCopy::copy);
    // Before the new pages are published, so that their writers find the pending copies. Copies of a
    // migration in the parent of this process are dropped.
    let mut pending = lock(&PENDING);
    *pending = copies;
    PENDING_LEN.store(pending.len(), Release);
    lock(&SHARED_PAGES).clear();
    SOURCE.store(Box::into_raw(Box::new(source)), Release);
    for copy in &*pending {
        copy.shard.pages.replace(copy.page, copy.to);
    }
    MIGRATIONS.fetch_add(1, Release);
    // Pairs with `has_happened_since`.
    fence(SeqCst);
    shards().for_each(|shard| shard.cache.clear());
    // The counts made meanwhile.
    pending.iter().for_each(PendingCopy::copy);
    Ok(())
}

/// Brings along the counts of the caller, the one writer of this page, from the old page.
pub(super) fn adopt_page(shard: &Shard, page: usize) {
    if PENDING_LEN.load(Acquire) == 0 {
        return;
    }
    let mut pending = lock(&PENDING);
    if let Some(index) = pending.iter().position(|copy| copy.page == page && std::ptr::eq(copy.shard, shard)) {
        pending.swap_remove(index).copy();
        PENDING_LEN.store(pending.len(), Release);
    }
}

/// Copies the counts made in old pages since the migration.
pub(crate) fn sync_pending() {
    if PENDING_LEN.load(Acquire) != 0 {
        lock(&PENDING).iter().for_each(PendingCopy::copy);
    }
}

/// Zeroes cells in pages whose copy is pending, lest the old counts are copied.
pub(super) fn clear_pending(page: usize, cells: std::ops::Range<usize>) {
    if PENDING_LEN.load(Acquire) != 0 {
        for copy in lock(&PENDING).iter().filter(|copy| copy.page == page) {
            cells.clone().for_each(|cell| copy.from.cell(cell).store(0, Relaxed));
        }
    }
}

/// Copies a page, perhaps of another writer.
fn copy(from: &Page, to: &Page) {
    let read = || -> Vec<u64> { from.cells().iter().map(|cell| cell.load(Acquire)).collect() };
    let mut seen = read();
    // Two identical reads form a consistent snapshot, as counts never decrease. The limit of tries does not matter: a
    // busy writer soon adopts the new page.
    for _ in 0..1000 {
        let again = read();
        if again == seen {
            break;
        }
        seen = again;
        hint::spin_loop();
    }
    // In this order: a sum is written before the bucket counts behind it.
    for (index, seen) in seen.iter().enumerate() {
        if to.cell(index).load(Relaxed) != *seen {
            to.cell(index).store(*seen, Release);
        }
    }
}
