//! Which shard the current thread counts in.
//!
//! A thread takes a shard when it first counts, and hands it on when it ends. One that has none (it is ending, or there
//! are too many) borrows one for each update from a pool: so nobody ever writes to a shard but who has it.

use std::cell::Cell;

use super::migration::{self, NoRoom, PageSource};
use super::page::{Cells, Room, Slot};
use super::slot_allocator::SlotAllocator;
use super::{Shard, Shards};
use crate::sync::epoch::{Epoch, Pinned, Retired};
use crate::sync::run_in_child;
use crate::sync::shim::{Acquire, AtomicBool, AtomicUsize, Relaxed, Release, constant, global, per_thread};

global! {
    /// Those that threads have for their life.
    static OWN: Shards = Shards::new();
}

global! {
    /// Those that are borrowed for an update.
    static POOL: Shards = Shards::new();
}

global! {
    /// The cells that all threads write.
    static SHARED: Shard = Shard::new(0);
}

global! {
    /// In place of a shard, for threads that have none. Has no cells, ever.
    static NONE: Shard = Shard::new(u32::MAX);
}

global! {
    static SLOTS: SlotAllocator = SlotAllocator::new();
}

global! {
    /// How often cells were given back, and 1.
    static FREED_SLOTS: AtomicUsize = AtomicUsize::new(1);
}

global! {
    static EPOCH: Epoch = Epoch::new();
}

global! {
    /// Is a child process to begin at zero?
    static RESET_IN_CHILDREN: AtomicBool = AtomicBool::new(false);
}

global! {
    /// Is this a child that has begun so, and nothing was done about it?
    static FORK_PENDING: AtomicBool = AtomicBool::new(false);
}

global! {
    /// How often this process, its parents included, was made by a fork, or what it was offered was taken back.
    static FORK_GENERATION: AtomicUsize = AtomicUsize::new(0);
}

global! {
    static MAX_SHARDS: AtomicUsize = AtomicUsize::new(1024);
}

per_thread! {
    /// Without a destructor, so that it can be read at any time in the life of a thread. A pointer, because Rust 1.89
    /// allows no constant that refers to a static with cells in it. [`set_current`] alone sets it.
    static CURRENT: Cell<*const Shard> = { Cell::new(none()) };
}

per_thread! {
    /// Hands the shard on.
    static LEASE: ShardLease = { ShardLease { shard: Cell::new(None), borrowed: Cell::new(0) } };
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

/// The shard of this thread; [`none`] if it has none.
#[inline]
fn current() -> &'static Shard {
    let shard = CURRENT.with(Cell::get);
    // SAFETY: it points to `none()` or to what `set_current` was given: shards that are there for ever.
    unsafe { &*shard }
}

fn set_current(shard: &'static Shard) {
    CURRENT.with(|current| current.set(shard));
}

struct ShardLease {
    shard: Cell<Option<&'static Shard>>,
    /// Updates in borrowed shards.
    borrowed: Cell<u32>,
}

