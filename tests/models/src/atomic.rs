//! Loom's atomics, with every order of their loads explored.
//!
//! Loom tries another order of two accesses only when one of them is the last before the other, and does not count
//! loads. A thread with a load and then a store, as in counting, therefore hides an earlier load of another thread:
//! loom never tries the order with that load afterwards. Here each load follows a store to a variable beside the value.
//! The store makes loom count the load, and changes nothing else, as no thread loads from that variable.

use std::fmt;
use std::sync::atomic::Ordering::{self, Relaxed};

use loom::sync::atomic as inner;

macro_rules! atomic {
    ($name:ident $(<$t:ident>)?: $value:ty; $($method:ident($($argument:ident: $ty:ty),*) -> $result:ty;)*) => {
        pub(crate) struct $name $(<$t>)? {
            value: inner::$name $(<$t>)?,
            turn: inner::AtomicBool,
        }

        impl $(<$t>)? fmt::Debug for $name $(<$t>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.value.fmt(f)
            }
        }

        impl $(<$t>)? $name $(<$t>)? {
            #[track_caller]
            pub(crate) fn new(value: $value) -> Self {
                Self { value: inner::$name::new(value), turn: inner::AtomicBool::new(false) }
            }

            #[track_caller]
            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.turn.store(true, Relaxed);
                self.value.load(order)
            }

            #[track_caller]
            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.value.store(value, order);
            }

            #[track_caller]
            pub(crate) fn compare_exchange(
                &self,
                old: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.value.compare_exchange(old, new, success, failure)
            }

            #[track_caller]
            pub(crate) fn compare_exchange_weak(
                &self,
                old: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.value.compare_exchange_weak(old, new, success, failure)
            }

            #[track_caller]
            pub(crate) fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                update: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                self.turn.store(true, Relaxed);
                self.value.fetch_update(set, fetch, update)
            }

            $(
                #[track_caller]
                pub(crate) fn $method(&self, $($argument: $ty,)* order: Ordering) -> $result {
                    self.value.$method($($argument,)* order)
                }
            )*
        }
    };
}

macro_rules! integer {
    ($name:ident: $value:ty) => {
        atomic! {
            $name: $value;
            swap(value: $value) -> $value;
            fetch_add(amount: $value) -> $value;
            fetch_sub(amount: $value) -> $value;
            fetch_or(bits: $value) -> $value;
            fetch_and(bits: $value) -> $value;
        }
    };
}

atomic! { AtomicBool: bool; swap(value: bool) -> bool; }
atomic! { AtomicPtr<T>: *mut T; swap(value: *mut T) -> *mut T; }
integer! { AtomicU8: u8 }
integer! { AtomicU32: u32 }
integer! { AtomicU64: u64 }
integer! { AtomicUsize: usize }
