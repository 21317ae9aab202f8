//! Collects the cells of a family, as numbered parts and as samples.

use std::sync::Arc;

use crate::backends::BackendError;
use crate::backends::api::{FamilyTotals, LocalFamily, part_count};
use crate::backends::custom::{Arena, FamilyKey};
use crate::collector::Collector;
use crate::diagnostics;
use crate::metrics::family::core::{FamilyCore, record_no_room};
use crate::model::descriptor::{Descriptor, GaugeMode, Kind};
use crate::model::error::CollectError;
use crate::model::number::Number;
use crate::model::snapshot::FamilySnapshot;
use crate::reentry::Failure;
use crate::storage::{self, CellSet, Cells, Series, SortedSeries, shared_cells};

/// Returns the value of a counter.
pub(crate) fn counter(series: &Series) -> Number {
    let whole = Number::Int(storage::sum(series.slot()));
    match storage::sum_floats(series.extra()) {
        0.0 => whole,
        fraction => whole + Number::Float(fraction),
    }
}

/// Returns the value of a gauge; an error when its closure fails.
pub(crate) fn gauge(core: &FamilyCore, series: &Series) -> Result<f64, Failure> {
    core.callbacks.get(series).map_or_else(|| Ok(stored(series)), |source| source.value())
}

/// Returns the stored value of a gauge, even if it has a closure.
fn stored(series: &Series) -> f64 {
    let value = value(series);
    // Without an extra cell no work was ever in progress.
    if series.extra().is_live() { value + float(storage::in_progress(series.extra())) } else { value }
}

/// Returns whether a gauge was set, added to, or has a closure.
fn is_set(core: &FamilyCore, series: &Series) -> bool {
    shared_cells(series.slot()).is_some_and(Cells::is_set) || core.callbacks.get(series).is_some()
}

/// Returns the value set last plus later additions; 0 before.
fn value(series: &Series) -> f64 {
    // Retries while the series is relocated.
    std::iter::repeat_with(|| shared_cells(series.slot()).map_or(Some(0.0), Cells::value))
        .flatten()
        .next()
        .unwrap_or(0.0)
}

/// Returns the work in progress of a gauge, at one moment.
pub(crate) fn in_progress_snapshot(series: &Series) -> f64 {
    float(storage::in_progress_snapshot(series.extra()))
}

/// Clamps at 0: a forked child may end work begun by its parent.
fn float(in_progress: u64) -> f64 {
    in_progress.cast_signed().max(0) as f64
}

/// Returns the flags of an info metric or a state set.
pub(crate) fn flags(series: &Series) -> u64 {
    std::iter::repeat_with(|| shared_cells(series.slot()).map_or(Some(0), Cells::flags)).flatten().next().unwrap_or(0)
}

/// Returns the number of observations and their sum.
pub(crate) fn observations(descriptor: &Descriptor, series: Option<&Series>) -> (u64, f64) {
    let Some(series) = series else { return (0, 0.0) };
    let mut counts = vec![0; descriptor.buckets().len() + 1];
    let sum = storage::observed(series.slot(), &mut counts);
    (counts.into_iter().fold(0, u64::wrapping_add), sum)
}

/// Returns the parts of all series, one after the other.
///
/// | kind | parts of a series |
/// |---|---|
/// | counter, gauge | its value |
/// | histogram | the count of each bucket, not cumulative, the last without a bound; the sum |
/// | summary | the count; the sum |
/// | info, state set | each flag as 0 or 1 |
///
/// The value of a gauge is the result of `gauge`; the indices of gauges without a value are in the second result.
fn parts(
    core: &FamilyCore,
    all: &SortedSeries,
    gauge: impl Fn(&FamilyCore, &Series) -> Option<f64>,
) -> (Vec<Number>, Vec<usize>) {
    let descriptor = core.descriptor();
    let mut parts = Vec::with_capacity(all.len() * part_count(descriptor));
    let mut missing = Vec::new();
    match descriptor.kind() {
        Kind::Counter => all.sums(core.sorted_cache.has_fractions(), |whole, fractions| {
            parts.push(if fractions == 0.0 {
                Number::Int(whole)
            } else {
                Number::Int(whole) + Number::Float(fractions)
            });
        }),
        Kind::Gauge => {
            let starts_at_zero = descriptor.mode().starts_at_zero();
            for (index, series) in all.iter().enumerate() {
                if !starts_at_zero && !is_set(core, series) {
                    missing.push(index);
                    parts.push(Number::Float(0.0));
                    continue;
                }
                let value = gauge(core, series);
                if value.is_none() {
                    missing.push(index);
                }
                parts.push(Number::Float(value.unwrap_or(f64::NAN)));
            }
        }
        Kind::Histogram | Kind::Summary => {
            // Cells lie apart in memory: later ones are prefetched.
            const AHEAD: usize = 4;
            let mut counts = vec![0; part_count(descriptor) - 1];
            let (counters, mut scratch) = (all.counting_shards(), Vec::new());
            for (index, slot) in all.slots().iter().enumerate() {
                if let Some(ahead) = all.slots().get(index + AHEAD) {
                    counters.prefetch(*ahead);
                }
                counts.fill(0);
                let sum = counters.observed(*slot, &mut counts, &mut scratch);
                parts.extend(counts.iter().map(|count| Number::Int(*count)));
                parts.push(Number::Float(sum));
            }
        }
        Kind::Info | Kind::StateSet => {
            for series in all.iter() {
                let flags = flags(series);
                parts.extend((0..part_count(descriptor)).map(|flag| Number::Int(flags >> flag & 1)));
            }
        }
    }
    (parts, missing)
}

