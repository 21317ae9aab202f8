//! The metric types, their labels and their guards.
//!
//! A [`Family`] is everything under one name; a [`Counter`], [`Gauge`], [`Histogram`], [`Summary`], [`Info`] or
//! [`StateSet`] is one series of it. Without labels there is just the one series, so the family doesn't show.

mod amount;
mod builder;
mod call;
mod child;
mod core;
mod counter;
mod declared;
mod family;
mod gauge;
mod guard;
mod histogram;
mod info;
mod labelled;
mod limit;
mod outcome;
mod state_set;
mod summary;
mod watched;

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
    child::Handle,
    declared::Declared,
    guard::Timed,
    labelled::{Complete, Defaulted, LabelState, Set, State, States, Unset},
    outcome::{Probe, ProbeAny, ProbeOutcome},
    watched::{Watch, watch, watched},
};

use crate::descriptor::{Descriptor, Kind};
use crate::labels::LabelValues;
use crate::number::Number;
use crate::snapshot::FamilySnapshot;
use crate::storage::Cells;

/// One of the metric types of this crate.
///
/// It can't be implemented elsewhere: what a backend keeps and an encoder writes is settled here.
pub trait Metric: sealed::Parts + Clone + Send + Sync + 'static {
    /// The kind.
    const KIND: Kind;
}

mod sealed {
    use super::{Cells, Descriptor, FamilySnapshot, Handle, LabelValues, Number};

    /// How a metric type is counted and how its parts become samples.
    pub trait Parts: Sized {
        type Cells: Cells;

        fn cells(descriptor: &Descriptor) -> Self::Cells;

        /// The samples of one series.
        fn samples(descriptor: &Descriptor, labels: &LabelValues, parts: &[Number], out: &mut FamilySnapshot);

        fn from_handle(handle: Handle<Self>) -> Self
        where
            Self: super::Metric;
    }
}

/// Writes the methods that every metric type has, for the series that it is.
macro_rules! series {
    ($metric:ident $(<$s:ident>)? . $handle:tt) => {
        impl $(<$s: $crate::LabelValue + 'static>)? $metric $(<$s>)? {
            /// The series itself, as every handle of it gives it.
            #[must_use]
            pub fn child(&self) -> Self {
                self.clone()
            }

            /// Takes the series out of its family; false when it is not there. An update brings it back, from zero.
            pub fn remove(&self) -> bool {
                self.$handle.remove()
            }

            /// What the metric is.
            pub fn descriptor(&self) -> &$crate::descriptor::Descriptor {
                self.$handle.core().descriptor()
            }

            /// The family as something that can be registered.
            pub fn collector(&self) -> std::sync::Arc<dyn $crate::collector::Collector> {
                self.$handle.collector()
            }
        }
    };
}

use series;
