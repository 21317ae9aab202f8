//! Keeps forks waiting while a thread holds a lock of the library.
//!
//! A child process has only the thread that called `fork`. A lock that another thread held at that moment stays locked
//! there for ever, and the data behind it half changed. Each thread therefore enters a gate before it takes a lock, and
//! handlers of [`pthread_atfork`] close the gate before a fork, wait until it is empty, and open it again on both
//! sides.
//!
//! [`pthread_atfork`]: https://pubs.opengroup.org/onlinepubs/9799919799/functions/pthread_atfork.html

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::AtomicUsize;
use std::thread;
use std::time::Duration;

use super::shim::{Acquire, Relaxed, Release};

#[cfg(all(unix, feature = "conformance", not(any(target_os = "emscripten", loom, miri))))]
pub(crate) use handlers::fork;
pub(crate) use handlers::run_in_child;

/// Counts the threads inside and, in units of [`FORKING`], the forks in progress.
static GATE: AtomicUsize = AtomicUsize::new(0);

const FORKING: usize = 1 << (usize::BITS / 2);

std::thread_local! {
    /// How often this thread has entered, as locks are nested. Without a destructor, so that destructors of other
    /// thread-locals may use it.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Keeps forks waiting until it is dropped. No code of the user's may run meanwhile.
#[must_use]
pub(crate) struct ForkGuard(PhantomData<*const ()>);

/// Enters the gate.
pub(crate) fn enter() -> ForkGuard {
    handlers::register();
    if !is_inside() {
        enter_slow();
    }
    DEPTH.with(|depth| depth.set(depth.get() + 1));
    ForkGuard(PhantomData)
}

fn is_inside() -> bool {
    DEPTH.with(Cell::get) != 0
}

fn enter_slow() {
    let (mut seen, mut may_wait) = (GATE.load(Relaxed), true);
    loop {
        if seen >= FORKING && may_wait {
            may_wait = wait_until(|| GATE.load(Relaxed) < FORKING);
            seen = GATE.load(Relaxed);
        } else {
            // Pairs with the Release of a leaving thread and of a finished fork: a fork is over before
            // this thread goes on, or waits for it.
            match GATE.compare_exchange_weak(seen, seen + 1, Acquire, Relaxed) {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }
}

impl Drop for ForkGuard {
    fn drop(&mut self) {
        DEPTH.with(|depth| depth.set(depth.get() - 1));
        if !is_inside() {
            GATE.fetch_sub(1, Release);
        }
    }
}

/// How long each side waits for the other: far longer than a fork or a critical section takes. Counted in pauses, not
/// by the clock, so that a suspended machine uses none of it up.
const WAIT_LIMIT: Duration = Duration::from_secs(5);

/// Waits until the condition holds; false after [`WAIT_LIMIT`].
///
/// Both sides then go on: a locked lock in the child is better than a deadlock of the parent. The limit is reached
/// if a fork handler of the program waits for a thread in here, or if a signal handler forks during an allocation.
fn wait_until(holds: impl Fn() -> bool) -> bool {
    for _ in 0..100 {
        if holds() {
            return true;
        }
        std::hint::spin_loop();
    }
    let (mut waited, mut pause) = (Duration::ZERO, Duration::from_micros(50));
    while !holds() {
        if waited > WAIT_LIMIT {
            return false;
        }
        thread::sleep(pause);
        waited += pause;
        pause = (pause * 2).min(Duration::from_millis(2));
    }
    true
}

#[cfg(all(unix, not(any(target_os = "emscripten", loom, miri))))]
mod handlers {
    use std::hint::black_box;
    use std::sync::atomic::{AtomicBool, AtomicPtr};

    use super::super::shim::{AcqRel, Acquire, Relaxed, Release};
    use super::{FORKING, GATE, is_inside, wait_until};

    static CHILD_HOOKS: [AtomicPtr<fn()>; 8] = [const { AtomicPtr::new(std::ptr::null_mut()) }; 8];

    /// Has each child process run this hook before `fork` returns there. A hook is registered once, however often this
    /// is called with it.
    ///
    /// The hook is [async-signal-safe](https://man7.org/linux/man-pages/man7/signal-safety.7.html): it uses atomics and
    /// system calls, but no locks and no allocator, and does not unwind.
    pub(crate) fn run_in_child(hook: &'static fn()) {
        register();
        let hook = std::ptr::from_ref(hook).cast_mut();
        let is_registered = CHILD_HOOKS.iter().any(|entry| {
            let previous = entry.compare_exchange(std::ptr::null_mut(), hook, AcqRel, Acquire);
            previous.map_or_else(|known| known == hook, |_| true)
        });
        debug_assert!(is_registered, "there are more hooks than entries");
    }

    /// Registers the handlers below, on the first call.
    ///
    /// Concurrent first calls may register them several times, without harm; a lock here could be found taken by a
    /// child.
    pub(super) fn register() {
        static IS_REGISTERED: AtomicBool = AtomicBool::new(false);
        if IS_REGISTERED.load(Acquire) {
            return;
        }
        // `prepare` handlers run in reverse order of registration. The gate has to be empty before the allocator takes
        // its own locks for the fork, since threads allocate inside. The locks of libc's allocator come last in any
        // case; other allocators register their handlers at the first allocation, which this line makes sure has
        // happened.
        drop(black_box(Box::new(0_u8)));
        // SAFETY: the handlers take no arguments, stay as long as this code is loaded, and do not unwind. `child` is
        // async-signal-safe. If there is no memory for the handlers, forks go on without them.
        let _ = unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
        IS_REGISTERED.store(true, Release);
    }

    /// Closes the gate and waits until it is empty.
    extern "C" fn prepare() {
        GATE.fetch_add(FORKING, AcqRel);
        // A thread inside forks only from a signal handler, and would wait for itself.
        if !is_inside() {
            // Acquire: the child sees all changes made inside.
            wait_until(|| GATE.load(Acquire).is_multiple_of(FORKING));
        }
    }

    /// Opens the gate, unless the handlers were registered during this fork, so that `prepare` has not closed it.
    extern "C" fn parent() {
        let _ = GATE.fetch_update(Release, Relaxed, |gate| gate.checked_sub(FORKING));
    }

    /// Opens the gate in the child, where other threads are no longer inside, and runs the hooks.
    extern "C" fn child() {
        GATE.store(usize::from(is_inside()), Relaxed);
        for hook in &CHILD_HOOKS {
            // SAFETY: null, or a `&'static fn()` of `run_in_child`.
            if let Some(hook) = unsafe { hook.load(Acquire).as_ref() } {
                hook();
            }
        }
    }

    /// Forks; true in the child. For the conformance suite, at a time with a single thread.
    ///
    /// # Errors
    ///
    /// When the system can't create a process.
    #[cfg(feature = "conformance")]
    pub(crate) fn fork() -> std::io::Result<bool> {
        // SAFETY: the child goes on as the parent would. If there are other threads, the allocator of the system and
        // the gate leave no lock taken.
        match unsafe { libc::fork() } {
            -1 => Err(std::io::Error::last_os_error()),
            child => Ok(child == 0),
        }
    }
}

/// Without `fork`, there is nothing to wait for.
#[cfg(not(all(unix, not(any(target_os = "emscripten", loom, miri)))))]
mod handlers {
    pub(super) fn register() {}

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the other one keeps the reference")]
    pub(crate) fn run_in_child(_: &'static fn()) {}
}
