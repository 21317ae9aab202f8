//! Help for your own tests.
//!
//! [`Registry::sample_value`] reads a sample; [`assert_metric!`] checks the change made by a block of code.
//!
//! Declared metrics live as long as the process, and `cargo test` runs the tests of one file in one process, several at
//! a time. So tests see each other's counts, in totals and in changes. Choose one way to keep them apart:
//!
//! - a label value per test,
//! - [`exclusive`] in every test with a common metric, or
//! - a process per test, with `cargo nextest`.
//!
//! # Examples of docs
//!
//! In edition 2024 rustdoc compiles all examples of a crate's docs into one program, and runs each in a process of its
//! own. So every example registers the metrics of all: two declarations of one name collide, and no registry starts
//! empty. The fence `standalone_crate` gives an example a program of its own, as in edition 2021:
//!
//! ````text
//! ```standalone_crate
//! #[pytheus::counter(name = "jobs_total", help = "Jobs.")]
//! fn run() {}
//! ```
//! ````
//!
//! [`assert_metric!`]: crate::assert_metric

use std::any::Any;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::collector::Collector;
use crate::diagnostics;
use crate::metrics::FamilyCore;
use crate::model::descriptor::Kind;
use crate::model::error::ScrapeError;
use crate::model::snapshot::FamilySnapshot;
use crate::registry::{self, Registry};

/// Checks that a block changes a sample by an amount, and returns the block's value.
///
/// A missing sample counts as zero. `in registry` reads another registry than [`REGISTRY`](crate::registry::REGISTRY).
/// Label values implement [`LabelValue`](trait@crate::LabelValue). The block may `.await`.
///
/// ```
/// use pytheus::assert_metric;
///
/// pytheus::metric! {
///     /// Orders.
///     static ORDERS: Counter = "asserted_orders_total" { labels: { kind } };
/// }
///
/// let order = assert_metric!("asserted_orders_total" { kind = "book" } += 1, {
///     ORDERS.kind("book").inc();
///     "order 7"
/// });
/// assert_eq!(order, "order 7");
/// assert_metric!("asserted_orders_total" { kind = "toy" } += 0, { ORDERS.kind("book").inc() });
/// ```
///
/// # Panics
///
/// If the sample changed by another amount; the message has both values. Also if no metric gives samples of this name,
/// or none with these labels: a spelling mistake would pass as zero.
#[macro_export]
macro_rules! assert_metric {
    (in $registry:expr, $name:literal $({ $($label:ident = $value:expr),* $(,)? })? += $change:expr, $block:block) => {{
        let watched = $crate::testing::WatchedSample::new(&$registry, $name, ::std::vec![$($((stringify!($label), $crate::LabelValue::as_label(&$value).into_owned())),*)?]);
        let result = $block;
        watched.check($change as f64);
        result
    }};
    ($name:literal $({ $($label:ident = $value:expr),* $(,)? })? += $change:expr, $block:block) => {
        $crate::assert_metric!(in $crate::registry::REGISTRY, $name $({ $($label = $value),* })? += $change, $block)
    };
}

/// Resets a metric: its series are removed, and those exposed from the start begin again at zero. False for a collector of
/// your own.
///
/// ```
/// use pytheus::{metric, testing};
///
/// metric! {
///     /// Jobs.
///     static JOBS: Counter = "reset_jobs_total";
///     /// Time of a job.
///     static JOB_SECONDS: Histogram = "reset_job_seconds" { labels: { queue } };
/// }
///
/// JOBS.inc();
/// JOB_SECONDS.queue("mail").observe(0.2);
/// assert!(testing::reset(JOBS.collector()));
/// assert!(testing::reset(JOB_SECONDS.collector()));
/// assert_eq!(JOBS.get(), 0.0);
/// assert_eq!(JOB_SECONDS.queue("mail").count(), 0);
///
/// JOBS.inc();
/// assert_eq!(JOBS.get(), 1.0);
/// ```
pub fn reset(metric: Arc<dyn Collector>) -> bool {
    let core = (metric as Arc<dyn Any + Send + Sync>).downcast::<FamilyCore>();
    core.is_ok_and(|core| {
        core.clear(|_| true);
        true
    })
}