impl ShardLease {
    /// Hands the shard on.
    fn end(&self) {
        if let Some(shard) = self.shard.take() {
            // What other destructors count from now on goes to the pool.
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

/// What the end of a thread does to its shard. A model has no destructors of threads while it lasts.
#[cfg(loom)]
pub(crate) fn end_thread() {
    LEASE.with(ShardLease::end);
}

/// Sets how many threads may have a shard of their own.
pub(crate) fn set_max_shards(most: usize) {
    MAX_SHARDS.store(most, Relaxed);
}

/// This thread's cells of a slot; `None` when they do not exist yet, and for slots that lead nowhere.
#[inline]
pub(crate) fn own_cells(slot: Slot) -> Option<Cells> {
    current().own_cells(slot)
}

/// The cells of a slot that all threads write; `None` as above.
#[inline]
pub(crate) fn shared_cells(slot: Slot) -> Option<Cells> {
    shared().cells(slot)
}

/// The cells of a slot that all threads write, at zero if nobody has touched them; `None` when there is no room.
pub(crate) fn shared_cells_or_make(slot: Slot) -> Option<Cells> {
    shared().cells_or_make(slot)
}

/// Acts on cells that no other thread writes meanwhile, at zero if they are new.
#[cold]
pub(crate) fn with_cells(slot: Slot, act: &mut dyn FnMut(Cells)) -> Room {
    with_shard(|shard| match shard.cells_or_make(slot) {
        Some(cells) => {
            act(cells);
            Room::Found
        }
        None => Room::None,
    })
}

/// Has pages come from this source from now on, and moves all there are, but for those that all threads write.
///
/// # Errors
///
/// When it has no room for them.
pub(crate) fn migrate(source: Box<dyn PageSource>) -> Result<(), NoRoom> {
    migration::migrate(source, all)?;
    // What all threads write is moved one series at a time, to slots in pages that do not exist yet. From here on they
    // come from the source, whoever makes them.
    SLOTS.retire_pages();
    Ok(())
}

/// Has pages come from the heap again; those that have moved stay where they are. What was [offered](forks) is no more.
pub(crate) fn rollback() {
    migration::rollback();
    FORK_GENERATION.fetch_add(1, Relaxed);
}

/// Looks at tables: what is found there is not dropped until this is over.
///
/// `act` runs no code of the user's, and waits for nobody who is pinned.
#[inline]
pub(crate) fn pinned<R>(act: impl FnOnce(&Pinned<'_>) -> R) -> R {
    with_shard(|shard| act(&shard.pin.pin(&EPOCH)))
}

/// With the thread's own shard, or a borrowed one.
#[inline]
fn with_shard<R>(act: impl FnOnce(&'static Shard) -> R) -> R {
    let shard = current();
    if std::ptr::eq(shard, none()) { without_shard(act) } else { act(shard) }
}

#[cold]
fn without_shard<R>(act: impl FnOnce(&'static Shard) -> R) -> R {
    if let Some(own) = LEASE.try_with(ShardLease::take).ok().flatten() {
        return act(own);
    }
    let Some(borrowed) = take_from(&POOL, usize::MAX) else { unreachable!("as many as are asked for") };
    let _back = TempShard(borrowed);
    act(borrowed)
}

/// A shard that no other thread has, with every observation in it whole.
fn take_from(shards: &Shards, most: usize) -> Option<&'static Shard> {
    run_in_child(&AFTER_FORK);
    let taken = shards.take(most)?;
    taken.repair_if_abandoned(|shard| {
        SLOTS.each_observation(|slot, run| {
            if let Some(cells) = shard.cells(slot) {
                cells.repair(run);
            }
        });
    });
    Some(taken)
}

static AFTER_FORK: fn() = after_fork;

/// In a child, where no other thread is: frees the shards of those of the parent. What they have counted stays.
fn after_fork() {
    let own = current();
    OWN.abandon_others(own);
    POOL.abandon_others(own);
    FORK_GENERATION.fetch_add(1, Relaxed);
    if RESET_IN_CHILDREN.load(Relaxed) {
        // The pages, or what was counted in them, are the parent's.
        migration::abandon();
        all().chain(std::iter::once(shared())).for_each(Shard::clear_pages);
        FORK_PENDING.store(true, Relaxed);
    }
}

/// Gives the shard back, also when `act` panics.
struct TempShard(&'static Shard);

impl Drop for TempShard {
    fn drop(&mut self) {
        self.0.release();
    }
}

impl ShardLease {
    /// A shard for the rest of the thread's life, if there is one.
    fn take(&self) -> Option<&'static Shard> {
        // Where there is none, it is asked for again now and then: others end.
        let borrowed = self.borrowed.get();
        self.borrowed.set(borrowed.wrapping_add(1));
        if !borrowed.is_multiple_of(1024) {
            return None;
        }
        let shard = take_from(&OWN, MAX_SHARDS.load(Relaxed))?;
        self.shard.set(Some(shard));
        set_current(shard);
        Some(shard)
    }
}

/// Has child processes begin at zero from now on, or not any more: what their parent has counted is seen to by others.
pub(crate) fn reset_in_children(anew: bool) {
    run_in_child(&AFTER_FORK);
    RESET_IN_CHILDREN.store(anew, Relaxed);
}

/// Differs from what it was in the parent, where this is a child, and from what it was before something was [taken
/// back](rollback).
pub(crate) fn fork_generation() -> usize {
    run_in_child(&AFTER_FORK);
    FORK_GENERATION.load(Relaxed)
}

/// Is this a child that has begun at zero, and for which nothing [was settled](clear_fork_pending) yet?
#[inline]
pub(crate) fn is_fork_pending() -> bool {
    FORK_PENDING.load(Relaxed)
}

/// Takes note that all is settled in this child; false when that was so.
pub(crate) fn clear_fork_pending() -> bool {
    FORK_PENDING.swap(false, Relaxed)
}

/// Takes note that this child is yet to be settled.
pub(crate) fn set_fork_pending() {
    FORK_PENDING.store(true, Relaxed);
}

/// A run of so many cells, all zero; [`Slot::NONE`] when there are no more.
pub(crate) fn allocate_slot(run: u16) -> Slot {
    SLOTS.allocate(run)
}

/// Differs from what it was before cells were given back, and from 0: it is worth to try again.
pub(crate) fn freed_slots() -> usize {
    FREED_SLOTS.load(Acquire)
}

/// Gives back a slot that nobody writes to any more, if it is one.
pub(crate) fn free_slot(slot: Slot, run: u16) {
    if !slot.is_live() {
        return;
    }
    if slot.is_shared() {
        // They belong to all processes.
        return;
    }
    SLOTS.free(slot, run, || {
        migration::clear_pending((slot.page(), slot.cell()), usize::from(run));
        let shards = all().chain(std::iter::once(shared()));
        for cells in shards.filter_map(|shard| shard.cells(slot)) {
            for offset in 0..usize::from(run) {
                cells.at(offset).store(0, Relaxed);
            }
        }
    });
    // Release: who sees it finds them free.
    FREED_SLOTS.fetch_add(1, Release);
}

/// The shards that threads count in.
pub(crate) fn all() -> impl Iterator<Item = &'static Shard> {
    OWN.iter().chain(POOL.iter())
}

/// Keeps what was removed from a table until nobody looks at it.
pub(crate) fn retire<T>(garbage: &mut Retired<T>, removed: T) {
    garbage.add(&EPOCH, removed);
}

/// Finds out what nobody looks at any more.
pub(crate) fn collect<T>(garbage: &mut Retired<T>) {
    // Lazily: the list of shards, too, is read after the barrier of the sweep, not before.
    garbage.collect(std::iter::once_with(all).flatten().map(|shard| &shard.pin));
}
