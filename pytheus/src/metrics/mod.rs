//! The metric types, their labels and their guards.
//!
//! A [`Family`] is everything under one name; a [`Counter`], [`Gauge`], [`Histogram`], [`Summary`], [`Info`] or
//! [`StateSet`] is one series of it. Without labels there is just the one series, so the family doesn't show.
//!
//! Handles, families, builders and guards go to other threads, and through `catch_unwind`, as they are: a panic leaves
//! no cell half written.

mod amount;
mod builder;
pub(crate) mod call;
mod counter;
mod declared;
mod family;
mod gauge;
mod handle;
mod histogram;
mod info;
mod labels;
mod metric;
mod state_set;
mod summary;

pub use amount::Amount;
pub use builder::{Builder, WithLabels, WithoutLabels};
pub use call::{HasOutcome, InProgress, Outcome, Timer};
pub use counter::Counter;
pub use gauge::Gauge;
pub use histogram::{Histogram, exponential_buckets, linear_buckets};
pub use info::Info;
pub use labels::{Family, Labelled, Partial};
pub use metric::Metric;
pub use state_set::StateSet;
pub use summary::Summary;

// Names of signatures and of generated code.
#[doc(hidden)]
pub use {
    call::{
        Call, Count, Effect, Observe, On, PanicObserver, Probe, ProbeAny, ProbeOutcome, SetTimestamp, Timed,
        instrument, observe_panics,
    },
    declared::Declared,
    handle::{Handle, Target, Updatable},
    labels::{
        AllSet, Defaulted, EnumValue, HasValue, LabelList, LabelSlot, NoValue, NotMissing, OwnValue, OwnedLabel, Set,
        SmallText, Store, StoreAs, Unset,
    },
};

use crate::storage;

/// Sets how many threads may have cells of their own, in the whole process; 1,024 at first.
///
/// A thread with cells of its own counts without a lock and without waiting for the others. It takes some 8 KiB, and 8
/// bytes more for each counter that it counts in (16 for a gauge that tracks what is in progress, 8 for each bucket of a
/// histogram and 24 more), which the next thread takes over when it ends. Threads beyond the limit borrow cells for
/// each update, which costs some tens of nanoseconds. Those that have cells already keep them.
///
/// ```
/// pytheus::metrics::set_thread_limit(64);
/// ```
pub fn set_thread_limit(threads: usize) {
    storage::set_max_shards(threads);
}
