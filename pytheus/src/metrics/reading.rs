//! What the cells of a family hold, as numbered parts, and the samples that these make.

use super::core::FamilyCore;
use super::handle::Target;
use std::borrow::Cow;
use std::sync::Arc;

use crate::backends::{self, Arena, Counted, FamilyKey, FamilyTotals, Totals};
use crate::collector::Collector;
use crate::descriptor::{Descriptor, Kind};
use crate::diagnostics;
use crate::error::CollectError;
use crate::number::Number;
use crate::snapshot::FamilySnapshot;
use crate::storage::{self, Series, Slot, Sorted, shared_cells};
use crate::unwind::guarded;

/// The value of a counter.
pub(super) fn counter(series: &Series) -> Number {
    let whole = Number::Int(storage::sum(series.slot()));
    match storage::sum_floats(series.extra()) {
        0.0 => whole,
        fraction => whole + Number::Float(fraction),
    }
}

/// The value of a gauge; `None` when the closure that knows it panicked.
pub(super) fn gauge(core: &FamilyCore, series: &Series) -> Option<f64> {
    match core.sources.get(series) {
        Some(source) => guarded(|| source()).ok(),
        None => Some(shared_cells(series.slot()).map_or(0.0, |cells| {
            let value = cells.load_float();
            if cells.is_tracked() { value + float(storage::in_progress(series.slot())) } else { value }
        })),
    }
}

/// How much work is in progress, of a gauge that is set now.
pub(super) fn in_progress_at_once(slot: Slot) -> f64 {
    float(storage::in_progress_at_once(slot))
}

fn float(in_progress: u64) -> f64 {
    in_progress as f64
}

/// The flags of an info metric or a state set.
pub(super) fn flags(series: &Series) -> u64 {
    shared_cells(series.slot()).map_or(0, storage::Cells::load)
}

/// How many observations there were, and their sum.
pub(super) fn histogram(target: &impl Target) -> (u64, f64) {
    let Some(series) = target.peek() else { return (0, 0.0) };
    let mut counts = vec![0; target.descriptor().buckets().len() + 1];
    let sum = storage::observed(series.slot(), &mut counts);
    (counts.into_iter().fold(0, u64::wrapping_add), sum)
}

/// The parts of all series, one after the other.
///
/// | kind | parts of a series |
/// |---|---|
/// | counter, gauge | its value |
/// | histogram | the count of each bucket, not cumulative, the last without a bound; the sum |
/// | summary | the count; the sum |
/// | info, state set | each flag as 0 or 1 |
fn parts(core: &FamilyCore, all: &Sorted) -> (Vec<Number>, Vec<usize>) {
    let descriptor = core.descriptor();
    let mut parts = Vec::with_capacity(all.len() * width(descriptor));
    let mut missing = Vec::new();
    match descriptor.kind() {
        Kind::Counter => all.sums(core.order.has_fractions(), |whole, fractions| {
            parts.push(match fractions {
                Slot::NONE => Number::Int(whole),
                // Beside the whole number that was read before: neither ever goes down.
                fractions => match storage::sum_floats(fractions) {
                    0.0 => Number::Int(whole),
                    fraction => Number::Int(whole) + Number::Float(fraction),
                },
            });
        }),
        Kind::Gauge => {
            for (place, series) in all.iter().enumerate() {
                let value = gauge(core, series);
                if value.is_none() {
                    diagnostics::reading_failed(descriptor.name(), &core.labels(series));
                    missing.push(place);
                }
                parts.push(Number::Float(value.unwrap_or(f64::NAN)));
            }
        }
        Kind::Histogram | Kind::Summary => {
            // Cells lie anywhere, too: they are looked for while those before them are read.
            const AHEAD: usize = 4;
            let mut counts = vec![0; width(descriptor) - 1];
            let (counters, mut scratch) = (all.counters(), Vec::new());
            for (place, slot) in all.slots().iter().enumerate() {
                if let Some(ahead) = all.slots().get(place + AHEAD) {
                    counters.look_ahead(*ahead);
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
                parts.extend((0..width(descriptor)).map(|flag| Number::Int(flags >> flag & 1)));
            }
        }
    }
    (parts, missing)
}

/// How many parts a series has.
fn width(descriptor: &Descriptor) -> usize {
    match descriptor.kind() {
        Kind::Counter | Kind::Gauge | Kind::Info => 1,
        Kind::Summary => 2,
        Kind::Histogram => descriptor.buckets().len() + 2,
        Kind::StateSet => descriptor.states().len(),
    }
}

impl Collector for FamilyCore {
    fn descriptors(&self) -> Vec<Descriptor> {
        vec![self.descriptor().clone()]
    }

    fn collect(&self) -> Result<Vec<FamilySnapshot>, CollectError> {
        let key = self.key();
        let scope = key.as_ref().map_or("", |key| key.scope());
        let mut totals = Totals::new(Cow::Borrowed(scope), [self as &dyn Counted]);
        backends::current().load(&mut totals)?;
        Ok(totals.finish().0.iter().map(FamilyTotals::snapshot).collect())
    }

    fn as_counted(&self) -> Option<&dyn Counted> {
        Some(self)
    }

    fn into_counted(self: Arc<Self>) -> Option<Arc<dyn Counted>> {
        Some(self)
    }
}

impl Counted for FamilyCore {
    fn descriptor(&self) -> &Descriptor {
        self.descriptor()
    }

    fn key(&self) -> Option<Arc<FamilyKey>> {
        None
    }

    fn adopt(&self, _: Arc<FamilyKey>) {}

    fn totals(&self) -> FamilyTotals<'_> {
        let series = self.sorted();
        let (parts, missing) = parts(self, &series);
        FamilyTotals::new(self.descriptor(), series, parts, missing)
    }

    fn overlay(&self, _: &mut FamilyTotals<'_>) {}

    fn begin(&self, _: &Arc<dyn Arena>) {}
}
