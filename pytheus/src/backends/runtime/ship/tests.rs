mod deadline;
mod heartbeat;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use super::*;
use crate::backends::api::{Arena, Batch, FamilyTotals, Removal, WriterId};
use crate::model::descriptor::{Descriptor, GaugeMode, Kind};
use crate::model::number::Number;
use crate::storage::{ExactSum, Series, SortedSeries, allocate_slot};

/// Series, the part of each, and its stamp.
type Numbers = (Arc<SortedSeries>, Vec<Number>, Vec<u64>);

/// A family whose numbers are what a test says.
struct Family {
    key: Arc<FamilyKey>,
    series: Mutex<Numbers>,
}

impl Family {
    fn new(kind: Kind, mode: GaugeMode) -> Arc<Self> {
        let mut descriptor = Descriptor::new(kind, "family", "F.").unwrap().with_labels(["l"]).unwrap();
        descriptor.mode = mode;
        Arc::new(Self { key: Arc::new(FamilyKey::new("", descriptor)), series: Mutex::default() })
    }

    fn counter() -> Arc<Self> {
        Self::new(Kind::Counter, GaugeMode::Shared)
    }

    fn label(&self, label: &str) -> SeriesKey {
        SeriesKey::new(&self.key, &[label])
    }

    /// These series alone from now on; those of a label that was there before are the same.
    fn hold(&self, series: &[(&str, Number, u64)]) {
        let mut now = lock(&self.series);
        let all = series.iter().map(|(label, ..)| {
            let key = self.label(label);
            let (head, text) = key.parts();
            let known = now.0.iter().find(|known| known.key() == (head, text)).cloned();
            known.unwrap_or_else(|| Series::new(head, text, 1, allocate_slot(1)))
        });
        let sorted = Arc::new(all.collect::<Vec<_>>().into());
        *now = (sorted, series.iter().map(|(_, part, _)| *part).collect(), series.iter().map(|(.., s)| *s).collect());
    }
}

impl LocalFamily for Family {
    fn descriptor(&self) -> &Descriptor {
        self.key.descriptor()
    }

    fn key(&self) -> Option<Arc<FamilyKey>> {
        Some(Arc::clone(&self.key))
    }

    fn assign_key(&self, _: Arc<FamilyKey>) {}

    fn totals(&self) -> FamilyTotals<'_> {
        let now = lock(&self.series);
        FamilyTotals::new(self.key.descriptor(), Arc::clone(&now.0), now.1.clone(), Vec::new())
    }

    fn stamps(&self, _: &FamilyTotals<'_>, _: &mut [Number]) -> Vec<u64> {
        lock(&self.series).2.clone()
    }

    fn merge_local(&self, _: &mut FamilyTotals<'_>) {}

    fn attach_arena(&self, _: &Arc<dyn Arena>) -> Result<(), BackendError> {
        Ok(())
    }
}

/// What a backend was asked for: the label, the delta, whether it was set and to what; or what was removed.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Grew(String, Number),
    Set(String, Number),
    Removed(String),
}

/// Takes note of everything, and of some of it says that it failed.
#[derive(Default)]
struct Notes {
    seen: Mutex<Vec<(WriterId, u64, Vec<Seen>)>>,
    fails: AtomicBool,
    panics: AtomicBool,
    inside: AtomicUsize,
}

impl Notes {
    fn note(&self, writer: WriterId, sequence: u64, seen: Vec<Seen>) -> Result<(), BackendError> {
        assert_eq!(self.inside.fetch_add(1, SeqCst), 0, "one call at a time");
        thread::yield_now();
        lock(&self.seen).push((writer, sequence, seen));
        self.inside.fetch_sub(1, SeqCst);
        assert!(!self.panics.load(SeqCst), "a backend of a user's");
        if self.fails.load(SeqCst) { Err("nobody is there".into()) } else { Ok(()) }
    }

    /// What was seen since the last time.
    fn take(&self) -> Vec<(u64, Vec<Seen>)> {
        std::mem::take(&mut *lock(&self.seen)).into_iter().map(|(_, sequence, seen)| (sequence, seen)).collect()
    }
}

fn label(family: &FamilyKey, series: &SeriesKey) -> String {
    series.labels(family).get("l").unwrap_or_default().to_owned()
}

