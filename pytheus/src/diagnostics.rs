//! The library's own metrics: refused updates, merged series, failed collectors.
//!
//! Instrumented code never sees an error. Faults are counted here, and [`REGISTRY`] exposes each metric once it is not
//! zero. Faults that need a person are also reported, once: to the program's log with the feature `tracing` or `log`,
//! to [`set_reporter`], else to standard error.
//!
//! | metric | counts |
//! |---|---|
//! | `pytheus_dropped_updates_total{reason}` | refused updates: `negative_increment`, `non_finite_increment`, `non_finite_observation`, `unknown_state`; lost updates: `no_room`, beyond the room for series of the process |
//! | `pytheus_label_overflow_total{metric,label}` | look-ups beyond a `limit`, by the label that became `__other__` |
//! | `pytheus_collector_errors_total{collector}` | failed scrapes of a custom collector, or of a gauge or counter with a closure: an error, a panic, a question for its own value, or a value that its kind does not allow |
//! | `pytheus_registration_conflicts_total{metric}` | declared metrics refused by a registry |
//! | `pytheus_backend_files_skipped_total{reason}` | files with the name of a process file, made by no process: `foreign` |
//! | `pytheus_backend_conflicts_total{metric}` | metrics left out of a scrape, because another version or program declares the name with an incompatible kind |
//! | `pytheus_backend_errors_total{kind}` | failures of a [backend](crate::backends): `load`, loading it as the environment says; `health`, its own metrics; `ship`, sending a batch; `fold`, archiving the counts of ended processes; `spool`, recovering the unsent counts of a killed process |
//!
//! All of them count this process alone. A registry adds no prefix and no constant labels, so that the same alert fits
//! every service.
//!
//! [`REGISTRY`]: crate::registry::REGISTRY

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;

use crate::collector::Collector;
use crate::model::descriptor::{Declare, Descriptor, GaugeMode, Kind};
use crate::model::error::{CollectError, RegisterError};
use crate::model::key::Labels;
use crate::model::labels::LabelSpec;
use crate::model::location::Location;
use crate::model::snapshot::{FamilySnapshot, PointValue};
pub use crate::report::set_reporter;
use crate::report::{self, FaultCount, SelfMetric, count, report};
use crate::sync;

/// The reason of a refused update.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Dropped {
    NegativeIncrement,
    NonFiniteIncrement,
    NonFiniteObservation,
    UnknownState,
    NoRoom,
}

impl Dropped {
    fn reason(self) -> &'static str {
        match self {
            Self::NegativeIncrement => "negative_increment",
            Self::NonFiniteIncrement => "non_finite_increment",
            Self::NonFiniteObservation => "non_finite_observation",
            Self::UnknownState => "unknown_state",
            Self::NoRoom => "no_room",
        }
    }
}

/// Counts a refused update.
#[cold]
pub(crate) fn dropped(why: Dropped) {
    count(SelfMetric::DroppedUpdates, &[why.reason()]);
}

/// Counts a look-up with a label that became `__other__`.
pub(crate) fn overflowed(metric: &str, label: &str) {
    count(SelfMetric::LabelOverflow, &[label, metric]);
}

/// Counts and reports a failed collector, by its first family.
pub(crate) fn collector_failed(collector: Option<&Descriptor>, error: &dyn fmt::Display) {
    let (name, location) = collector.map_or_else(Default::default, |descriptor| {
        (descriptor.name(), format!(" (described at {})", descriptor.location()))
    });
    count(SelfMetric::CollectorErrors, &[name]);
    report(("collector", name), &format!("collector `{name}`{location} is left out of the scrape: {error}"));
}

/// Counts and reports a gauge whose closure failed.
pub(crate) fn reading_failed(descriptor: &Descriptor, labels: &Labels<'_>, why: &dyn fmt::Display) {
    let metric = descriptor.name();
    count(SelfMetric::CollectorErrors, &[metric]);
    let message = format!(
        "the closure that `{}` (declared at {}) is read with gave no value, so that the series is left out of the scrape: \
         {why}",
        series_text(metric, labels),
        descriptor.location()
    );
    report(("reading", metric), &message);
}

/// Counts and reports a counter whose source failed.
pub(crate) fn source_failed(descriptor: &Descriptor, labels: &Labels<'_>, why: &dyn fmt::Display) {
    let metric = descriptor.name();
    count(SelfMetric::CollectorErrors, &[metric]);
    let message = format!(
        "the closure that `{}` (declared at {}) is read with gave no value, so that the series shows what it has counted so \
         far: {why}",
        series_text(metric, labels),
        descriptor.location()
    );
    report(("reading", metric), &message);
}

fn series_text(metric: &str, labels: &Labels<'_>) -> String {
    match labels.exposed() {
        "" => metric.to_owned(),
        labels => format!("{metric}{{{labels}}}"),
    }
}

