//! Locks held by no other thread during a fork (see [`fork_gate`](super::fork_gate)).

use std::ops::{Deref, DerefMut};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};

use super::fork_gate::{ForkGuard, enter};
use super::shim::{Mutex, MutexGuard};

/// The guard of a lock. It leaves the fork gate after it has unlocked.
pub(crate) struct Guarded<G> {
    guard: G,
    _fork_guard: ForkGuard,
}

impl<G> Guarded<G> {
    fn new(lock: impl FnOnce() -> G) -> Self {
        let fork_guard = enter();
        Self { guard: lock(), _fork_guard: fork_guard }
    }
}

// A poisoned lock is used all the same: no code under the locks of this crate panics, and none leaves data half
// changed.

/// Locks a mutex.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> Guarded<MutexGuard<'_, T>> {
    Guarded::new(|| mutex.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Locks a mutex, unless another thread holds it.
pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<Guarded<MutexGuard<'_, T>>> {
    let fork_guard = enter();
    let guard = match mutex.try_lock() {
        Ok(guard) => guard,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return None,
    };
    Some(Guarded { guard, _fork_guard: fork_guard })
}

/// Locks for reading.
pub(crate) fn read<T>(lock: &RwLock<T>) -> Guarded<RwLockReadGuard<'_, T>> {
    Guarded::new(|| lock.read().unwrap_or_else(PoisonError::into_inner))
}

/// Locks for writing.
pub(crate) fn write<T>(lock: &RwLock<T>) -> Guarded<RwLockWriteGuard<'_, T>> {
    Guarded::new(|| lock.write().unwrap_or_else(PoisonError::into_inner))
}

impl<G: Deref> Deref for Guarded<G> {
    type Target = G::Target;

    fn deref(&self) -> &G::Target {
        &self.guard
    }
}

impl<G: DerefMut> DerefMut for Guarded<G> {
    fn deref_mut(&mut self) -> &mut G::Target {
        &mut self.guard
    }
}