impl Backend for Notes {
    fn apply(&self, batch: &Batch) -> Result<(), BackendError> {
        let seen = batch.changes.iter().map(|change| {
            let label = label(&change.family, &change.series);
            let live = !matches!(change.family.aggregation(), crate::backends::api::Aggregation::Add);
            if change.was_set || live && change.family.aggregation() != crate::backends::api::Aggregation::Shared {
                Seen::Set(label, change.totals[0])
            } else {
                Seen::Grew(label, change.deltas[0])
            }
        });
        self.note(batch.writer, batch.sequence, seen.collect())
    }

    fn remove(&self, removal: &Removal) -> Result<(), BackendError> {
        let seen = removal.series.iter().map(|(family, series)| Seen::Removed(label(family, series)));
        self.note(removal.writer, removal.sequence, seen.collect())
    }
}

fn grew(label: &str, delta: impl Into<Number>) -> Seen {
    Seen::Grew(label.into(), delta.into())
}

fn set(label: &str, total: f64) -> Seen {
    Seen::Set(label.into(), total.into())
}

fn removed(label: &str) -> Seen {
    Seen::Removed(label.into())
}

/// A shipper whose thread does nothing for a long time.
fn shipper(family: &Arc<Family>) -> (Arc<Notes>, Shipper) {
    every(Duration::from_secs(3_600), family)
}

fn every(interval: Duration, family: &Arc<Family>) -> (Arc<Notes>, Shipper) {
    let notes = Arc::new(Notes::default());
    let family = Arc::clone(family);
    let members = Box::new(move || vec![Arc::clone(&family) as Arc<dyn LocalFamily>]);
    let shipper = Shipper::start_with(Arc::clone(&notes) as Arc<dyn Backend>, Some(interval), members);
    (notes, shipper.expect("there can be a thread"))
}

fn int(n: u64) -> Number {
    Number::Int(n)
}

#[test]
fn what_was_counted_before_goes_first_then_only_what_has_changed() {
    let family = Family::counter();
    family.hold(&[("a", int(3), 0), ("b", int(0), 0)]);
    let (notes, shipper) = shipper(&family);
    shipper.ship().unwrap();
    // A series that is at zero shows, too.
    assert_eq!(notes.take(), [(1, vec![grew("a", 3), grew("b", 0)])]);
    shipper.ship().unwrap();
    assert_eq!(notes.take(), []);
    family.hold(&[("a", int(3), 0), ("ab", int(1), 0), ("b", int(2), 0)]);
    shipper.ship().unwrap();
    assert_eq!(notes.take(), [(2, vec![grew("ab", 1), grew("b", 2)])]);
}

#[test]
fn what_failed_is_repeated_unchanged_and_what_is_counted_meanwhile_comes_after() {
    let family = Family::counter();
    family.hold(&[("a", int(1), 0)]);
    let (notes, shipper) = shipper(&family);
    notes.fails.store(true, SeqCst);
    assert_eq!(shipper.ship().unwrap_err().to_string(), "nobody is there");
    family.hold(&[("a", int(5), 0)]);
    notes.panics.store(true, SeqCst);
    let error = shipper.ship().unwrap_err().to_string();
    assert!(error.contains("a backend of a user's"), "{error}");
    assert_eq!(lock(&shipper.0.state).stats.errors, 2);
    notes.panics.store(false, SeqCst);
    notes.fails.store(false, SeqCst);
    shipper.ship().unwrap();
    assert_eq!(
        notes.take(),
        [(1, vec![grew("a", 1)]), (1, vec![grew("a", 1)]), (1, vec![grew("a", 1)]), (2, vec![grew("a", 4)])]
    );
    assert_eq!(lock(&shipper.0.state).stats.sent, 2);
}

#[test]
fn a_batch_has_no_more_than_a_thousand_series() {
    let family = Family::counter();
    let labels: Vec<_> = (0..2_500).map(|n| format!("{n:04}")).collect();
    family.hold(&labels.iter().map(|label| (&**label, int(1), 0)).collect::<Vec<_>>());
    let (notes, shipper) = shipper(&family);
    shipper.ship().unwrap();
    let batches = notes.take();
    assert_eq!(
        batches.iter().map(|(number, seen)| (*number, seen.len())).collect::<Vec<_>>(),
        [(1, 1_000), (2, 1_000), (3, 500)]
    );
    let all: Vec<_> = batches.into_iter().flat_map(|(_, seen)| seen).collect();
    assert_eq!(all, labels.iter().map(|label| grew(label, 1)).collect::<Vec<_>>());
}

