//! Prometheus instrumentation driven by macros: annotate a function or declare a metric, and it can be scraped.
//!
//! - [Quickstart](#quickstart)
//! - [The types](#the-types)
//! - [Labels](#labels)
//! - [Functions](#functions)
//! - [Under another name](#under-another-name)
//! - [The registry](#the-registry)
//! - [Exposition](#exposition)
//! - [Custom collectors](#custom-collectors)
//! - [Many processes](#many-processes)
//! - [What can go wrong](#what-can-go-wrong)
//! - [In your tests](#in-your-tests)
//! - [Features](#features)
//! - [Plug-ins and static libraries](#plug-ins-and-static-libraries)
//! - [Platforms](#platforms)
//! - [How a number travels](#how-a-number-travels)
//! - [Coming from Python](#coming-from-python)
//!
//! # Quickstart
//!
//! ```
//! use pytheus::exposition::generate_metrics;
//! use pytheus::{histogram, metric};
//!
//! metric! {
//!     /// Time an endpoint takes to respond.
//!     pub static HTTP_REQUEST_DURATION_SECONDS: Histogram = "http_request_duration_seconds";
//! }
//!
//! fn home() -> &'static str {
//!     let _timer = HTTP_REQUEST_DURATION_SECONDS.time();
//!     "hello world!"
//! }
//!
//! #[histogram(HTTP_REQUEST_DURATION_SECONDS)]
//! async fn slow() -> &'static str {
//!     "hello world! from slow!"
//! }
//!
//! home();
//! let text = generate_metrics()?;
//! assert!(text.contains("http_request_duration_seconds_count 1\n"));
//! # Ok::<(), pytheus::error::ScrapeError>(())
//! ```
//!
//! Serve the text under `/metrics`. A scrape that fails is answered with 503: Prometheus then knows that it has no
//! value. With axum:
//!
//! ```text
//! async fn metrics() -> Response {
//!     match tokio::task::spawn_blocking(generate_metrics).await {
//!         Ok(Ok(text)) => ([(CONTENT_TYPE, PROMETHEUS_CONTENT_TYPE)], text).into_response(),
//!         Ok(Err(error)) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
//!         Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
//!     }
//! }
//! ```
//!
//! The example `quickstart` is the whole program.
//!
//! # The types
//!
//! | type | for | as a scrape shows it |
//! |---|---|---|
//! | [`Counter`] | what only goes up: requests, errors, bytes | one sample |
//! | [`Gauge`] | what goes up and down: queue lengths, work in progress | one sample |
//! | [`Histogram`] | distributions: durations, sizes | `_bucket`, `_sum`, `_count` |
//! | [`Summary`] | averages, at the least cost | `_sum`, `_count` |
//! | [`Info`] | facts: version, commit | one sample, 1 |
//! | [`StateSet`] | states, those of an enum | one sample per state, 0 or 1 |
//!
//! Each can be declared by [`metric!`], written by an attribute on a function, or built at run time:
//! `Counter::builder(name, help).label_names(..).build()?`. A name stands in the output as it stands in the source, so that it
//! can be found with grep: nothing is appended but the suffixes above. End counters in `_total`.
//!
//! A metric without labels that was never touched is exposed at zero. Amounts are [numbers of any
//! type](metrics::Amount); whole amounts added to a counter are exact to 2^64.
//!
//! A gauge may say how the values of [several processes](#many-processes) become one: `mode`.
//!
//! # Labels
//!
//! ```
//! use pytheus::{LabelValue, metric};
//!
//! #[derive(LabelValue)]
//! enum Method {
//!     Get,
//!     Post,
//! }
//!
//! metric! {
//!     /// Hits of a page.
//!     static PAGE_HITS: Counter = "page_hits_total" { labels: { method: Method, status = "200", region } };
//! }
//!
//! // One method per label, in any order; `status` has a default.
//! PAGE_HITS.method(Method::Get).region("eu").inc();
//!
//! // Partial: keep it, finish it later. `None` is the empty value, which is the same as the label being absent.
//! let get = PAGE_HITS.method(Method::Get);
//! get.region(None::<&str>).status("404").inc_by(2.0);
//!
//! // Names known only at run time: a Result, whose error names what is missing, unknown or not among the values.
//! PAGE_HITS.labels([("method", "get"), ("region", "us")])?.inc();
//! let error = PAGE_HITS.labels([("metod", "get")]).unwrap_err();
//! assert_eq!(error.missing(), ["method", "region"]);
//! assert_eq!(error.unknown(), ["metod"]);
//! # Ok::<(), pytheus::error::LabelError>(())
//! ```
//!
//! - A handle that still misses a required label has no `inc`: `PAGE_HITS.region("eu").inc()` is the compile error
//!   *a required label has no value yet: `Unset<method>`*.
//! - To keep a handle in a struct, finish it with `to_series()`, which gives a plain `Counter`, or make it a
//!   [`Partial`](metrics::Partial) with `to_partial()`. A metric built at run time is a [`Family`](metrics::Family).
//! - A series is its label values by name. The order they are given in does not matter, and an explicit value equal to
//!   the default is the same series.
//! - When every label is a closed set, such as a derived enum, all combinations are exposed at zero from the first
//!   scrape, up to 1,000 of them; `zero_series: false` turns that off.
//! - A label named like a method of the handle is set with `label_` before it: `label_time(..)`. One named like a
//!   keyword is written `r#type`.
//! - `limit: 100` bounds the series: beyond it (with several labels a sixteenth is kept free for `__other__`), the label with the most distinct values becomes `__other__`, and
//!   `pytheus_label_overflow_total` names it.
//! - `remove`, `retain` and `clear` take series out. An update through a handle that still refers to one brings it
//!   back, from zero.
//!
//! # Functions
//!
//! ```
//! use pytheus::{counter, gauge, histogram};
//!
//! # struct Money { currency: &'static str }
//! # struct Receipt;
//! # #[derive(Debug)]
//! # enum ChargeError { Declined, Network }
//! /// Time that a charge takes.
//! #[histogram(name = "charge_seconds", buckets = [0.05, 0.1, 0.25, 1.0], labels(currency = amount.currency, outcome))]
//! #[gauge(name = "charges_in_progress", help = "Charges in progress.", track_inprogress)]
//! #[counter(name = "charges_declined_total", help = "Charges declined.", on = Err(ChargeError::Declined))]
//! async fn charge(amount: Money) -> Result<Receipt, ChargeError> {
//!     // ..
//! #   if amount.currency.is_empty() { Err(ChargeError::Network) } else { Ok(Receipt) }
//! }
//! ```
//!
//! [`#[counter]`](macro@counter), [`#[gauge]`](macro@gauge), [`#[histogram]`](macro@histogram) and
//! [`#[summary]`](macro@summary) never change a signature, and stack. They know how a call ends: ok, error, panicked,
//! or cancelled, when a future is dropped before it is done. A future that is never polled counts nothing.
//!
//! # Under another name
//!
//! The attributes and the derive write `::pytheus`. In a crate that has it under another name, say so once in the crate
//! root, `extern crate metrics_of_ours as pytheus;`, or in each use, `#[counter(.., crate = metrics_of_ours)]`,
//! `#[label_value(crate = metrics_of_ours)]`. [`metric!`] finds its way by itself.
//!
//! # The registry
//!
//! Declared metrics show in [`REGISTRY`] by themselves. What stands behind it can be swapped:
//!
//! ```
//! use pytheus::registry::{CollectorRegistry, REGISTRY};
//!
//! REGISTRY.set_registry(CollectorRegistry::new().with_prefix("shop")?.with_labels([("region", "eu")])?);
//! # Ok::<(), pytheus::error::DescriptorError>(())
//! ```
//!
//! Two declarations of one name that describe the same metric share it: same kind, labels, unit, buckets, states and
//! mode; the first by crate, file and line gives the help. When they differ, building at run time is an error that
//! names both places; of two declared ones the first keeps the name, the other counts unseen, and that is reported
//! once and counted in `pytheus_registration_conflicts_total`.
//!
//! **Metrics in a library.** A dependency that is not named anywhere in the source of a program is not linked into it,
//! and neither are its metrics, without a warning. A crate that holds nothing but metrics needs one line where it is
//! used: `use that_crate as _;`. [Plug-ins and static libraries](#plug-ins-and-static-libraries) have rules of their own.
//!
//! # Exposition
//!
//! Prometheus text 0.0.4, in a reproducible order: families by name, series by label values, labels by name, the
//! constant ones of a registry first.
//! [`generate_metrics_from`](exposition::generate_metrics_from) writes a registry of your own,
//! [`append_metrics`](exposition::append_metrics) into a text that is kept, and
//! [`write_metrics`](exposition::write_metrics) piece by piece into anything that can be written to.
//!
//! # Custom collectors
//!
//! Implement [`Collector`](collector::Collector), or give a closure to [`collector_fn`](collector::collector_fn), for
//! numbers that are known elsewhere. For a single one, [`Gauge::set_function`](metrics::Gauge::set_function) takes a closure.
//! Both may ask for the values of other metrics, but not for their own, nor for a whole scrape.
//!
//! # Many processes
//!
//! A [backend](backends) says where the totals live; there is one for the life of a process. By itself it is
//! [`SingleProcessBackend`](backends::SingleProcessBackend): what this process has counted is the total. With
//! [`MultiProcessFileBackend`](backends::MultiProcessFileBackend) the processes of a machine share a directory, and
//! whichever of them is scraped shows the totals of all, those that have ended included. It needs no server, and
//! counting goes the same way. Two variables load it, and nothing in the program changes:
//!
//! ```text
//! PYTHEUS_BACKEND_CLASS=file
//! PYTHEUS_BACKEND_CONFIG=pytheus.json
//!
//! pytheus.json: {"directory": "/dev/shm/shop"}
//! ```
//!
//! With `redis` and the feature of that name, they may be on any machines: `{"host": "127.0.0.1", "port": 6379}`. Nobody
//! who counts waits for Redis: a thread sends what has changed, in numbered batches that count once. The page of
//! `backends::redis::MultiProcessRedisBackend` says what can be configured, and what holds when connections break, Redis
//! loses data, or a process is killed; the example `redis` is a whole program.
//!
//! [`load_backend`](backends::load_backend) does the same, where each of class and configuration comes before that of the
//! environment. Called at the start of `main`, it says so when they are wrong. Without it, the first use of a metric has
//! a thread of the library load what they say. That first use waits for the thread, which needs milliseconds; where
//! another process holds a lock, a disk hangs or a server is away, it counts on in memory after about a quarter of a
//! second, or 2 seconds in a queue of processes that all begin, once in the life of the process. Until the load succeeds
//! it is repeated, with pauses of 1 to 30 seconds, and each scrape fails with the reason, after 2 seconds at most if a
//! load is under way. What was counted before is carried over. A process that ends meanwhile waits for its load for 5
//! seconds; one that is killed meanwhile loses what it has counted.
//!
//! ```
//! # #[cfg(unix)] {
//! use pytheus::backends::{Load, MultiProcessFileBackend, json, load_backend};
//!
//! # let directory = std::env::temp_dir().join(format!("pytheus-guide-{}", std::process::id()));
//! load_backend(Load::class::<MultiProcessFileBackend>().config(json!({ "directory": directory })))?;
//! # pytheus::backends::shutdown(std::time::Duration::from_secs(1))?;
//! # std::fs::remove_dir_all(directory)?;
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Counters, histograms and summaries add up, and no total goes down when a process ends, however it ends. A gauge says
//! what it means by its `mode`:
//!
//! | `mode:` | a scrape shows | for |
//! |---|---|---|
//! | `shared`, the default | one value for all: what was set last, plus what was added since; it stays when they end | settings, queue lengths |
//! | `live_sum` | the sum over the living | connections; `track_inprogress` of an attribute has it by itself |
//! | `live_min`, `live_max` | the least, the greatest of the living | the oldest data, the longest queue |
//! | `most_recent` | the value that was set last, by any process; it stays when they end | the time of the last backup |
//! | `live_most_recent` | the value that one of the living has set last | the current leader's term |
//! | `per_process` | a series for each of the living, told apart by the label `pid` | memory, threads |
//!
//! A gauge that nobody has set shows as 0 if it is `shared` or `live_sum`, and not at all in the other modes, where 0 would
//! be a value that nobody has. The same holds in one process. [`Aggregate`](backends::Aggregate) is the rule that makes
//! one value of several, the same with each backend, also for NaN and for values that were set at the same time.
//!
//! State sets are `shared`; an info metric shows what the living state. The page of the
//! [backend](backends::MultiProcessFileBackend) says what holds when a process is killed, a file is damaged, a disk is
//! full, or two programs differ. And:
//!
//! - **One address** is what Prometheus should scrape, as each process shows the totals of all: a sum over several targets
//!   would count them several times.
//!
//! - **A fork** makes a process of its own: the child begins at zero, beside its parent. Load before you fork: a child
//!   that loads by itself brings along what its parent had counted until then.
//! - **Removing** a series takes it out of the totals of all, at once in this process and soon after in the others,
//!   also when this one does not have it. `retain` and `clear` see those that this process has.
//! - **A registry** is the same one in several processes, and in several programs, when its
//!   [scope](registry::CollectorRegistry::with_scope) is: by itself, the prefix and the labels that it puts on. Of
//!   several in a program that put on the same, only one can have a metric of a name: give the others a scope. What
//!   only other programs have shows in a registry of their scope; where that is empty, in the one behind [`REGISTRY`].
//! - **What only the process that answers can know** is of that process alone: custom collectors, gauges that are read
//!   by a closure, and the library's [own metrics](diagnostics). A `limit` bounds the series of each process, not of
//!   all together.
//! - **Before a process ends** nothing has to be called with the backend of files. One that is sent what has changed, as
//!   that of Redis, loses the last moments without [`flush`](backends::flush) or [`shutdown`](backends::shutdown): the
//!   example `quickstart` calls it when it is asked to end. For a kill, Redis has a spool.
//!
//! A backend of your own is a type that implements [`Backend`](backends::Backend), and
//! [`Configure`](backends::Configure) to have a name: [`backends`] and the example `own_backend` say how.
//!
//! # What can go wrong
//!
//! Declaring, labelling by name, registering, loading a backend, flushing and scraping return typed [errors](error),
//! which go with `?` through any `main`: one of a `Box<dyn Error>`, of an `io::Error`, or of any error. Counting does
//! not: a value that can't be counted is refused, and [counted itself](diagnostics). Nothing of ours panics in a
//! request; an expression for a label is your code, and may.
//!
//! A scrape fails when the totals can't be had: when what the environment says of a backend is wrong, or the backend
//! can't reach them. No smaller number stands in for them: to Prometheus that would be a counter which was reset. What
//! a person has to see to is [reported](diagnostics::set_reporter) once, too.
//!
//! All series of a process share 8 million cells, of which a counter takes one or two, a gauge three to five and a
//! histogram as many as it has buckets and four more; gauges that processes share have 8 million of their own. A series
//! that finds none stays at zero, and each update of it is counted as `no_room`, until there is room: once other series
//! were removed, and the next scrape, or [`clear`](metrics::Family::clear), has let them go. So it is with one that begins
//! when the disk of a backend is full, which is tried again once in a second.
//!
//! An update that adds a series does a bounded amount of work, however many there are: no table is ever copied as a whole.
//! Removed series give their memory back to the allocator, which may keep it for the process; their cells stay, eight
//! bytes each in every thread that has counted there, for the series to come.
//!
//! After a fork all of this works in the child. Where the totals are those of one process it counts on from what its
//! parent had; of what threads of the parent were doing then, at most the update that each was in the middle of is
//! missing there.
//!
//! # In your tests
//!
//! [`sample_value`](Registry::sample_value) reads a sample, [`assert_metric!`] checks a change. The tests of
//! one file share their metrics; [`testing`] says how to keep them apart.
//!
//! ```
//! # pytheus::metric! {
//! #     /// Orders.
//! #     static ORDERS: Counter = "orders_total" { labels: { kind } };
//! # }
//! pytheus::assert_metric!("orders_total" { kind = "book" } += 1, {
//!     ORDERS.kind("book").inc();
//! });
//! ```
//!
//! # Features
//!
//! `fast-clock`, on by default: [timers](metrics::Timer#the-clock) read the CPU's own counter where it can be trusted.
//!
//! `tracing`, `log`: what the library has to [report](diagnostics) goes there, under the target `pytheus`, once the
//! program has a subscriber or a logger; with both, to `tracing`. Else to standard error.
//!
//! `redis`: totals of processes on any machines, in a Redis or Valkey, see [many processes](#many-processes). `redis-tls`:
//! the same, and through TLS.
//!
//! `conformance`: what each backend has to do, as a suite that a test runs against one of your own.
//!
#![doc = include_str!("platforms.md")]
//!
#![doc = include_str!("travels.md")]
//!
#![doc = include_str!("python.md")]

pub mod backends;
pub mod collector;
pub mod diagnostics;
pub mod exposition;
pub mod metrics;
pub mod registry;
pub mod testing;

#[cfg(not(target_has_atomic = "64"))]
compile_error!("pytheus counts in 64-bit atomics (`AtomicU64`), which this target does not have");
#[cfg(all(feature = "redis", target_family = "wasm", not(unix)))]
compile_error!(
    "the feature `redis` of pytheus needs a network and threads, which wasm does not have; ask for it below \
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
pub use metrics::{Counter, Gauge, Histogram, Info, StateSet, Summary};
pub use model::key::Labels;
pub use model::labels::LabelValue;
pub use model::{descriptor, error, snapshot};
pub use pytheus_macros::{LabelValue, counter, gauge, histogram, summary};
#[doc(no_inline)]
pub use registry::{REGISTRY, Registry};

/// The README's program is a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
