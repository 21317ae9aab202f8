//! Atomics, locks, statics and thread-locals, from std or from [loom](https://docs.rs/loom).
//!
//! The package `pytheus-models` compiles this folder and `storage` once more, with loom.

// `crate` is the package of the models; it wraps loom's atomics.
#[cfg(loom)]
pub(crate) use crate::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize};
#[cfg(loom)]
pub(crate) use loom::{
    hint,
    sync::{Mutex, MutexGuard, atomic::fence},
};
#[cfg(not(loom))]
pub(crate) use std::{
    hint,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, fence},
    },
};

pub(crate) use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};

/// Declares a `const fn`; with loom, whose atomics are made at run time, an ordinary one.
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
pub(crate) use constant;

/// Makes an array by evaluating the expression for each element.
macro_rules! each {
    ($element:expr; $len:expr) => {{
        #[cfg(not(loom))]
        let array = [const { $element }; $len];
        #[cfg(loom)]
        let array = std::array::from_fn::<_, { $len }, _>(|_| $element);
        array
    }};
}
pub(crate) use each;

/// Declares a `static`; with loom, one per execution of a model.
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
pub(crate) use global;

/// Declares a thread-local, initialised by a block, in a constant except with loom.
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
pub(crate) use per_thread;

/// A probe: a loom model fails on a use after free, and on a leak.
#[derive(Debug)]
pub(crate) struct LoomTracked(#[cfg(loom)] loom::cell::UnsafeCell<loom::alloc::Track<()>>);

impl LoomTracked {
    pub(crate) fn new() -> Self {
        Self(
            #[cfg(loom)]
            loom::cell::UnsafeCell::new(loom::alloc::Track::new(())),
        )
    }

    /// Records a read of the value around the probe.
    #[inline]
    #[allow(clippy::unused_self, reason = "but in a model")]
    pub(crate) fn touch(&self) {
        #[cfg(loom)]
        self.0.with(|_| ());
    }
}

#[cfg(loom)]
impl Drop for LoomTracked {
    fn drop(&mut self) {
        self.0.with_mut(|_| ());
    }
}
