//! The locks of the library, none of which another thread holds while one forks.
//!
//! A child has no thread but the one that forked it. What another thread held would stay locked there for ever, and what
//! it was about to change under the lock would stay half done. So who takes a lock goes through a gate first; a fork
//! closes it, and waits until nobody is inside (see `fork`).

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::AtomicUsize;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use std::thread;
use std::time::Duration;

use super::fork;
use super::sync::{Acquire, Mutex, MutexGuard, Relaxed, Release};

/// How many threads are inside and, from [`CLOSED`] on, how many forks keep others out.
pub(super) static GATE: AtomicUsize = AtomicUsize::new(0);

/// Added for each fork.
pub(super) const CLOSED: usize = 1 << (usize::BITS / 2);

std::thread_local! {
    /// How often this thread is inside, for locks are taken one under the other. Without a destructor, so that it is
    /// there in those of others.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Keeps forks waiting until it is dropped. No code of the user's may run meanwhile.
#[must_use]
pub(crate) struct Inside(PhantomData<*const ()>);

/// Goes through the gate.
pub(crate) fn enter() -> Inside {
    fork::watch();
    if !is_inside() {
        come_in();
    }
    DEPTH.with(|depth| depth.set(depth.get() + 1));
    Inside(PhantomData)
}

/// Is this thread inside?
pub(super) fn is_inside() -> bool {
    DEPTH.with(Cell::get) != 0
}

fn come_in() {
    let (mut seen, mut patient) = (GATE.load(Relaxed), true);
    loop {
        if seen >= CLOSED && patient {
            patient = wait_until(|| GATE.load(Relaxed) < CLOSED);
            seen = GATE.load(Relaxed);
        } else {
            // Acquire, and Release by who opens or leaves: a fork is over before this goes on, or waits for this.
            match GATE.compare_exchange_weak(seen, seen + 1, Acquire, Relaxed) {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.with(|depth| depth.set(depth.get() - 1));
        if !is_inside() {
            GATE.fetch_sub(1, Release);
        }
    }
}

/// How long either side waits for the other: far more than a fork takes, or what is done inside. In pauses, not by the
/// clock: a machine that stands still uses none of them up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Waits until it is so; false when that takes too long.
///
/// Both sides then go on: a child that may find a lock taken is the lesser evil. It takes so long where the program's own
/// handler of forks waits for a thread that waits here, or where a signal handler forks within an allocation.
pub(super) fn wait_until(is_so: impl Fn() -> bool) -> bool {
    for _ in 0..100 {
        if is_so() {
            return true;
        }
        std::hint::spin_loop();
    }
    let (mut waited, mut pause) = (Duration::ZERO, Duration::from_micros(50));
    while !is_so() {
        if waited > PATIENCE {
            return false;
        }
        thread::sleep(pause);
        waited += pause;
        pause = (pause * 2).min(Duration::from_millis(2));
    }
    true
}

/// The guard of a lock, with the way out through the gate after it.
pub(crate) struct Held<G> {
    guard: G,
    _inside: Inside,
}

impl<G> Held<G> {
    fn new(lock: impl FnOnce() -> G) -> Self {
        let inside = enter();
        Self { guard: lock(), _inside: inside }
    }
}

// Nothing panics under the locks of this crate; should it, the data are whole all the same.

/// Locks.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> Held<MutexGuard<'_, T>> {
    Held::new(|| mutex.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Locks, unless another thread has it.
pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<Held<MutexGuard<'_, T>>> {
    let inside = enter();
    let guard = match mutex.try_lock() {
        Ok(guard) => guard,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return None,
    };
    Some(Held { guard, _inside: inside })
}

/// Locks for reading.
pub(crate) fn read<T>(lock: &RwLock<T>) -> Held<RwLockReadGuard<'_, T>> {
    Held::new(|| lock.read().unwrap_or_else(PoisonError::into_inner))
}

/// Locks for writing.
pub(crate) fn write<T>(lock: &RwLock<T>) -> Held<RwLockWriteGuard<'_, T>> {
    Held::new(|| lock.write().unwrap_or_else(PoisonError::into_inner))
}

impl<G: Deref> Deref for Held<G> {
    type Target = G::Target;

    fn deref(&self) -> &G::Target {
        &self.guard
    }
}

impl<G: DerefMut> DerefMut for Held<G> {
    fn deref_mut(&mut self) -> &mut G::Target {
        &mut self.guard
    }
}
