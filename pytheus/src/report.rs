//! Faults of the library and its surroundings: logged once, counted each time.
//!
//! Modules below `diagnostics` meet faults too; `diagnostics` shows the counts in a scrape.

use std::fmt;
use std::io::Write as _;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Release};
use std::sync::{Arc, Mutex, RwLock};

use crate::reentry;
use crate::sync::catch_panic;
use crate::sync::{lock, read, write};

/// Sends the library's reports to `reporter`.
///
/// Without a reporter they go to `tracing` or `log`, with the feature of that name and a subscriber or logger, else to
/// standard error. Each conflict or collector is reported once per process, from the thread that met the fault. A panic
/// of `reporter` is caught.
///
/// ```
/// pytheus::diagnostics::set_reporter(|message| eprintln!("my log: {message}"));
/// ```
pub fn set_reporter(reporter: impl Fn(&str) + Send + Sync + 'static) {
    let mut current = write(&REPORTER);
    let previous = current.replace(Arc::new(reporter));
    drop(current);
    // Without the lock: dropping the reporter may set another one.
    drop(previous);
}

type Reporter = Arc<dyn Fn(&str) + Send + Sync>;

static REPORTER: RwLock<Option<Reporter>> = RwLock::new(None);
/// Past reports: the sort of fault, and its subject.
static REPORTED: Mutex<Vec<(&'static str, String)>> = Mutex::new(Vec::new());

/// The severity of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// A part is missing.
    Warning,
    /// All totals are missing.
    Error,
}

/// Reports the first fault of this sort and subject; messages may differ at each scrape. Returns whether it was the
/// first.
pub(crate) fn report(fault: (&'static str, &str), message: &str) -> bool {
    report_as(Level::Warning, fault, message)
}

/// Reports at a level, as [`report`] does.
pub(crate) fn report_as(level: Level, (sort, subject): (&'static str, &str), message: &str) -> bool {
    let mut known = lock(&REPORTED);
    if known.iter().any(|known| known.0 == sort && known.1 == subject) {
        return false;
    }
    known.push((sort, subject.to_owned()));
    drop(known);
    emit(level, message);
    true
}

/// Reports deferred until no lock is held: the reporter is the user's own code.
static DEFERRED: Mutex<Vec<(&'static str, String, String)>> = Mutex::new(Vec::new());
/// Whether there is any.
static HAS_DEFERRED: AtomicBool = AtomicBool::new(false);

/// Defers a report made under a lock, until [`flush_deferred`].
pub(crate) fn defer_report((sort, subject): (&'static str, &str), message: String) {
    lock(&DEFERRED).push((sort, subject.to_owned(), message));
    HAS_DEFERRED.store(true, Release);
}

/// Reports the deferred faults.
pub(crate) fn flush_deferred() {
    if HAS_DEFERRED.swap(false, AcqRel) {
        let waiting = std::mem::take(&mut *lock(&DEFERRED));
        for (sort, subject, message) in waiting {
            report((sort, &subject), &message);
        }
    }
}

/// Sends a report, repeated or not.
pub(crate) fn emit(level: Level, message: &str) {
    let reporter = read(&REPORTER).clone();
    // Reports happen in the middle of counting, which never fails.
    drop(catch_panic(|| match reporter {
        Some(reporter) => reentry::detached(|| reporter(message)),
        None if is_logged(level, message) => {}
        // A closed standard error must not take the service down.
        None => drop(writeln!(std::io::stderr(), "pytheus: {message}")),
    }));
}

/// Sends a report to the program's own log; returns whether there is one.
fn is_logged(level: Level, message: &str) -> bool {
    #[cfg(feature = "tracing")]
    if !tracing::dispatcher::get_default(tracing::Dispatch::is::<tracing::subscriber::NoSubscriber>) {
        match level {
            Level::Warning => tracing::warn!(target: "pytheus", "{message}"),
            Level::Error => tracing::error!(target: "pytheus", "{message}"),
        }
        return true;
    }
    // Off without a logger.
    #[cfg(feature = "log")]
    if log::max_level() != log::LevelFilter::Off {
        match level {
            Level::Warning => log::warn!(target: "pytheus", "{message}"),
            Level::Error => log::error!(target: "pytheus", "{message}"),
        }
        return true;
    }
    let _ = (level, message);
    false
}

/// A metric of the library itself, in the order of `diagnostics`' table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SelfMetric {
    DroppedUpdates,
    LabelOverflow,
    CollectorErrors,
    RegistrationConflicts,
    #[cfg_attr(not(all(unix, feature = "file")), allow(dead_code, reason = "for the backend of files"))]
    FilesSkipped,
    BackendConflicts,
    BackendErrors,
}

/// Counts a fault; the label values are in the order of the sorted label names.
pub(crate) fn count(family: SelfMetric, labels: &[&str]) {
    let mut counts = lock(&COUNTS);
    let place = counts.binary_search_by(|known| {
        known.family.cmp(&family).then_with(|| known.labels.iter().map(String::as_str).cmp(labels.iter().copied()))
    });
    match place {
        Ok(place) => counts[place].times += 1,
        Err(place) => {
            let labels = labels.iter().map(|&label| label.to_owned()).collect();
            counts.insert(place, FaultCount { family, labels, times: 1 });
        }
    }
}

/// Passes the counts to `each`, family by family, sorted by label values.
pub(crate) fn counts(mut each: impl FnMut(&[FaultCount])) {
    let counts = lock(&COUNTS);
    for series in counts.chunk_by(|one, next| one.family == next.family) {
        each(series);
    }
}

/// Sorted. Apart from metrics: the faults of families can't be counted in a family.
static COUNTS: Mutex<Vec<FaultCount>> = Mutex::new(Vec::new());

/// The number of times of a fault.
pub(crate) struct FaultCount {
    pub(crate) family: SelfMetric,
    pub(crate) labels: Vec<String>,
    pub(crate) times: u64,
}

/// Counts and reports a failure of a backend; `kind` is the failed operation.
pub(crate) fn backend_failed(kind: &'static str, error: &dyn fmt::Display) {
    count(SelfMetric::BackendErrors, &[kind]);
    report_as(Level::Error, ("backend", kind), &format!("{error}"));
}