/// Resets the declared metrics of a name, as [`reset`] does: those that an attribute declares have no other handle. False
/// when none has this name; metrics with a registry of their own are not looked at.
///
/// ```
/// use pytheus::{REGISTRY, Registry, counter, testing};
///
/// #[counter(name = "named_reset_calls_total", help = "Calls.")]
/// fn call() {}
///
/// call();
/// assert!(testing::reset_named("named_reset_calls_total"));
/// call();
/// assert_eq!(REGISTRY.sample_value("named_reset_calls_total", &[]), Some(1.0));
/// assert!(!testing::reset_named("nowhere_total"));
/// ```
pub fn reset_named(name: &str) -> bool {
    let is_it = |metric: &Arc<dyn Collector>| metric.descriptors().iter().any(|descriptor| descriptor.name() == name);
    // Each of them, also after the first.
    registry::default_families(0).into_iter().filter(is_it).map(reset).fold(false, |any, done| any | done)
}

/// Returns what people and servers stumble over in the names of a registry, a line each: for a test of your own.
///
/// The rules are those of Prometheus' [naming](https://prometheus.io/docs/practices/naming/): a counter ends in `_total`
/// (`OpenMetrics` gives it no type otherwise) and nothing else does; no name ends as the parts of a histogram do; times are
/// in seconds and sizes in bytes.
///
/// ```
/// use pytheus::metrics::Counter;
/// use pytheus::registry::CollectorRegistry;
///
/// let registry = CollectorRegistry::new();
/// let _tries = Counter::builder("tries", "Tries.").registry(&registry).build()?;
/// assert_eq!(
///     pytheus::testing::lint(&registry)?,
///     ["`tries` is a counter without `_total`: OpenMetrics shows it without a type"],
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// If the totals are out of reach.
pub fn lint(registry: &dyn Registry) -> Result<Vec<String>, ScrapeError> {
    const OTHER_UNITS: [(&str, &str); 8] = [
        ("_milliseconds", "seconds"),
        ("_ms", "seconds"),
        ("_microseconds", "seconds"),
        ("_nanoseconds", "seconds"),
        ("_minutes", "seconds"),
        ("_kilobytes", "bytes"),
        ("_megabytes", "bytes"),
        ("_percent", "ratio, from 0 to 1"),
    ];
    let mut found = Vec::new();
    for family in registry.collect()? {
        let (name, is_counter) = (family.name(), family.kind() == Kind::Counter);
        if is_counter != name.ends_with("_total") {
            found.push(if is_counter {
                format!("`{name}` is a counter without `_total`: OpenMetrics shows it without a type")
            } else {
                format!("`{name}` ends in `_total` and is no counter")
            });
        }
        if let Some(suffix) = Kind::Histogram.suffixes().iter().find(|suffix| name.ends_with(**suffix)) {
            found.push(format!("`{name}` ends in `{suffix}`, like a part of a histogram"));
        }
        let bare = name.strip_suffix("_total").unwrap_or(name);
        if let Some((suffix, unit)) = OTHER_UNITS.iter().find(|(suffix, _)| bare.ends_with(suffix)) {
            found.push(format!("`{name}` ends in `{suffix}`: the unit of Prometheus is {unit}"));
        }
    }
    Ok(found)
}

/// Waits for all other guards of this function, and returns a guard that keeps later callers waiting.
///
/// ```
/// // First thing in a test:
/// let _alone = pytheus::testing::exclusive();
/// ```
pub fn exclusive() -> Exclusive {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    // A failed test has reported its own panic.
    Exclusive { _guard: ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner) }
}

/// The guard of [`exclusive`].
#[must_use = "bind it, `let _alone = ..`: dropped at once, it keeps nobody waiting"]
#[derive(Debug)]
pub struct Exclusive {
    _guard: MutexGuard<'static, ()>,
}

/// A sample, and its value at the start.
#[doc(hidden)]
#[must_use]
#[allow(missing_debug_implementations, reason = "for `assert_metric!` alone")]
pub struct WatchedSample<'a> {
    registry: &'a dyn Registry,
    name: &'a str,
    labels: Vec<(&'a str, String)>,
    before: f64,
}

