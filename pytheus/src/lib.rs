//! Prometheus instrumentation for Rust, driven by macros: annotate a function or declare a metric, and it can be scraped.
//!
//! ```standalone_crate
//! use pytheus::{counter, generate_metrics};
//!
//! /// Greetings, by language and outcome.
//! #[counter(name = "greetings_total", labels(language, outcome))]
//! fn greet(language: &str) -> Result<&'static str, String> {
//!     match language {
//!         "en" => Ok("hello"),
//!         "it" => Ok("ciao"),
//!         _ => Err(format!("no greeting in {language}")),
//!     }
//! }
//!
//! for language in ["en", "it", "it", "tlh"] {
//!     let _ = greet(language);
//! }
//! assert_eq!(generate_metrics()?, r#"# HELP greetings_total Greetings, by language and outcome.
//! ## TYPE greetings_total counter
//! greetings_total{language="en",outcome="ok"} 1
//! greetings_total{language="it",outcome="ok"} 2
//! greetings_total{language="tlh",outcome="error"} 1
//! "#);
//! # Ok::<(), pytheus::error::ScrapeError>(())
//! ```
//!
//! A metric registers itself before `main` runs. Updating one costs about a nanosecond and never fails, blocks or panics.
//! A scrape shows this process, all processes of a machine, or processes anywhere through Redis: your code stays the same,
//! only the [backend](backends) differs.
//!
//! # Where to go next
//!
//! | you want to | see |
//! |---|---|
//! | learn step by step | the [tutorial](guide::tutorial) |
//! | serve `/metrics` with axum or another server | [`guide::service`] |
//! | declare metrics and use labels | [`metric!`], [`guide::labels`] |
//! | instrument functions | [`#[counter]`](macro@counter), [`#[gauge]`](macro@gauge), [`#[histogram]`](macro@histogram), [`#[summary]`](macro@summary), [`guide::functions`] |
//! | add up several processes | [`guide::processes`] |
//! | move from another library | [`guide::coming_from`] |
//! | test your metrics | [`assert_metric!`], [`guide::tests`](mod@guide::tests) |
//! | know what holds when something fails | [`guide::guarantees`] |
//!
//! The [guide] lists all pages, the folder `examples` has a program per feature.

#[cfg(feature = "actix")]
pub mod actix;
pub mod backends;
pub mod collector;
#[cfg(all(unix, feature = "conformance"))]
pub mod conformance;
pub mod diagnostics;
pub mod exposition;
pub mod guide;
#[cfg(feature = "http")]
pub mod http;
pub mod metrics;
pub mod registry;
#[cfg(feature = "serve")]
pub mod serve;
pub mod testing;

#[cfg(not(target_has_atomic = "64"))]
compile_error!("pytheus counts in 64-bit atomics (`AtomicU64`), which this target does not have");
#[cfg(all(feature = "redis", target_family = "wasm", not(unix)))]
compile_error!(
    "the feature `redis` of pytheus needs a network and threads, which wasm does not have; ask for it below \
     `[target.'cfg(not(target_family = \"wasm\"))'.dependencies]`"
);
#[cfg(all(feature = "serve", target_family = "wasm"))]
compile_error!(
    "the feature `serve` of pytheus needs sockets and threads, which wasm does not have; ask for it below \
     `[target.'cfg(not(target_family = \"wasm\"))'.dependencies]`"
);

mod clock;
mod declare;
mod model;
mod reentry;
mod report;
#[allow(unsafe_code, reason = "each block says why it is sound")]
mod storage;
#[allow(unsafe_code, reason = "each block says why it is sound")]
mod sync;

#[doc(hidden)]
pub mod __private;

#[doc(no_inline)]
pub use exposition::{PROMETHEUS_CONTENT_TYPE, generate_metrics};
#[doc(no_inline)]
pub use metrics::{Counter, Gauge, Histogram, Info, LabelSet, StateSet, Summary};
pub use model::key::Labels;
pub use model::labels::{LabelBuffer, LabelValue};
pub use model::{descriptor, error, snapshot};
pub use pytheus_macros::{LabelSet, LabelValue, counter, gauge, histogram, summary};
#[doc(no_inline)]
pub use registry::{REGISTRY, Registry};
#[cfg(feature = "serve")]
pub use serve::serve;

/// The README's program is a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
