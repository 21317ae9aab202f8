//! Tells ThreadSanitizer of happens-before edges that it can't see, in a std built without it.
//!
//! Inlined and generic code of std is compiled into the tests, and seen. There remain the few functions
//! below, that std keeps to itself. The linker leads each call to the function of the same purpose here (`--wrap`),
//! which calls the real one and tells ThreadSanitizer what the real one did. Nothing that a test counts on is changed:
//! only races that std rules out are no longer reported.
#![no_std]
#![allow(unsafe_code, improper_ctypes_definitions, improper_ctypes, missing_docs)]

use core::cell::Cell;
use core::ffi::c_void;
use core::time::Duration;

type Address = *const c_void;

unsafe extern "C" {
    fn __tsan_acquire(address: Address);
    fn __tsan_release(address: Address);
}

/// Names the object's words one by one, since the word that std waits for is private.
fn acquire(object: Address, bytes: usize) {
    for offset in (0..bytes).step_by(4) {
        // SAFETY: no memory is touched; the address is a name.
        unsafe { __tsan_acquire(object.wrapping_byte_add(offset)) }
    }
}

fn release(object: Address, bytes: usize) {
    for offset in (0..bytes).step_by(4) {
        // SAFETY: as above.
        unsafe { __tsan_release(object.wrapping_byte_add(offset)) }
    }
}

/// Wraps the function of std with the mangled name in the environment variable. Of its parameters only the
/// sizes have to agree.
macro_rules! wrap {
    ($name:ident, $symbol:literal, ($($arg:ident: $type:ty),*) -> $result:ty, $real:ident => $body:expr) => {
        mod $name {
            use super::*;
            unsafe extern "Rust" {
                #[link_name = concat!("__real_", env!($symbol))]
                pub(super) fn real($($arg: $type),*) -> $result;
            }
            /// # Safety
            ///
            /// As the function that it stands for.
            #[unsafe(export_name = concat!("__wrap_", env!($symbol)))]
            pub unsafe extern "Rust" fn wrapped($($arg: $type),*) -> $result {
                // SAFETY: called as the real one would have been.
                let $real = |$($arg: $type),*| unsafe { real($($arg),*) };
                $body
            }
        }
    };
}

// Locks: an acquirer has seen all that former owners did. The release is inlined, and seen.
wrap!(mutex_lock, "MUTEX_LOCK", (lock: Address) -> (), real => {
    real(lock);
    acquire(lock, 4);
});
wrap!(read_lock, "READ_LOCK", (lock: Address) -> (), real => {
    real(lock);
    acquire(lock, 8);
});
wrap!(write_lock, "WRITE_LOCK", (lock: Address) -> (), real => {
    real(lock);
    acquire(lock, 8);
});

// A condition variable gives the lock back and takes it again.
wrap!(condvar_wait, "CONDVAR_WAIT", (condvar: Address, lock: Address) -> (), real => {
    release(lock, 4);
    real(condvar, lock);
    acquire(lock, 4);
});
wrap!(condvar_wait_timeout, "CONDVAR_WAIT_TIMEOUT", (condvar: Address, lock: Address, time: Duration) -> bool, real => {
    release(lock, 4);
    let notified = real(condvar, lock, time);
    acquire(lock, 4);
    notified
});
wrap!(barrier_wait, "BARRIER_WAIT", (barrier: Address) -> bool, real => {
    release(barrier, 4);
    let leads = real(barrier);
    acquire(barrier, 4);
    leads
});

// Initialisation is seen by all threads that find it done. They read the flag themselves, so the release has to come
// before it is set: at the end of the initialiser.
type Initialise<'a> = &'a mut dyn FnMut(Address);
wrap!(once_call, "ONCE_CALL", (once: Address, ignore_poison: bool, initialise: Initialise<'_>) -> (), real => {
    real(once, ignore_poison, &mut |state| {
        initialise(state);
        release(once, 4);
    });
    acquire(once, 4);
});

// The last act of a scope's thread, before the scope goes on.
wrap!(scope_end, "SCOPE_END", (scope: Address, panicked: bool) -> (), real => {
    release(scope, 24);
    real(scope, panicked);
});

// A woken thread has seen all that its waker did; the waker marks a word of the handle's shared part.
wrap!(park, "PARK", (thread: *const Address) -> (), real => {
    real(thread);
    // SAFETY: std's handle of a thread is one pointer.
    acquire(unsafe { *thread }, 64);
});

/// The word that this thread counted down last.
#[thread_local]
static COUNTED_DOWN: Cell<Address> = Cell::new(core::ptr::null());

unsafe extern "C" {
    fn __real___tsan_atomic64_fetch_sub(word: *mut u64, by: u64, order: i32) -> u64;
    fn __real___tsan_atomic_thread_fence(order: i32);
}

/// # Safety
///
/// As the function that it stands for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap___tsan_atomic64_fetch_sub(word: *mut u64, by: u64, order: i32) -> u64 {
    COUNTED_DOWN.set(word.cast());
    // SAFETY: called as the real one would have been.
    unsafe { __real___tsan_atomic64_fetch_sub(word, by, order) }
}

/// A fence, unknown to `ThreadSanitizer`. `Arc` has one after the last reference is counted down; the thread that drops
/// the value has seen all that other owners did.
///
/// # Safety
///
/// As the function that it stands for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap___tsan_atomic_thread_fence(order: i32) {
    // SAFETY: called as the real one would have been.
    unsafe { __real___tsan_atomic_thread_fence(order) };
    let word = COUNTED_DOWN.get();
    if !word.is_null() {
        acquire(word, 4);
    }
}
