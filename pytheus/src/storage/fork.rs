//! What is done about a fork: before it, nobody is within a lock; after it, the child frees what threads had that it has
//! not.

use std::hint::black_box;
use std::sync::atomic::AtomicBool;

use super::gate::{CLOSED, GATE, is_inside, wait_until};
use super::sync::{AcqRel, Acquire, Relaxed, Release};
use super::{child, thread};

/// Has forks go through the functions below, from the first time on that a thread goes through the gate.
///
/// Should several do so at once, each fork goes through them several times, which does no harm; one of them that waited
/// for the other might wait for ever in a child.
pub(super) fn watch() {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if WATCHED.load(Acquire) {
        return;
    }
    // What is registered last is called first before a fork. Within the gate memory is allocated, so it is to be empty
    // before the allocator takes its own locks: those of libc do so after all that is registered, others register with
    // the first allocation, which comes before this by now.
    drop(black_box(Box::new(0_u8)));
    // SAFETY: functions without arguments that stay as long as this code is loaded, and do not unwind. In the child,
    // `child` only reads and writes atomics.
    // Without memory for the handlers, forks do without them.
    let _ = unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
    WATCHED.store(true, Release);
}

/// Closes the gate.
extern "C" fn prepare() {
    GATE.fetch_add(CLOSED, AcqRel);
    // From within, a fork can only come from a signal handler, and would wait for itself.
    if !is_inside() {
        // Acquire: the child sees all that was done inside.
        wait_until(|| GATE.load(Acquire).is_multiple_of(CLOSED));
    }
}

/// Opens it again, if `prepare` has closed it: not where these were registered in the middle of a fork.
extern "C" fn parent() {
    let _ = GATE.fetch_update(Release, Relaxed, |gate| gate.checked_sub(CLOSED));
}

/// Opens it in the child, whatever other threads were about to do.
extern "C" fn child() {
    GATE.store(usize::from(is_inside()), Relaxed);
    thread::cut_off_others();
    child::close();
}

/// Forks; true in the child. For the suite of backends, which has one thread when it does.
///
/// # Errors
///
/// When there can be no process more.
#[cfg(feature = "conformance")]
pub(crate) fn fork_here() -> std::io::Result<bool> {
    // SAFETY: the child goes on as the parent would. Where other threads are, it relies on what the system's allocator
    // and the gate see to.
    match unsafe { libc::fork() } {
        -1 => Err(std::io::Error::last_os_error()),
        child => Ok(child == 0),
    }
}
