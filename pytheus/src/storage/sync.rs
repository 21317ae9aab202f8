//! What the models replace: atomics, locks, statics and thread-locals, from std or from loom.

// The crate is that of the models then, which has a reason not to take loom's as they are.
#[cfg(loom)]
pub(super) use crate::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize};
#[cfg(loom)]
pub(super) use loom::{
    hint,
    sync::{Mutex, MutexGuard, atomic::fence},
};
#[cfg(not(loom))]
pub(super) use std::{
    hint,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, fence},
    },
};

pub(super) use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};

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
#[cfg(not(loom))]
macro_rules! global {
    ($(#[$meta:meta])* static $name:ident: $ty:ty = $value:expr;) => {
        $(#[$meta])*
        static $name: $ty = $value;
    };
}
#[cfg(loom)]
macro_rules! global {
    ($(#[$meta:meta])* static $name:ident: $ty:ty = $value:expr;) => {
        loom::lazy_static! {
            $(#[$meta])*
            static ref $name: $ty = $value;
        }
    };
}
pub(super) use global;

/// A `static` of each thread, its first value made by a block that is `const` but for the models.
#[cfg(not(loom))]
macro_rules! per_thread {
    ($(#[$meta:meta])* static $name:ident: $ty:ty = $value:block;) => {
        std::thread_local! {
            $(#[$meta])*
            static $name: $ty = const $value;
        }
    };
}
#[cfg(loom)]
macro_rules! per_thread {
    ($(#[$meta:meta])* static $name:ident: $ty:ty = $value:block;) => {
        loom::thread_local! {
            $(#[$meta])*
            static $name: $ty = $value;
        }
    };
}
pub(super) use per_thread;

/// Has a model fail when this is dropped while a thread may still look at what it stands in, or is never dropped.
#[derive(Debug)]
pub(super) struct Watch(#[cfg(loom)] loom::cell::UnsafeCell<loom::alloc::Track<()>>);

impl Watch {
    pub(super) fn new() -> Self {
        Self(
            #[cfg(loom)]
            loom::cell::UnsafeCell::new(loom::alloc::Track::new(())),
        )
    }

    /// Someone looks.
    #[inline]
    #[allow(clippy::unused_self, reason = "but in a model")]
    pub(super) fn look(&self) {
        #[cfg(loom)]
        self.0.with(|_| ());
    }
}

#[cfg(loom)]
impl Drop for Watch {
    fn drop(&mut self) {
        self.0.with_mut(|_| ());
    }
}
