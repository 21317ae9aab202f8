//! Finds the shard of the current thread.
//!
//! A thread leases a shard when it first counts, and gives it up when it ends. A thread without a shard, since it is
//! ending or there are too many, takes one from a pool for each update. A shard therefore has one writer at any time.

use std::cell::Cell;

use super::migration::{self, NoRoom, PageSource};
use super::page::{Cells, Room, Slot};
use super::slot_allocator::SlotAllocator;
use super::{Shard, Shards};
use crate::sync::epoch::{Epoch, Pinned, Retired};
use crate::sync::run_in_child;
use crate::sync::shim::{Acquire, AtomicBool, AtomicUsize, Relaxed, Release, constant, global, per_thread};

global! {
    /// The shards of running threads.
    static LEASED: Shards = Shards::new();
}

global! {
    /// The shards for single updates.
    static POOL: Shards = Shards::new();
}

global! {
    /// The cells shared by all threads.
    static SHARED: Shard = Shard::new(0);
}

global! {
    /// Stands for no shard: never has cells.
    static NONE: Shard = Shard::new(u32::MAX);
}

global! {
    static SLOTS: SlotAllocator = SlotAllocator::new();
}

global! {
    static EPOCH: Epoch = Epoch::new();
}

global! {
    static MAX_SHARDS: AtomicUsize = AtomicUsize::new(1024);
}

global! {
    /// How often slots were freed, from 1.
    static FREED_SLOTS: AtomicUsize = AtomicUsize::new(1);
}

global! {
    static RESET_IN_CHILDREN: AtomicBool = AtomicBool::new(false);
}

global! {
    /// Set in a child after its counts were reset, until its recovery is done.
    static FORK_PENDING: AtomicBool = AtomicBool::new(false);
}

global! {
    static FORK_GENERATION: AtomicUsize = AtomicUsize::new(0);
}

per_thread! {
    /// Without a destructor, to be read during the whole life of a thread. A pointer, since Rust 1.89 has no
    /// constant reference to a static with interior mutability. [`set_current`] alone sets it.
    static CURRENT: Cell<*const Shard> = { Cell::new(none()) };
}

per_thread! {
    static LEASE: ShardLease = { ShardLease { shard: Cell::new(None), updates: Cell::new(0) } };
}

constant! {
    fn none() -> &'static Shard {
        &NONE
    }
}

constant! {
    fn shared() -> &'static Shard {
        &SHARED
    }
}

#[inline]
fn current() -> &'static Shard {
    let shard = CURRENT.with(Cell::get);
    // SAFETY: `none()`, or the argument of `set_current`: shards are never freed.
    unsafe { &*shard }
}

fn set_current(shard: &'static Shard) {
    CURRENT.with(|current| current.set(shard));
}

/// A thread's hold on its shard.
struct ShardLease {
    shard: Cell<Option<&'static Shard>>,
    /// Updates in shards of the pool.
    updates: Cell<u32>,
}

impl ShardLease {
    /// Leases a shard for the rest of the thread's life, if there is one.
    fn begin(&self) -> Option<&'static Shard> {
        // Tried again now and then, as other threads end.
        let updates = self.updates.replace(self.updates.get().wrapping_add(1));
        if !updates.is_multiple_of(1024) {
            return None;
        }
        let shard = acquire_from(&LEASED, MAX_SHARDS.load(Relaxed))?;
        self.shard.set(Some(shard));
        set_current(shard);
        Some(shard)
    }

    fn end(&self) {
        if let Some(shard) = self.shard.take() {
            // Later destructors count in the pool.
            set_current(none());
            shard.release();
        }
    }
}

impl Drop for ShardLease {
    fn drop(&mut self) {
        self.end();
    }
}

/// Gives up the shard of an ending thread. Loom runs destructors of thread-locals too late.
#[cfg(loom)]
pub(crate) fn end_thread() {
    LEASE.with(ShardLease::end);
}

/// Sets how many threads may have a shard of their own.
pub(crate) fn set_max_shards(max: usize) {
    MAX_SHARDS.store(max, Relaxed);
}

/// Returns this thread's cells of a slot; `None` if their page does not exist yet or the slot has none.
#[inline]
pub(crate) fn own_cells(slot: Slot) -> Option<Cells> {
    current().own_cells(slot)
}

/// Returns the shared cells of a slot; `None` as above.
#[inline]
pub(crate) fn shared_cells(slot: Slot) -> Option<Cells> {
    shared().cells(slot)
}

/// Returns the shared cells of a slot, and makes their page if there is none; `None` when there is no room.
pub(crate) fn shared_cells_or_make(slot: Slot) -> Option<Cells> {
    shared().cells_or_make(slot)
}

/// Calls `act` with cells of a slot, without another writer meanwhile.
#[cold]
pub(crate) fn with_cells(slot: Slot, act: &mut dyn FnMut(Cells)) -> Room {
    with_shard(|shard| shard.cells_or_make(slot).map(act)).map_or(Room::None, |()| Room::Found)
}

/// Takes pages from this source from now on, and migrates all pages but those of the shared shard.
///
/// # Errors
///
/// When it has no room for them.
pub(crate) fn migrate(source: Box<dyn PageSource>) -> Result<(), NoRoom> {
    migration::migrate(source, all)?;
    // Shared cells are relocated series by series, to slots in pages that do not exist yet. Those
    // pages come from the source, whichever thread makes them.
    SLOTS.retire_pages();
    Ok(())
}

