//! Accumulates the totals of one declaration: a row for each series of any process.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::backends::custom::{Aggregation, CellAddr, FamilyKey, GaugeAggregate, SeriesKey};
use crate::backends::file::format::ExactAmount;
use crate::model::snapshot::Number;

/// A declaration, and the series that are known of it.
///
/// Rows are stable from scrape to scrape, so that readers of files remember them.
pub(crate) struct FamilyAccumulator {
    /// The declaration.
    declared: Arc<FamilyKey>,
    aggregation: Aggregation,
    /// The family as it is shown.
    family: Arc<FamilyKey>,
    /// Row of a series.
    index: HashMap<SeriesKey, u32, RandomState>,
    /// Series of a row.
    series: Vec<SeriesKey>,
    /// Amounts of a row, one per part.
    amounts: Vec<ExactAmount>,
    /// Visibility of a row in this scrape.
    visibility: Vec<Visibility>,
    /// Aggregate of a row of a gauge. Empty for counts.
    values: Vec<GaugeAggregate>,
    /// Rows sorted by label values, except for new ones.
    order: Vec<u32>,
    /// Visibility at the last scrape, and the series that it showed, sorted.
    last: (Vec<Visibility>, Arc<[SeriesKey]>),
    /// `None` while neither a process nor the archive has the declaration.
    pub(crate) origin: Option<DeclarationOrigin>,
    /// Index of the family in the archive, and the row of each of its series there.
    pub(crate) archived: Option<(usize, Vec<u32>)>,
    /// Series of the shared file: address, whether it is a zero series, and row.
    pub(crate) shared: Vec<(CellAddr, bool, u32)>,
}

/// The processes that have a declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DeclarationOrigin {
    /// Number of the process that started last.
    pub(crate) newest: u64,
    pub(crate) is_live: bool,
}

/// Visibility of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Visibility {
    /// No process has the series.
    Absent,
    /// A process has the series, but no value.
    Hidden,
    /// Shown at zero unless a process has a value.
    Zero,
    /// Shown with its amounts.
    Value,
}

impl FamilyAccumulator {
    pub(crate) fn new(declared: Arc<FamilyKey>) -> Self {
        let mut aggregation = declared.aggregation();
        let mut family = Arc::clone(&declared);
        if aggregation == Aggregation::PerProcess {
            match with_pid(&declared) {
                Some(with_pid) => family = with_pid,
                // This crate refuses such a declaration; other programs may not.
                None => aggregation = Aggregation::LiveMostRecent,
            }
        }
        Self {
            declared,
            aggregation,
            family,
            index: HashMap::default(),
            series: Vec::new(),
            amounts: Vec::new(),
            visibility: Vec::new(),
            values: Vec::new(),
            order: Vec::new(),
            last: (Vec::new(), Arc::new([])),
            origin: None,
            archived: None,
            shared: Vec::new(),
        }
    }

    /// Adds processes that have the declaration.
    pub(crate) fn add_origin(&mut self, other: DeclarationOrigin) {
        let known = self.origin.unwrap_or(other);
        self.origin =
            Some(DeclarationOrigin { newest: known.newest.max(other.newest), is_live: known.is_live || other.is_live });
    }

    /// Returns the declaration.
    pub(crate) fn declared(&self) -> &Arc<FamilyKey> {
        &self.declared
    }

    /// Returns the rule of aggregation.
    pub(crate) fn aggregation(&self) -> Aggregation {
        self.aggregation
    }

    /// Returns the row of a series of a process.
    pub(crate) fn row_of_process(&mut self, series: &SeriesKey, pid: &str) -> u32 {
        if self.aggregation != Aggregation::PerProcess {
            return self.row(series);
        }
        let (declared, family) = (Arc::clone(&self.declared), Arc::clone(&self.family));
        let mut others = series.labels(&declared).iter();
        // Both are sorted by name.
        let names = family.descriptor().label_names();
        let values: Vec<&str> =
            names.map(|name| if name == PID { pid } else { others.next().map_or("", |(_, value)| value) }).collect();
        self.row(&SeriesKey::new(&family, &values))
    }

    /// Returns the family as it is shown.
    pub(crate) fn family(&self) -> &Arc<FamilyKey> {
        &self.family
    }