/// Counts and reports a declared metric refused by a registry.
pub(crate) fn conflict(metric: &str, error: &RegisterError) {
    count(SelfMetric::RegistrationConflicts, &[metric]);
    let error = error.to_string();
    // Identified by its text: a third metric of the same name is another conflict.
    report(("conflict", &error), &format!("{error}; until then `{metric}` as it stands there counts unseen"));
}

/// Counts and reports a family of another program hidden by a metric of this one.
pub(crate) fn hidden(descriptor: &Descriptor) {
    let name = descriptor.name();
    count(SelfMetric::BackendConflicts, &[name]);
    let message = format!(
        "another process has a {} `{name}`, of which a metric of this one has a name: it is left out of the scrape",
        descriptor.kind()
    );
    report(("hidden", name), &message);
}

/// Returns the collector of the library's own metrics, for a registry other than
/// [`REGISTRY`](crate::registry::REGISTRY).
///
/// ```
/// use pytheus::registry::{CollectorRegistry, Registry};
///
/// let registry = CollectorRegistry::new();
/// registry.register(pytheus::diagnostics::collector())?;
/// # Ok::<(), pytheus::error::RegisterError>(())
/// ```
pub fn collector() -> Arc<dyn Collector> {
    static COLLECTOR: std::sync::LazyLock<Arc<Diagnostics>> = std::sync::LazyLock::new(|| Arc::new(Diagnostics));
    // Made under a lock.
    let _inside = sync::enter();
    COLLECTOR.clone()
}

#[derive(Debug)]
struct Diagnostics;

impl Collector for Diagnostics {
    fn descriptors(&self) -> Vec<Descriptor> {
        OWN.iter().map(|family| family.build()).collect()
    }

    fn collect(&self) -> Result<Vec<FamilySnapshot>, CollectError> {
        Ok(families())
    }
}

/// Returns whether the library can give samples of this name.
pub(crate) fn gives(name: &str) -> bool {
    OWN.iter().any(|family| family.name == name)
}

/// Returns whether this is the collector of the library's own metrics.
pub(crate) fn is_own(collector: &Arc<dyn Collector>) -> bool {
    (**collector).type_id() == TypeId::of::<Diagnostics>()
}

/// Returns the library's own metrics with values other than zero.
pub(crate) fn families() -> Vec<FamilySnapshot> {
    let mut families = Vec::new();
    report::counts(|series| {
        let mut snapshot = FamilySnapshot::new(&OWN[series[0].family as usize].build());
        for FaultCount { labels, times, .. } in series {
            let values: Vec<_> = labels.iter().map(String::as_str).collect();
            snapshot.push_point(&values, PointValue::Number((*times).into()));
        }
        families.push(snapshot);
    });
    families
}

static REASON: [LabelSpec; 1] = [LabelSpec::declared("reason", None, None)];
static LABEL_METRIC: [LabelSpec; 2] =
    [LabelSpec::declared("label", None, None), LabelSpec::declared("metric", None, None)];
static FAILED: [LabelSpec; 1] = [LabelSpec::declared("collector", None, None)];
static METRIC: [LabelSpec; 1] = [LabelSpec::declared("metric", None, None)];
static KIND: [LabelSpec; 1] = [LabelSpec::declared("kind", None, None)];

/// In the order of [`SelfMetric`].
static OWN: [Declare; 7] = [
    declare("pytheus_dropped_updates_total", "Updates that were refused or found no room, by reason.", &REASON),
    declare(
        "pytheus_label_overflow_total",
        "Look-ups of a series whose label became `__other__`, since the metric has as many series as it may.",
        &LABEL_METRIC,
    ),
    declare("pytheus_collector_errors_total", "Scrapes of a custom collector that failed or panicked.", &FAILED),
    declare(
        "pytheus_registration_conflicts_total",
        "Declared metrics that a registry did not take: a different one has their name, or a constant label is theirs.",
        &METRIC,
    ),
    declare(
        "pytheus_backend_files_skipped_total",
        "Files that have the name of a process' file and were made by none, by reason.",
        &REASON,
    ),
    declare(
        "pytheus_backend_conflicts_total",
        "Metrics of other processes that were left out of a scrape, since another one of their name differs.",
        &METRIC,
    ),
    declare("pytheus_backend_errors_total", "What a backend could not do, by kind.", &KIND),
];

#[track_caller]
const fn declare(name: &'static str, help: &'static str, labels: &'static [LabelSpec]) -> Declare {
    Declare {
        kind: Kind::Counter,
        name,
        help,
        unit: None,
        labels,
        buckets: &[],
        states: &[],
        mode: GaugeMode::Shared,
        limit: None,
        zero_series: false,
        location: Location::caller(),
    }
}