/// Takes pages from the heap again. Migrated pages stay, but the [generation](fork_generation) of the source is over.
pub(crate) fn rollback() {
    migration::rollback();
    FORK_GENERATION.fetch_add(1, Relaxed);
}

/// Pins the thread: nothing found by `act` is freed before it returns.
///
/// `act` runs no code of the user's, and waits for no pinned thread.
#[inline]
pub(crate) fn pinned<R>(act: impl FnOnce(&Pinned<'_>) -> R) -> R {
    with_shard(|shard| act(&shard.pin.pin(&EPOCH)))
}

#[inline]
fn with_shard<R>(act: impl FnOnce(&'static Shard) -> R) -> R {
    let shard = current();
    if std::ptr::eq(shard, none()) { without_shard(act) } else { act(shard) }
}

#[cold]
fn without_shard<R>(act: impl FnOnce(&'static Shard) -> R) -> R {
    /// Releases the shard, also when `act` panics.
    struct TempShard(&'static Shard);
    impl Drop for TempShard {
        fn drop(&mut self) {
            self.0.release();
        }
    }
    if let Some(own) = LEASE.try_with(ShardLease::begin).ok().flatten() {
        return act(own);
    }
    let Some(shard) = acquire_from(&POOL, usize::MAX) else { unreachable!("the pool has no limit") };
    let _temporary = TempShard(shard);
    act(shard)
}

/// Acquires a shard, and repairs unfinished observations of its former thread.
fn acquire_from(shards: &Shards, max: usize) -> Option<&'static Shard> {
    run_in_child(&AFTER_FORK);
    let shard = shards.acquire(max)?;
    if shard.is_abandoned.load(Relaxed) {
        SLOTS.each_observation(|slot, run| {
            if let Some(cells) = shard.cells(slot) {
                cells.repair(run);
            }
        });
        shard.is_abandoned.store(false, Relaxed);
    }
    Some(shard)
}

static AFTER_FORK: fn() = after_fork;

/// Abandons the shards of the parent's other threads. Their counts stay, unless they are to be reset.
fn after_fork() {
    let own = current();
    LEASED.abandon_others(own);
    POOL.abandon_others(own);
    FORK_GENERATION.fetch_add(1, Relaxed);
    if RESET_IN_CHILDREN.load(Relaxed) {
        // The pages, or the counts in them, belong to the parent.
        migration::abandon();
        for shard in all().chain(std::iter::once(shared())) {
            shard.cache.clear();
            shard.pages.clear_own();
        }
        FORK_PENDING.store(true, Relaxed);
    }
}

/// Has child processes start at zero from now on, or not any more. The parent's counts are then its own.
pub(crate) fn reset_in_children(reset: bool) {
    run_in_child(&AFTER_FORK);
    RESET_IN_CHILDREN.store(reset, Relaxed);
}

/// Returns a number of its own for a parent and each child, and for the time after a [rollback].
pub(crate) fn fork_generation() -> usize {
    run_in_child(&AFTER_FORK);
    FORK_GENERATION.load(Relaxed)
}

/// Returns whether this is a child with its counts reset and its recovery [not done yet](clear_fork_pending).
#[inline]
pub(crate) fn is_fork_pending() -> bool {
    FORK_PENDING.load(Relaxed)
}

/// Records the recovery of a child as done, or begun; returns whether it was pending.
pub(crate) fn clear_fork_pending() -> bool {
    FORK_PENDING.swap(false, Relaxed)
}

/// Records the recovery of this child as failed, to be tried again.
pub(crate) fn set_fork_pending() {
    FORK_PENDING.store(true, Relaxed);
}

/// Allocates a run of cells, all zero; [`Slot::NONE`] when there are no more.
pub(crate) fn allocate_slot(run: u16) -> Slot {
    SLOTS.allocate(run)
}

/// Returns how often slots were freed, from 1: where there was no room, an allocation is worth another try once this
/// has changed.
pub(crate) fn freed_slots() -> usize {
    FREED_SLOTS.load(Acquire)
}

/// Frees a slot without writers. Slots without cells, and slots shared by all processes, are left alone.
pub(crate) fn free_slot(slot: Slot, run: u16) {
    if !slot.is_live() || slot.is_shared() {
        return;
    }
    let cells = slot.cell()..slot.cell() + usize::from(run);
    SLOTS.free(slot, run, || {
        migration::clear_pending(slot.page(), cells.clone());
        for first in all().chain(std::iter::once(shared())).filter_map(|shard| shard.cells(slot)) {
            cells.clone().for_each(|cell| first.page.cell(cell).store(0, Relaxed));
        }
    });
    // Release: a reader of the new number finds the cells free.
    FREED_SLOTS.fetch_add(1, Release);
}

/// Returns the shards of all threads.
pub(crate) fn all() -> impl Iterator<Item = &'static Shard> {
    LEASED.iter().chain(POOL.iter())
}

/// Keeps a value, removed from a table, until no thread can hold a reference to it.
pub(crate) fn retire<T>(garbage: &mut Retired<T>, removed: T) {
    garbage.add(&EPOCH, removed);
}

/// Finds the removed values that are safe to drop.
pub(crate) fn collect<T>(garbage: &mut Retired<T>) {
    // Lazily, as the list of shards has to be read after the barrier, too.
    garbage.collect(std::iter::once_with(all).flatten().map(|shard| &shard.pin));
}