#[test]
fn a_removal_comes_after_what_was_counted_before_and_before_what_is_counted_after() {
    let family = Family::counter();
    family.hold(&[("a", int(1), 0), ("b", int(1), 0)]);
    let (notes, shipper) = shipper(&family);
    notes.fails.store(true, SeqCst);
    shipper.ship().unwrap_err();
    notes.fails.store(false, SeqCst);
    notes.take();
    family.hold(&[("b", int(1), 0)]);
    shipper.queue_removal(Arc::clone(&family.key), family.label("a"));
    shipper.queue_removal(Arc::clone(&family.key), family.label("a"));
    // It has come back before the backend hears of its removal.
    family.hold(&[("a", int(2), 0), ("b", int(1), 0)]);
    shipper.ship().unwrap();
    assert_eq!(notes.take(), [(1, vec![grew("a", 1), grew("b", 1)]), (2, vec![removed("a")]), (3, vec![grew("a", 2)])]);
}

#[test]
fn a_series_that_came_back_is_told_anew_whenever_its_removal_is_heard_of() {
    let family = Family::counter();
    family.hold(&[("a", int(7), 0)]);
    let (notes, shipper) = shipper(&family);
    shipper.ship().unwrap();
    family.hold(&[]);
    family.hold(&[("a", int(2), 0)]);
    shipper.ship().unwrap();
    shipper.queue_removal(Arc::clone(&family.key), family.label("a"));
    shipper.ship().unwrap();
    shipper.ship().unwrap();
    let seen: Vec<_> = notes.take().into_iter().flat_map(|(_, seen)| seen).collect();
    assert_eq!(seen[..3], [grew("a", 7), grew("a", 2), removed("a")]);
    // With this pass or the next.
    assert_eq!(seen[3..], [grew("a", 2)]);
}

#[test]
fn the_deltas_of_floats_add_up_to_the_total() {
    let family = Family::counter();
    let (notes, shipper) = shipper(&family);
    let mut total = ExactSum::ZERO;
    total += 1e15;
    for n in 1..500 {
        total += 1.0 / f64::from(n);
        family.hold(&[("a", total.value().into(), 0)]);
        shipper.ship().unwrap();
    }
    let mut sum = ExactSum::ZERO;
    for (_, seen) in notes.take() {
        let Seen::Grew(_, delta) = &seen[0] else { panic!("{seen:?}") };
        sum += delta.as_f64();
    }
    assert_eq!(sum.value().to_bits(), total.value().to_bits());
}

#[test]
fn a_counter_may_become_a_float() {
    let family = Family::counter();
    let (notes, shipper) = shipper(&family);
    for total in [int(2), Number::Float(2.5), Number::Float(4.5)] {
        family.hold(&[("a", total, 0)]);
        shipper.ship().unwrap();
    }
    assert_eq!(notes.take(), [(1, vec![grew("a", 2)]), (2, vec![grew("a", 0.5)]), (3, vec![grew("a", 2.0)])]);
}

#[test]
fn a_shared_gauge_tells_a_set_from_an_addition() {
    let family = Family::new(Kind::Gauge, GaugeMode::Shared);
    let (notes, shipper) = shipper(&family);
    // Touched by nobody, added to, set, added to, set to the same, set to nothing.
    for (value, stamp) in [(0.0, 0), (2.0, 0), (5.0, 1), (4.5, 1), (4.5, 2), (f64::NAN, 3), (1.0, 4)] {
        family.hold(&[("a", Number::Float(value), stamp)]);
        shipper.ship().unwrap();
    }
    let seen: Vec<_> = notes.take().into_iter().flat_map(|(_, seen)| seen).collect();
    assert_eq!(seen[..5], [grew("a", 0.0), grew("a", 2.0), set("a", 5.0), grew("a", -0.5), set("a", 4.5)]);
    assert!(matches!(seen[5], Seen::Set(_, Number::Float(value)) if value.is_nan()));
    assert_eq!(seen[6..], [set("a", 1.0)]);
}

