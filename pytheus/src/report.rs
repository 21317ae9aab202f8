//! Faults of the library and its surroundings: told once, counted each time.
//!
//! Lower modules than `diagnostics` meet faults too; what the counts look like in a scrape is settled there.

use std::fmt;
use std::io::Write as _;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Release};
use std::sync::{Arc, Mutex, RwLock};

use crate::reentry;
use crate::sync::catch_panic;
use crate::sync::{lock, read, write};

/// Sends the library's reports to `reporter`, in place of wherever they would go.
///
/// Without one they go to `tracing` or `log`, with the feature of that name and as far as the program has set it up, else
/// to standard error. Each conflict or collector is reported once in the life of the process, from the thread that met
/// the fault. A panic of `reporter` goes no further.
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

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Something is left out.
    Warning,
    /// There are no totals at all.
    Error,
}

/// Reports the first fault of this sort that somebody has; messages may differ at each scrape. True for the first.
pub(crate) fn report(fault: (&'static str, &str), message: &str) -> bool {
    report_as(Level::Warning, fault, message)
}

/// As [`report`], at a level.
pub(crate) fn report_as(level: Level, (sort, who): (&'static str, &str), message: &str) -> bool {
    let mut known = lock(&REPORTED);
    if known.iter().any(|known| known.0 == sort && known.1 == who) {
        return false;
    }
    known.push((sort, who.to_owned()));
    drop(known);
    tell(level, message);
    true
}

/// What is to be reported once no lock is held: the reporter is the user's own code.
static WAITING: Mutex<Vec<(&'static str, String, String)>> = Mutex::new(Vec::new());
/// Is there any?
static WAITS: AtomicBool = AtomicBool::new(false);

/// As [`report`], but under a lock: to be [told](tell_waiting) soon.
pub(crate) fn report_later((sort, who): (&'static str, &str), message: String) {
    lock(&WAITING).push((sort, who.to_owned(), message));
    WAITS.store(true, Release);
}

/// Reports what could not be reported under a lock.
pub(crate) fn tell_waiting() {
    if WAITS.swap(false, AcqRel) {
        let waiting = std::mem::take(&mut *lock(&WAITING));
        for (sort, who, message) in waiting {
            report((sort, &who), &message);
        }
    }
}

/// Reports it, whether or not that was done before.
pub(crate) fn tell(level: Level, message: &str) {
    let reporter = read(&REPORTER).clone();
    // Reports come up in the middle of counting, which never fails.
    drop(catch_panic(|| match reporter {
        Some(reporter) => reentry::apart(|| reporter(message)),
        None if is_logged(level, message) => {}
        // A closed standard error must not take the service down.
        None => drop(writeln!(std::io::stderr(), "pytheus: {message}")),
    }));
}

/// Gives it to the program's own log, when there is one: what nobody takes goes to standard error.
fn is_logged(level: Level, message: &str) -> bool {
    #[cfg(feature = "tracing")]
    if !tracing::dispatcher::get_default(tracing::Dispatch::is::<tracing::subscriber::NoSubscriber>) {
        match level {
            Level::Warning => tracing::warn!(target: "pytheus", "{message}"),
            Level::Error => tracing::error!(target: "pytheus", "{message}"),
        }
        return true;
    }
    // Off until there is a logger.
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

/// A family of the library's own, in the order of `diagnostics`' table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Own {
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
pub(crate) fn count(family: Own, labels: &[&str]) {
    let mut counts = lock(&COUNTS);
    let place = counts.binary_search_by(|known| {
        known.family.cmp(&family).then_with(|| known.labels.iter().map(String::as_str).cmp(labels.iter().copied()))
    });
    match place {
        Ok(place) => counts[place].times += 1,
        Err(place) => {
            let labels = labels.iter().map(|&label| label.to_owned()).collect();
            counts.insert(place, Count { family, labels, times: 1 });
        }
    }
}

/// What was counted, by family and label values.
pub(crate) fn counts(mut each: impl FnMut(&[Count])) {
    let counts = lock(&COUNTS);
    for series in counts.chunk_by(|one, next| one.family == next.family) {
        each(series);
    }
}

/// Sorted. Kept apart from metrics: what counts the faults of families can't be one.
static COUNTS: Mutex<Vec<Count>> = Mutex::new(Vec::new());

/// How often it has happened.
pub(crate) struct Count {
    pub(crate) family: Own,
    pub(crate) labels: Vec<String>,
    pub(crate) times: u64,
}

/// Counts and reports that a backend could not do what it was asked to: `kind` is what.
pub(crate) fn backend_failed(kind: &'static str, error: &dyn fmt::Display) {
    count(Own::BackendErrors, &[kind]);
    report_as(Level::Error, ("backend", kind), &format!("{error}"));
}
