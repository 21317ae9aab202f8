//! The metric types, their labels and their guards.
//!
//! A [`Family`] is everything under one name; a [`Counter`], [`Gauge`], [`Histogram`], [`Summary`], [`Info`] or
//! [`StateSet`] is one series of it. Without labels there is just the one series, so the family doesn't show.
//!
//! Handles, families, builders and guards go to other threads, and through `catch_unwind`, as they are: a panic leaves
//! no cell half written.

mod amount;
mod bounds;
mod builder;
mod call;
mod combinations;
mod core;
mod counter;
mod declared;
mod family;
mod gauge;
mod given;
mod guard;
mod handle;
mod histogram;
mod info;
mod kept;
mod labelled;
mod limit;
mod order;
mod outcome;
mod place;
mod reading;
mod removal;
mod route;
mod sources;
mod state_set;
mod summary;
mod watched;
mod zeros;

pub use amount::Amount;
pub use builder::{Builder, WithLabels, WithoutLabels};
pub use counter::Counter;
pub use family::{Family, Partial};
pub use gauge::Gauge;
pub use guard::{InProgress, Timer};
pub use histogram::{Histogram, exponential_buckets, linear_buckets};
pub use info::Info;
pub use labelled::Labelled;
pub use outcome::{HasOutcome, Outcome};
pub use state_set::StateSet;
pub use summary::Summary;

// What generated code and signatures name, and users need not.
#[doc(hidden)]
pub use {
    call::{Call, Count, Effect, Observe, On, SetTimestamp},
    declared::Declared,
    given::{Complete, Defaulted, LabelState, NoValue, NotMissing, Set, State, States, Unset},
    guard::Timed,
    handle::Handle,
    kept::{Closed, Keep, KeepValue, Keeps, OwnedLabel, Text},
    outcome::{Probe, ProbeAny, ProbeOutcome},
    watched::{Watch, watch, watched},
};

use crate::model::descriptor::Kind;
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

/// One of the metric types of this crate.
///
/// It can't be implemented elsewhere: what a backend keeps and an encoder writes is settled here.
pub trait Metric: sealed::Series + Clone + Send + Sync + 'static {
    /// The kind.
    const KIND: Kind;
}

mod sealed {
    use super::{Handle, Metric};

    pub trait Series: Sized {
        fn from_handle(handle: Handle<Self>) -> Self
        where
            Self: Metric;
    }
}

/// Writes the methods that every metric type has, for the series that it is.
macro_rules! series {
    ($metric:ident $(<$s:ident>)? . $handle:tt) => {
        impl $(<$s: $crate::LabelValue + 'static>)? $metric $(<$s>)? {
            /// The series itself, as every handle of it gives it.
            #[must_use]
            pub fn to_series(&self) -> Self {
                self.clone()
            }

            /// Takes the series out of its family; false when it is not there. An update brings it back, from zero.
            pub fn remove(&self) -> bool {
                self.$handle.remove()
            }

            /// What the metric is.
            pub fn descriptor(&self) -> &$crate::model::descriptor::Descriptor {
                $crate::metrics::handle::Target::core(&self.$handle).descriptor()
            }

            /// The family as something that can be registered.
            pub fn collector(&self) -> std::sync::Arc<dyn $crate::collector::Collector> {
                self.$handle.collector()
            }
        }
    };
}

use series;

/// Does it again until it is done: where what it changes goes elsewhere at the same time.
#[inline]
fn retry_relocated(mut act: impl FnMut(&std::cell::Cell<bool>)) {
    // A series for which there is no room is done with.
    let done = std::cell::Cell::new(true);
    act(&done);
    while !done.replace(true) {
        std::hint::spin_loop();
        act(&done);
    }
}