    /// Returns the row of a series, which is stable.
    pub(crate) fn row(&mut self, series: &SeriesKey) -> u32 {
        if let Some(row) = self.index.get(series) {
            return *row;
        }
        // Memory ends before row numbers do.
        let row = u32::try_from(self.series.len()).unwrap_or(u32::MAX);
        self.index.insert(series.clone(), row);
        self.series.push(series.clone());
        self.amounts.resize(self.series.len() * self.family.part_count(), ExactAmount::default());
        self.visibility.push(Visibility::Absent);
        if self.aggregation != Aggregation::Add {
            self.values.push(GaugeAggregate::new(self.aggregation));
        }
        row
    }

    /// Starts a scrape.
    pub(crate) fn reset(&mut self) {
        self.amounts.fill(ExactAmount::default());
        self.visibility.fill(Visibility::Absent);
        self.values.fill(GaugeAggregate::new(self.aggregation));
    }

    /// Adds amounts to a row.
    pub(crate) fn add(&mut self, row: u32, amounts: &[ExactAmount]) {
        let (row, width) = (row as usize, amounts.len());
        let Some(sums) = self.amounts.get_mut(row * width..(row + 1) * width) else { return };
        for (sum, amount) in sums.iter_mut().zip(amounts) {
            *sum += *amount;
        }
        self.visibility[row] = Visibility::Value;
    }

    /// Marks a series as present. It shows at zero if it is a zero series, and zero is a value of its aggregation.
    pub(crate) fn mark_present(&mut self, row: u32, is_zero_series: bool) {
        let visibility = &mut self.visibility[row as usize];
        *visibility =
            if is_zero_series && self.aggregation.starts_at_zero() { Visibility::Zero } else { Visibility::Hidden }
                .max(*visibility);
    }

    /// Replaces the amounts of a row.
    pub(crate) fn set(&mut self, row: u32, amounts: &[ExactAmount]) {
        let (row, width) = (row as usize, amounts.len());
        let Some(there) = self.amounts.get_mut(row * width..(row + 1) * width) else { return };
        there.copy_from_slice(amounts);
        self.visibility[row] = Visibility::Value;
    }

    /// Aggregates the value of a gauge, set at that time.
    pub(crate) fn add_value(&mut self, row: u32, value: f64, set_at: u64) {
        let row = row as usize;
        let Some(values) = self.values.get_mut(row) else { return };
        values.add(value, set_at);
        self.amounts[row] = ExactAmount { whole: 0, float: values.sum() };
        self.visibility[row] = Visibility::Value;
    }

    /// Returns the visible series, sorted, and their parts.
    pub(crate) fn finish(&mut self) -> (Arc<[SeriesKey]>, Vec<Number>) {
        self.sort();
        if self.last.0 != self.visibility {
            let finish = self.order.iter().filter(|row| self.visibility[**row as usize] >= Visibility::Zero);
            let series = finish.map(|row| self.series[*row as usize].clone()).collect();
            self.last = (self.visibility.clone(), series);
        }
        let (kind, width) = (self.family.descriptor().kind(), self.family.part_count());
        let mut parts = Vec::with_capacity(self.last.1.len() * width);
        for row in self.order.iter().map(|row| *row as usize) {
            if self.visibility[row] >= Visibility::Zero {
                parts.extend(ExactAmount::numbers(kind, &self.amounts[row * width..(row + 1) * width]));
            }
        }
        (Arc::clone(&self.last.1), parts)
    }

    /// Returns when each visible value was set, where the aggregation is by time.
    pub(crate) fn times(&self) -> Vec<u64> {
        if !self.aggregation.is_by_time() {
            return Vec::new();
        }
        let finish = self.order.iter().map(|row| *row as usize).filter(|row| self.visibility[*row] >= Visibility::Zero);
        finish.map(|row| self.values[row].set_at()).collect()
    }

    /// Sorts new rows in.
    fn sort(&mut self) {
        if self.order.len() < self.series.len() {
            // Both numbers are rows.
            self.order.extend((self.order.len()..self.series.len()).map(|row| u32::try_from(row).unwrap_or(u32::MAX)));
            // The sort finds the sorted rows as one run.
            let (family, series) = (&self.family, &self.series);
            self.order.sort_by(|one, other| series[*one as usize].compare(&series[*other as usize], family));
        }
    }

    /// Says whether most rows were absent at the last scrape.
    pub(crate) fn needs_rebuild(&self) -> bool {
        const FEW: usize = 64;
        let of_no_use = self.last.0.iter().filter(|visibility| **visibility == Visibility::Absent).count();
        of_no_use > FEW && of_no_use > self.series.len() / 2
    }
}

/// Label of gauges per process.
const PID: &str = "pid";

