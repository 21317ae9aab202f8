//! The metric types, their labels and their guards.
//!
//! A [`Family`] is everything under one name; a [`Counter`], [`Gauge`], [`Histogram`], [`Summary`], [`Info`] or [`StateSet`]
//! is one series of it. A metric without labels has just the one series, and no visible family.
//!
//! Handles, families, builders and guards are `Send`, `Sync` and unwind safe: a panic leaves no cell half written.

mod amount;
mod builder;
pub(crate) mod call;
mod counter;
mod declared;
mod family;
mod gauge;
mod handle;
mod histogram;
#[cfg(feature = "http")]
mod http;
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
pub use labels::{Family, LabelSet, Labelled, Partial};
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
        AllSet, Defaulted, EnumValue, HasValue, LabelList, LabelSlot, Lend, NoValue, NotMissing, OwnValue, OwnedLabel,
        Set, SetLabels, SmallText, Store, StoreAs, Unset, closed_sets, label_specs,
    },
};

pub(crate) use family::FamilyCore;

use crate::storage;

/// Limits the number of threads with cells of their own, in the whole process; 1,024 by default.
///
/// A thread with cells of its own counts without a lock and without waiting for others. It takes some 8 KiB, and 8 bytes more
/// for each counter (16 for a gauge with work in progress, 8 for each bucket of a histogram and 24 more); a later thread
/// reuses them. Threads beyond the limit borrow cells for each update, at a cost of some tens of nanoseconds. Threads with
/// cells keep them.
///
/// ```
/// pytheus::metrics::set_thread_limit(64);
/// ```
pub fn set_thread_limit(threads: usize) {
    storage::set_max_shards(threads);
}
