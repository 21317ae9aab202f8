//! Work at the end of a process that ends in the usual way: `main` returns, or `exit` is called.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Release};

use super::gate::lock;
use super::sync::Mutex;
use crate::unwind::guarded;

static ACT: Mutex<Option<fn()>> = Mutex::new(None);

/// Has this function called at the end of the process, and of its children. The first one stays.
pub(crate) fn at_exit(act: fn()) {
    static IS_REGISTERED: AtomicBool = AtomicBool::new(false);
    lock(&ACT).get_or_insert(act);
    if !IS_REGISTERED.swap(true, AcqRel) {
        // SAFETY: a function without arguments that stays as long as this code is loaded, and does not unwind.
        // Without memory for it, the process ends without.
        if unsafe { libc::atexit(call) } != 0 {
            IS_REGISTERED.store(false, Release);
        }
    }
}

extern "C" fn call() {
    let act = *lock(&ACT);
    if let Some(act) = act {
        // A panic must not reach the system's library.
        drop(guarded(act));
    }
}
