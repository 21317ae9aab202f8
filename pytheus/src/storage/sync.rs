//! What the models replace: atomics, locks, statics and thread-locals, from std or from loom.

#[cfg(loom)]
pub(super) use loom::{
    hint, lazy_static,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, fence},
    },
    thread_local,
};
#[cfg(not(loom))]
pub(super) use std::{
    hint,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, fence},
    },
    thread_local,
};

use std::sync::PoisonError;
pub(super) use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};

/// Nothing panics under the locks of this module; should it, the data are whole all the same.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A function that is `const`, but for the models: loom's atomics are made at run time.
macro_rules! constant {
    ($(#[$meta:meta])* $vis:vis fn $($rest:tt)*) => {
        #[cfg(not(loom))]
        $(#[$meta])*
        $vis const fn $($rest)*

        #[cfg(loom)]
        $(#[$meta])*
        $vis fn $($rest)*
    };
}
pub(super) use constant;

/// An array, each element made by the expression.
macro_rules! each {
    ($element:expr; $len:expr) => {{
        #[cfg(not(loom))]
        let array = [const { $element }; $len];
        #[cfg(loom)]
        let array = std::array::from_fn::<_, { $len }, _>(|_| $element);
        array
    }};
}
pub(super) use each;

/// A `static`; in a model, one per execution.
macro_rules! global {
    ($(#[$meta:meta])* $vis:vis static $name:ident: $ty:ty = $value:expr;) => {
        #[cfg(not(loom))]
        $(#[$meta])*
        $vis static $name: $ty = $value;

        #[cfg(loom)]
        $crate::storage::sync::lazy_static! {
            $(#[$meta])*
            $vis static ref $name: $ty = $value;
        }
    };
}
pub(super) use global;