impl<'a> WatchedSample<'a> {
    pub fn new(registry: &'a dyn Registry, name: &'a str, mut labels: Vec<(&'a str, String)>) -> Self {
        for (label, _) in &mut labels {
            // Keywords are written `r#type`, here as elsewhere.
            *label = label.strip_prefix("r#").unwrap_or(label);
        }
        let mut watched = Self { registry, name, labels, before: 0.0 };
        watched.before = watched.value();
        watched
    }

    #[track_caller]
    #[allow(clippy::missing_panics_doc, reason = "the macro says when")]
    pub fn check(self, expected: f64) {
        let after = self.value();
        let Self { registry, name, labels, before } = &self;
        let change = after - before;
        if after == 0.0 {
            let slip = match registry.collect() {
                Ok(families) => slip(&families, name, labels),
                Err(error) => Some(error.to_string()),
            };
            if let Some(slip) = slip {
                panic!("{slip}");
            }
        }
        // Another order of addition may change the last digits.
        let tolerance = f64::EPSILON * before.abs().max(after.abs()).max(1.0) * 4.0;
        let hint =
            if change > expected { "; did another test count at the same time? see `pytheus::testing`" } else { "" };
        assert!(
            (change - expected).abs() <= tolerance,
            "`{name}` {labels:?} should change by {expected}, but went from {before} to {after}{hint}"
        );
    }

    fn value(&self) -> f64 {
        let labels: Vec<_> = self.labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.registry.sample_value(self.name, &labels).unwrap_or(0.0)
    }
}

/// Returns the reason why no family can have such a sample. The library's own metrics are absent at zero.
fn slip(families: &[FamilySnapshot], name: &str, labels: &[(&str, String)]) -> Option<String> {
    let suffixes = |family: &FamilySnapshot| match family.kind().suffixes() {
        [] => vec![""],
        suffixes => suffixes.to_vec(),
    };
    let gives = |family: &&FamilySnapshot| {
        name.strip_prefix(family.name()).is_some_and(|suffix| suffixes(family).contains(&suffix))
    };
    if diagnostics::gives(name) {
        return None;
    }
    let Some(family) = families.iter().find(gives) else {
        let mut slip = format!("no metric gives samples named `{name}`");
        let near = families.iter().find(|family| near(name, family.name()));
        if let Some(family) = near {
            let names = suffixes(family).into_iter().map(|suffix| format!("`{}{suffix}`", family.name()));
            let _ = write!(slip, "; there is {}", names.collect::<Vec<_>>().join(", "));
        }
        return Some(slip);
    };
    let own = match family.kind() {
        Kind::StateSet => Some(family.name()),
        Kind::Histogram if name.ends_with("_bucket") => Some("le"),
        _ => None,
    };
    let mut has: Vec<_> = family.label_names().map(str::to_owned).collect();
    has.extend(own.map(str::to_owned));
    let all = || format!("`{name}` has the labels `{}`", has.join("`, `"));
    // Samples show the constant labels of their registry.
    let samples = family.samples();
    let shown = |label: &str| samples.first().is_some_and(|sample| sample.labels().any(|(name, _)| name == label));
    let known = |label: &str| has.iter().any(|name| name == label) || shown(label);
    if let Some((label, _)) = labels.iter().find(|(label, _)| !known(label)) {
        return Some(format!("{}, but no `{label}`", all()));
    }
    if let Some(label) = has.iter().find(|label| !labels.iter().any(|(given, _)| given == *label)) {
        return Some(format!("{}, and `{label}` is not given; an absent one is \"\"", all()));
    }
    let (own, value) = labels.iter().find(|(label, _)| Some(*label) == own)?;
    let mut distinct: Vec<String> = Vec::new();
    for (_, value) in samples.iter().filter_map(|sample| sample.labels().find(|(name, _)| name == own)) {
        if let Err(index) = distinct.binary_search_by(|known| known.as_str().cmp(value)) {
            distinct.insert(index, value.to_owned());
        }
    }
    if distinct.is_empty() || distinct.contains(value) {
        return None;
    }
    Some(format!("`{name}` has no `{own}=\"{value}\"`, but `{}`", distinct.join("`, `")))
}

/// Returns whether one name starts with the other, or a letter or two differ.
fn near(wanted: &str, known: &str) -> bool {
    if wanted.starts_with(known) || known.starts_with(wanted) {
        return true;
    }
    let start = wanted.bytes().zip(known.bytes()).take_while(|(a, b)| a == b).count();
    let end = wanted.bytes().rev().zip(known.bytes().rev()).take_while(|(a, b)| a == b).count();
    start + end + 2 >= wanted.len().max(known.len())
}