/// Returns the value of a gauge for a scrape; `None` when its closure fails, which is counted and reported.
fn shown(core: &FamilyCore, series: &Series) -> Option<f64> {
    match gauge(core, series) {
        Ok(value) => return Some(value),
        // The closure is running, and reports its failure itself.
        Err(Failure::Reentered) => {}
        Err(failure) => diagnostics::reading_failed(core.descriptor(), &core.labels(series), &failure),
    }
    None
}

/// Adds to a counter; not to one that was removed meanwhile.
fn count_increase(core: &FamilyCore, series: &Series, increase: Number) {
    if increase == Number::Int(0) {
        return;
    }
    let set = if matches!(increase, Number::Int(_)) { CellSet::Own } else { CellSet::Extra };
    let _ = record_no_room(core.update_slow(series, set, &mut |cells| match increase {
        Number::Int(whole) => cells.add(whole),
        Number::Float(fraction) => cells.add_float(fraction),
    }));
}

impl Collector for FamilyCore {
    fn descriptors(&self) -> Vec<Descriptor> {
        vec![self.descriptor().clone()]
    }

    fn collect(&self) -> Result<Vec<FamilySnapshot>, CollectError> {
        let key = self.key();
        let scope = key.as_ref().map_or("", |key| key.scope());
        let totals = crate::backends::runtime::load(scope, [self as &dyn LocalFamily])?;
        Ok(totals.finish().0.iter().map(FamilyTotals::snapshot).collect())
    }
}

impl LocalFamily for FamilyCore {
    fn descriptor(&self) -> &Descriptor {
        self.descriptor()
    }

    fn key(&self) -> Option<Arc<FamilyKey>> {
        self.key.get().cloned()
    }

    fn assign_key(&self, key: Arc<FamilyKey>) {
        // The first one stays.
        let _ = self.key.set(key);
    }

    fn read_sources(&self) {
        for source in self.sources.all() {
            let read = source.read(|series, increase| count_increase(self, series, increase));
            match read {
                // A running closure reports its failure itself.
                Ok(()) | Err((_, Failure::Reentered)) => {}
                Err((series, failure)) => {
                    diagnostics::source_failed(self.descriptor(), &self.labels(series), &failure);
                }
            }
        }
    }

    fn totals(&self) -> FamilyTotals<'_> {
        let series = self.sorted();
        let (parts, missing) = parts(self, &series, shown);
        FamilyTotals::new(self.descriptor(), series, parts, missing)
    }

    fn stored(&self) -> FamilyTotals<'_> {
        let series = self.sorted();
        let (parts, missing) = parts(self, &series, |_, series| Some(stored(series)));
        FamilyTotals::new(self.descriptor(), series, parts, missing)
    }

    fn stamps(&self, totals: &FamilyTotals<'_>, parts: &mut [Number]) -> Vec<u64> {
        let (Kind::Gauge, Some(series)) = (self.descriptor().kind(), totals.own_series()) else { return Vec::new() };
        let mode = self.descriptor().mode();
        let stamp = |(series, part): (&Series, &mut Number)| {
            if self.callbacks.get(series).is_some() {
                return u64::MAX;
            }
            let mark = shared_cells(series.slot()).map_or(0, Cells::version);
            if mode.starts_at_zero() {
                return mark;
            }
            // Read again after the mark: an old value never goes with the time of a later one.
            let is_set = is_set(self, series);
            let value = match mode {
                GaugeMode::MostRecent => value(series),
                _ => stored(series),
            };
            let has_value = mode != GaugeMode::MostRecent || mark != 0;
            *part = Number::Float(if is_set && has_value { value } else { 0.0 });
            if is_set && has_value { mark.max(1) } else { 0 }
        };
        series.iter().zip(parts).map(stamp).collect()
    }

    fn merge_local(&self, totals: &mut FamilyTotals<'_>) {
        if self.callbacks.is_empty() {
            return;
        }
        for series in self.sorted().iter().filter(|series| self.callbacks.get(series).is_some()) {
            let labels = self.labels(series);
            match shown(self, series) {
                Some(value) => totals.set(&labels, Number::Float(value)),
                None => totals.leave_out(&labels),
            }
        }
    }

    fn reassert(&self) {
        if let Some(facts) = self.facts() {
            let _ = record_no_room(facts.update(CellSet::Shared, &mut |cells| {
                cells.set_only(0);
            }));
        }
    }

    fn attach_arena(&self, arena: &Arc<dyn Arena>) -> Result<(), BackendError> {
        self.bind_to(arena)
    }
}
