//! Where totals live: in one process, in the files of a machine, or in a Redis. Metrics are counted in cells of the process;
//! a backend aggregates the cells of all processes into what a scrape shows.
//!
//! | backend | name | totals of | mechanism |
//! |---|---|---|---|
//! | [`SingleProcessBackend`] | `single` | this process | reads the cells |
//! | `MultiProcessFileBackend`, with the feature `file` | `file` | the processes of a machine | memory-mapped files; no server |
//! | `redis::MultiProcessRedisBackend`, with the feature `redis` | `redis` | processes anywhere | batches, sent to a Redis or Valkey |
//!
//! [`load_backend`] loads one, as a [`BackendSpec`] or the environment describes it; [`flush`] and [`shutdown`] hand over
//! the last counts before a process ends. The [guide](crate::guide::processes) says what is different with several
//! processes. The page [`custom`] is for a backend of your own.
//!
//! # Versions of a program
//!
//! A deploy adds a label, a bucket or a state, changes the mode of a gauge, is rolled back, and comes again; meanwhile
//! processes of both versions live. Each version counts in its own declaration of the family. A scrape merges them into one
//! family, the same whichever process answers it:
//!
//! | difference | merged family |
//! |---|---|
//! | labels | the labels of all declarations. A series of a declaration without a label has the label's default, else no value. Where defaults differ, the oldest counts |
//! | buckets | the bounds of all declarations. A bucket is exact at the bounds common to all; at the others, observations of a declaration without the bound count at its next higher one. `_count` and `_sum` are exact |
//! | states | the states of all declarations; the values of a series come from the newest declaration with that series |
//! | mode of a gauge | the newest mode, over the values that each declaration has by its own mode. A value of another mode is dropped once no living process declares that mode |
//! | help, unit | the newest |
//! | histogram and summary | a histogram; observations of the summary count in the bucket `+Inf` alone |
//! | any other two kinds | the newest kind. Numbers of the other kind are kept but not shown, reported once, and counted in `pytheus_backend_conflicts_total{metric}` |
//!
//! The *newest* declaration is the last one taken into use, among the declarations of living processes. So a counter never
//! goes down and no series changes its labels while versions come and go. A label dropped by a version shows as long as
//! there are totals with it; [`remove`](crate::metrics::Family::remove) takes a series out of every declaration.

pub(crate) mod api;
pub(crate) mod config;
pub mod custom;
#[cfg(all(unix, feature = "file"))]
mod failpoint;
#[cfg(all(unix, feature = "file"))]
pub(crate) mod file;
#[cfg(feature = "redis")]
pub mod redis;
pub(crate) mod runtime;
mod single;

pub use api::BackendError;
#[cfg(feature = "backend-config")]
pub use config::ConfigError;
pub use config::{BackendSpec, LoadError, LoadedBy};
#[cfg(all(unix, feature = "file"))]
pub use file::{FileError, FileFault, MultiProcessFileBackend};
#[cfg(feature = "redis")]
pub use redis::{MultiProcessRedisBackend, RedisFault};
pub use runtime::{FlushError, flush, load_backend, shutdown, shutdown_async};
#[cfg(feature = "backend-config")]
pub use serde_json::{Value, json};
pub use single::SingleProcessBackend;

use crate::model::error::into_io_error;

into_io_error!(FlushError LoadError);
#[cfg(feature = "backend-config")]
into_io_error!(ConfigError custom::FamilyKeyError);
