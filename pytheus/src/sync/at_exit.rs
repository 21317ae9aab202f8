//! Work at the end of a process that ends normally: `main` returns, or `exit` is called.

use std::sync::atomic::AtomicBool;

use super::catch_panic::catch_panic;
use super::lock::lock;
use super::shim::{AcqRel, Mutex, Release};

static HOOK: Mutex<Option<fn()>> = Mutex::new(None);

/// Calls this function at the end of the process and of its children. Later calls with another function are ignored.
pub(crate) fn at_exit(hook: fn()) {
    static IS_REGISTERED: AtomicBool = AtomicBool::new(false);
    lock(&HOOK).get_or_insert(hook);
    if !IS_REGISTERED.swap(true, AcqRel) {
        // SAFETY: a function without arguments that stays as long as this code is loaded, and does not unwind. If there
        // is no memory for it, the process ends without the hook.
        if unsafe { libc::atexit(run) } != 0 {
            IS_REGISTERED.store(false, Release);
        }
    }
}

extern "C" fn run() {
    let hook = *lock(&HOOK);
    if let Some(hook) = hook {
        // A panic must not unwind into libc.
        drop(catch_panic(hook));
    }
}