#[test]
fn a_gauge_of_the_living_is_told_once_it_was_touched() {
    let family = Family::new(Kind::Gauge, GaugeMode::LiveMin);
    let (notes, shipper) = shipper(&family);
    for (value, stamp) in [(0.0, 0), (0.0, 1), (0.0, 1), (-3.0, 1), (9.0, u64::MAX)] {
        family.hold(&[("a", Number::Float(value), stamp)]);
        shipper.ship().unwrap();
    }
    assert_eq!(notes.take(), [(1, vec![set("a", 0.0)]), (2, vec![set("a", -3.0)])]);
}

#[test]
fn after_a_fork_only_what_the_child_counts_is_sent_by_another_writer() {
    let family = Family::counter();
    family.hold(&[("a", int(3), 0), ("b", int(4), 0)]);
    let (notes, shipper) = shipper(&family);
    notes.fails.store(true, SeqCst);
    shipper.ship().unwrap_err();
    notes.fails.store(false, SeqCst);
    let parent = lock(&notes.seen)[0].0;
    shipper.queue_removal(Arc::clone(&family.key), family.label("b"));
    notes.take();
    // The cells of a child begin at zero.
    family.hold(&[("a", int(0), 0), ("b", int(0), 0)]);
    shipper.after_fork();
    shipper.ship().unwrap();
    assert_eq!(notes.take(), []);
    family.hold(&[("a", int(0), 0), ("b", int(5), 0), ("c", int(1), 0)]);
    shipper.ship().unwrap();
    assert_ne!(lock(&notes.seen)[0].0, parent);
    assert_eq!(notes.take(), [(1, vec![grew("b", 5), grew("c", 1)])]);
}

#[test]
fn a_child_tells_of_the_gauges_that_it_has_touched_itself() {
    let family = Family::new(Kind::Gauge, GaugeMode::LiveSum);
    family.hold(&[("a", Number::Float(0.0), 0)]);
    let (notes, shipper) = shipper(&family);
    shipper.after_fork();
    shipper.ship().unwrap();
    family.hold(&[("a", Number::Float(5.0), 0)]);
    shipper.ship().unwrap();
    family.hold(&[("a", Number::Float(8.0), 1)]);
    shipper.ship().unwrap();
    assert_eq!(notes.take(), [(1, vec![set("a", 5.0)]), (2, vec![set("a", 8.0)])]);
}

#[test]
fn many_who_ask_at_once_share_passes_and_nothing_is_sent_twice() {
    let family = Family::counter();
    family.hold(&[("a", int(0), 0)]);
    let (notes, shipper) = every(Duration::from_millis(1), &family);
    let counted = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    counted.fetch_add(1, SeqCst);
                    family.hold(&[("a", int(counted.load(SeqCst) as u64), 0)]);
                    shipper.ship().unwrap();
                }
            });
        }
    });
    family.hold(&[("a", int(400), 0)]);
    shipper.ship().unwrap();
    let mut sum = 0_u64;
    for (place, (number, seen)) in notes.take().into_iter().enumerate() {
        assert_eq!(number, place as u64 + 1);
        for seen in seen {
            let Seen::Grew(_, Number::Int(delta)) = seen else { panic!("{seen:?}") };
            sum = sum.wrapping_add(delta);
        }
    }
    assert_eq!(sum, 400);
}

#[test]
fn closing_sends_what_is_left_and_says_so_when_it_can_not() {
    let family = Family::counter();
    family.hold(&[("a", int(3), 0)]);
    let (notes, shipper) = shipper(&family);
    shipper.close(Duration::from_secs(60)).unwrap();
    assert_eq!(notes.take(), [(1, vec![grew("a", 3)])]);
    family.hold(&[("a", int(4), 0)]);
    shipper.ship().unwrap();
    assert_eq!(notes.take(), []);

    let (notes, shipper) = self::shipper(&family);
    notes.fails.store(true, SeqCst);
    // Its thread may come to no pass within that time.
    shipper.ship().unwrap_err();
    let error = shipper.close(Duration::from_secs(2)).unwrap_err().to_string();
    assert!(error.contains("nobody is there"), "{error}");
}
