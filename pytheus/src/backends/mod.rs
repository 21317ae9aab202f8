//! Where totals live. Cells count in this process; a backend turns what they hold into what a scrape shows.
//!
//! A backend sees keys and numbers: a descriptor, label values, numbered parts. It never sees a metric type. There are
//! two ways for numbers to get from the cells to a backend, and it chooses one:
//!
//! - it offers an [`Arena`], in whose pages the threads of this process count, so that nothing needs to be sent;
//! - it is [sent](Backend::apply) what has changed, in numbered batches, by a thread that belongs to this crate.
//!
//! | backend | its name | totals of | how |
//! |---|---|---|---|
//! | [`SingleProcessBackend`] | `single` | this process | what the cells hold |
//! | [`MultiProcessFileBackend`] | `file` | the processes of a machine | an arena, in files that they map; no server |
//! | `redis::MultiProcessRedisBackend`, with the feature `redis` | `redis` | processes anywhere | sent, to a Redis or Valkey |
//!
//! [`load_backend`] takes one into use; the [guide](crate#many-processes) says what is different with several
//! processes.
//!
//! # Versions of a program
//!
//! A deploy adds a label, a bucket or a state, changes the mode of a gauge, is rolled back, and comes again; meanwhile
//! processes of both versions live. Each counts in its own declaration, and a scrape shows one family for all of them,
//! whichever process answers it:
//!
//! | what differs | the family shows |
//! |---|---|
//! | labels | the labels of all declarations. Series of a declaration without a label have its default, else no value. Where defaults differ, the oldest stands |
//! | buckets | the bounds of all declarations. A bucket is exact at the bounds that all of them have; at others, what was counted without the bound counts at the next higher one. `_count` and `_sum` are exact |
//! | states | the states of all declarations; of each series, those that the newest declaration with that series says |
//! | mode of a gauge | the newest mode, over the values that each declaration has by its own mode. Of declarations that no living process has, a gauge of another mode is over |
//! | help, unit | those of the newest |
//! | histogram and summary | a histogram, in which what the summary has observed is below no bound |
//! | any other two kinds | the newest kind. What is counted under the other one is kept but not shown, reported once, and counted in `pytheus_backend_conflicts_total{metric}` |
//!
//! The *newest* declaration is the one that a process has begun to use last, among those that living processes have. So a
//! counter never goes down and no series changes its labels while versions come and go. A label that a version has dropped
//! shows as long as there are totals with it; [`remove`](crate::metrics::Family::remove) takes a series out of every
//! declaration that has it.
//!
//! # One of your own
//!
//! Everything in [`Backend`] has a default. One that keeps totals elsewhere, and is sent what has changed, has five
//! methods:
//!
//! - [`interval`](Backend::interval) says how often;
//! - [`apply`](Backend::apply) adds a [`Batch`] to what is kept, each one once;
//! - [`load`](Backend::load) puts what is kept into [`Totals`], family by family;
//! - [`remove`](Backend::remove) drops series;
//! - [`reach`](Backend::reach) says whose numbers are added up there.
//!
//! Totals of declarations that [differ](FamilyKey::difference) are kept apart, and [put in](Totals::put) one by one.
//!
//! A [`FamilyKey`] says what a family is, also as JSON, and [how](Combine) the numbers of several processes become one;
//! [`Aggregate`] is the rule for gauges, the same in each backend. A [`SeriesKey`] has the labels of a series.
//! [`Configure`] and [`register_backend!`](crate::register_backend) give a backend a name and a configuration. The
//! example `own_backend` is the whole program, and the feature `conformance` has a suite of what each backend has to do,
//! which runs against yours, too.

pub(crate) mod api;
pub(crate) mod config;
#[cfg(all(unix, feature = "conformance"))]
pub mod conformance;
#[cfg(unix)]
mod failpoint;
#[cfg(unix)]
mod file;
#[cfg(feature = "redis")]
pub mod redis;
pub(crate) mod runtime;
mod single;

pub use api::{
    Aggregate, Arena, At, Backend, BackendError, Batch, Begun, Change, Combine, FamilyKey, FamilyKeyError, Page, Reach,
    Removal, SeriesKey, Totals, WriterId, process_label,
};
#[doc(hidden)]
pub use api::{Counted, FamilyTotals};
pub use config::{BackendClass, Config, ConfigError, Configure, Load, LoadError, LoadedBy, Secret};
#[cfg(unix)]
#[doc(hidden)]
pub use file::read_any_file;
#[cfg(unix)]
pub use file::{FileError, FileFault, MultiProcessFileBackend};
#[cfg(feature = "redis")]
pub use redis::{MultiProcessRedisBackend, RedisFault};
#[doc(hidden)]
pub use runtime::BeforeLoad;
pub use runtime::{FlushError, flush, load_backend, shutdown};
pub use serde_json::{Value, json};
pub use single::SingleProcessBackend;

#[cfg(all(unix, not(any(target_os = "emscripten", miri))))]
pub use crate::sync::CloseOnFork;

use crate::model::error::into_io_error;

into_io_error!(ConfigError FamilyKeyError FlushError LoadError);
