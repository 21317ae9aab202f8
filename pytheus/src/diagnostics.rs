//! What the library has to say about itself: updates it refused, series it merged, collectors that failed.
//!
//! Instrumented code never sees an error. What goes wrong is counted here and exposed by [`REGISTRY`] as soon as it is
//! not zero; what needs a person to act is also reported, once, on standard error or wherever [`set_reporter`] says.
//!
//! | metric | meaning |
//! |---|---|
//! | `pytheus_dropped_updates_total{reason}` | updates refused: `negative_increment`, `non_finite_increment`, `non_finite_observation`, `unknown_state`; lost: `no_room`, there are more series than the process can count in |
//! | `pytheus_label_overflow_total{metric,label}` | look-ups of a series that found no room, by label that became `__other__`, see `limit` |
//! | `pytheus_collector_errors_total{collector}` | scrapes of a custom collector, or of a gauge read by a closure, that failed or panicked |
//! | `pytheus_registration_conflicts_total{metric}` | declared metrics that a registry did not take |
//!
//! All of them count this process alone. A registry's prefix and constant labels leave them as they are, so that the
//! same alert fits every service.
//!
//! [`REGISTRY`]: crate::registry::REGISTRY

use std::any::TypeId;
use std::fmt;
use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

use crate::collector::Collector;
use crate::descriptor::{Declare, Descriptor, GaugeMode, Kind};
use crate::error::{CollectError, RegisterError};
use crate::key::{Key as _, Labels};
use crate::labels::LabelSpec;
use crate::location::Location;
use crate::snapshot::FamilySnapshot;
use crate::storage::{self, Held, lock, read, write};
use crate::unwind::guarded;

/// Why an update was refused.
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

/// Counts an update that was refused.
#[cold]
pub(crate) fn dropped(why: Dropped) {
    own().count(DROPPED, vec![why.reason().to_owned()]);
}

/// Counts a look-up for which a label became `__other__`.
pub(crate) fn overflowed(metric: &str, label: &str) {
    own().count(OVERFLOW, vec![label.to_owned(), metric.to_owned()]);
}

/// Counts and reports a collector that failed.
pub(crate) fn collector_failed(collector: &str, error: &dyn fmt::Display) {
    own().count(COLLECTOR, vec![collector.to_owned()]);
    report(("collector", collector), &format!("collector `{collector}` is left out of the scrape: {error}"));
}

/// Counts and reports a gauge that could not be read.
pub(crate) fn reading_failed(metric: &str, labels: &Labels<'_>) {
    own().count(COLLECTOR, vec![metric.to_owned()]);
    let series = labels.exposed();
    let message =
        format!("the closure that `{metric}{{{series}}}` is read with panicked; the series is left out of the scrape");
    report(("reading", metric), &message);
}

/// Counts and reports a declared metric that a registry did not take.
pub(crate) fn conflict(metric: &str, error: &RegisterError) {
    own().count(CONFLICT, vec![metric.to_owned()]);
    let error = error.to_string();
    // By its text: a third metric of the same name is a conflict of its own.
    report(("conflict", &error), &format!("{error}; until then `{metric}` as it stands there counts unseen"));
}

/// Sends the library's reports to `reporter` in place of standard error.
///
/// Each conflict or collector is reported once in the life of the process, from the thread that met the fault. A panic of
/// `reporter` goes no further.
///
/// ```
/// pytheus::diagnostics::set_reporter(|message| eprintln!("my log: {message}"));
/// ```
pub fn set_reporter(reporter: impl Fn(&str) + Send + Sync + 'static) {
    let mut current = write(&REPORTER);
    let previous = current.replace(Arc::new(reporter));
    drop(current);
    // Without the lock: what it holds may set a reporter when it is dropped.
    drop(previous);
}

type Reporter = Arc<dyn Fn(&str) + Send + Sync>;

static REPORTER: RwLock<Option<Reporter>> = RwLock::new(None);
/// What was reported: the sort of fault, and who has it.
static REPORTED: Mutex<Vec<(&'static str, String)>> = Mutex::new(Vec::new());

/// Reports the first fault of this sort that somebody has; messages may differ at each scrape.
fn report((sort, who): (&'static str, &str), message: &str) {
    let mut known = lock(&REPORTED);
    if known.iter().any(|known| known.0 == sort && known.1 == who) {
        return;
    }
    known.push((sort, who.to_owned()));
    drop(known);
    let reporter = read(&REPORTER).clone();
    match reporter {
        // Reports come up in the middle of counting, which never fails.
        Some(reporter) => drop(guarded(|| reporter(message))),
        // A closed standard error must not take the service down.
        None => drop(writeln!(std::io::stderr(), "pytheus: {message}")),
    }
}

/// The collector of the library's own metrics, for a registry other than [`REGISTRY`](crate::registry::REGISTRY).
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
    // It is made under a lock.
    let _inside = storage::enter();
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

/// Can the library give samples of this name?
pub(crate) fn gives(name: &str) -> bool {
    OWN.iter().any(|family| family.name == name)
}

/// Is this the collector of the library's own metrics?
pub(crate) fn is_own(collector: &Arc<dyn Collector>) -> bool {
    (**collector).type_id() == TypeId::of::<Diagnostics>()
}

/// The library's own metrics, as far as they are not zero.
pub(crate) fn families() -> Vec<FamilySnapshot> {
    let mut families = Vec::new();
    for series in own().0.chunk_by(|one, next| one.family == next.family) {
        let mut snapshot = FamilySnapshot::new(&OWN[series[0].family].build());
        for Count { labels, times, .. } in series {
            snapshot.push_values(&labels[..].values(), *times);
        }
        families.push(snapshot);
    }
    families
}

const DROPPED: usize = 0;
const OVERFLOW: usize = 1;
const COLLECTOR: usize = 2;
const CONFLICT: usize = 3;

static REASON: [LabelSpec; 1] = [LabelSpec::declared("reason", None, None)];
static LABEL_METRIC: [LabelSpec; 2] =
    [LabelSpec::declared("label", None, None), LabelSpec::declared("metric", None, None)];
static FAILED: [LabelSpec; 1] = [LabelSpec::declared("collector", None, None)];
static METRIC: [LabelSpec; 1] = [LabelSpec::declared("metric", None, None)];

/// In the order of the constants above.
static OWN: [Declare; 4] = [
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
        zeros: false,
        location: Location::caller(),
    }
}

/// Sorted by family and label values. Kept apart from families: what counts the faults of families can't be one.
struct Counts(Vec<Count>);

struct Count {
    family: usize,
    labels: Vec<String>,
    times: u64,
}

impl Counts {
    fn count(&mut self, family: usize, labels: Vec<String>) {
        match self.0.binary_search_by(|known| (known.family, &known.labels).cmp(&(family, &labels))) {
            Ok(place) => self.0[place].times += 1,
            Err(place) => self.0.insert(place, Count { family, labels, times: 1 }),
        }
    }
}

fn own() -> Held<MutexGuard<'static, Counts>> {
    static COUNTS: Mutex<Counts> = Mutex::new(Counts(Vec::new()));
    lock(&COUNTS)
}