/// Returns the family with the label `pid`; `None` if it has such a label.
fn with_pid(family: &FamilyKey) -> Option<Arc<FamilyKey>> {
    let descriptor = family.descriptor().clone().with_labels([PID]).ok()?;
    Some(Arc::new(FamilyKey::new(family.scope(), descriptor)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::api::gauge_aggregate::CASES;
    use crate::model::descriptor::{Descriptor, GaugeMode, Kind};

    fn gauge(mode: GaugeMode) -> FamilyAccumulator {
        let descriptor = Descriptor::new(Kind::Gauge, "depth", "").and_then(|depth| depth.with_labels(["queue"]));
        let mut descriptor = descriptor.expect("a good descriptor");
        descriptor.mode = mode;
        FamilyAccumulator::new(Arc::new(FamilyKey::new("", descriptor)))
    }

    fn series(accumulator: &FamilyAccumulator, queue: &str) -> SeriesKey {
        SeriesKey::new(accumulator.declared(), &[queue])
    }

    /// The value of the one series, of processes that have these values, set at these times.
    fn combined(mode: GaugeMode, values: &[(f64, u64)]) -> f64 {
        let mut accumulator = gauge(mode);
        let row = accumulator.row(&series(&accumulator, "a"));
        for (value, stamp) in values {
            accumulator.add_value(row, *value, *stamp);
        }
        let (_, parts) = accumulator.finish();
        assert_eq!(parts.len(), 1);
        parts[0].as_f64()
    }

    #[test]
    fn each_mode_aggregates_like_every_backend() {
        let modes = [GaugeMode::LiveMin, GaugeMode::LiveMax, GaugeMode::LiveSum, GaugeMode::LiveMostRecent];
        for (values, expected) in CASES {
            for (mode, expected) in modes.into_iter().zip(expected) {
                assert_eq!(combined(mode, values).to_string(), *expected, "{mode:?} of {values:?}");
            }
        }
    }

    #[test]
    fn only_a_mode_that_starts_at_zero_shows_before_it_is_set() {
        use GaugeMode::{LiveMax, LiveMin, LiveMostRecent, LiveSum, MostRecent, PerProcess, Shared};
        for mode in [Shared, LiveSum, LiveMin, LiveMax, MostRecent, LiveMostRecent, PerProcess] {
            let mut accumulator = gauge(mode);
            let key = series(&accumulator, "a");
            let row = accumulator.row_of_process(&key, "7");
            accumulator.mark_present(row, true);
            let finish = accumulator.finish().1;
            assert_eq!(finish.len(), usize::from(matches!(mode, Shared | LiveSum)), "{mode:?} shows {finish:?}");
        }
    }

    #[test]
    fn per_process_series_sort_by_their_pid_label() {
        let mut accumulator = gauge(GaugeMode::PerProcess);
        let key = series(&accumulator, "a");
        for (pid, value) in [("7", 1.0), ("12", 2.0)] {
            let row = accumulator.row_of_process(&key, pid);
            accumulator.add_value(row, value, 0);
        }
        let (series, parts) = accumulator.finish();
        let texts: Vec<_> =
            series.iter().map(|series| series.labels(accumulator.family()).exposed().to_owned()).collect();
        assert_eq!(texts, [r#"pid="12",queue="a""#, r#"pid="7",queue="a""#]);
        assert_eq!(parts, [Number::Float(2.0), Number::Float(1.0)]);
    }

    #[test]
    fn visible_series_are_sorted() {
        let mut accumulator = gauge(GaugeMode::LiveSum);
        let rows = ["c", "a", "d", "b"].map(|queue| accumulator.row(&series(&accumulator, queue)));
        accumulator.add_value(rows[0], 3.0, 0);
        accumulator.mark_present(rows[1], true);
        accumulator.mark_present(rows[2], false);
        let values = |accumulator: &mut FamilyAccumulator| {
            let (series, parts) = accumulator.finish();
            let texts = series.iter().map(|series| series.labels(accumulator.family()).exposed().to_owned());
            texts.zip(parts).map(|(text, part)| format!("{text} {}", part.as_f64())).collect::<Vec<_>>()
        };
        assert_eq!(values(&mut accumulator), [r#"queue="a" 0"#, r#"queue="c" 3"#]);
        // Another scrape, another series.
        accumulator.reset();
        let row = accumulator.row(&series(&accumulator, "aa"));
        accumulator.add_value(row, 1.0, 0);
        accumulator.add_value(rows[3], 2.0, 0);
        assert_eq!(values(&mut accumulator), [r#"queue="aa" 1"#, r#"queue="b" 2"#]);
    }
}
