//! A backend of your own: the seam between this crate and a store of totals.
//!
//! A [`Backend`] gets numbers from the cells of a process in one of two ways:
//!
//! - it provides an [`Arena`]: pages of memory for the cells of this process, read by other processes, so that nothing is
//!   sent; or
//! - it receives numbered [batches](Backend::apply) of changed totals from a thread of this crate, once in an
//!   [interval](Backend::interval).
//!
//! It works on keys and numbers: a descriptor, label values, numbered parts. It never sees a metric type. All methods have
//! defaults; a backend that receives batches implements five:
//!
//! - [`interval`](Backend::interval) returns the time between batches;
//! - [`apply`](Backend::apply) adds a [`Batch`] to the store, each batch once;
//! - [`load`](Backend::load) provides the stored totals to [`Totals`], family by family;
//! - [`remove`](Backend::remove) drops series;
//! - [`aggregation_scope`](Backend::aggregation_scope) returns whose numbers are added up.
//!
//! A [`FamilyKey`] identifies a family, also as JSON, and returns the [`Aggregation`] of its numbers over processes;
//! [`GaugeAggregate`] applies it to gauges, the same in every backend. A [`SeriesKey`] holds the labels of a series.
//! Declarations of a family that [differ](FamilyKey::difference) are stored apart, and [provided](Totals::provide) one by
//! one.
//!
//! With the feature `backend-config`, `Configure` and `register_backend!` give a backend a configuration and a name. The example
//! `own_backend` is a whole program. The feature `conformance` adds a suite of tests that every backend has to pass.

#[doc(no_inline)]
pub use crate::backends::BackendError;
#[cfg(feature = "backend-config")]
pub use crate::backends::api::FamilyKeyError;
pub use crate::backends::api::{
    Aggregation, AggregationScope, Arena, Backend, Batch, CellAddr, Change, FamilyKey, GaugeAggregate, NewSeries, Page,
    Removal, SeriesKey, Totals, WriterId, process_label,
};
#[cfg(feature = "backend-config")]
pub use crate::backends::config::{BackendClass, Config, Configure, Secret};
#[cfg(all(unix, not(any(target_os = "emscripten", miri))))]
pub use crate::sync::CloseOnFork;
#[cfg(feature = "backend-config")]
#[doc(no_inline)]
pub use crate::{backends::ConfigError, register_backend};
