//! The totals of one family while they are added up: a row for each series, whoever has counted in it.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::backends::custom::{Aggregation, FamilyKey, GaugeAggregate, SeriesKey};
use crate::backends::file::format::exact_amount::Amount;
use crate::model::descriptor::Kind;
use crate::model::snapshot::Number;

/// A family, and what is known of its series so far.
///
/// Rows stay from scrape to scrape, so that who remembers the row of a series need not look for it.
pub(crate) struct Table {
    /// As it was declared.
    declared: Arc<FamilyKey>,
    aggregation: Aggregation,
    /// As it is shown.
    family: Arc<FamilyKey>,
    /// By series: the row.
    index: HashMap<SeriesKey, u32, RandomState>,
    /// By row.
    series: Vec<SeriesKey>,
    /// By row, as many as a series has parts.
    amounts: Vec<Amount>,
    /// By row: what this scrape has of it.
    seen: Vec<Seen>,
    /// By row: the values of a gauge so far. Empty where counts are added up.
    values: Vec<GaugeAggregate>,
    /// Rows by label values, but for those that have come since they were put in order.
    order: Vec<u32>,
    /// What was known of the rows at the last scrape, and the series that it showed, in order.
    last: (Vec<Seen>, Arc<[SeriesKey]>),
}

/// What is known of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    /// Nobody has it now.
    Nowhere,
    /// Somebody has it, but there is nothing to show.
    Hidden,
    /// It shows, at zero, unless somebody has a value.
    Promised,
    /// Its amounts stand.
    Valued,
}

impl Table {
    pub(crate) fn new(declared: Arc<FamilyKey>) -> Self {
        let mut aggregation = declared.aggregation();
        let mut family = Arc::clone(&declared);
        if aggregation == Aggregation::PerProcess {
            match with_pid(&declared) {
                Some(with_pid) => family = with_pid,
                // Refused where it is declared, but who knows what others do.
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
            seen: Vec::new(),
            values: Vec::new(),
            order: Vec::new(),
            last: (Vec::new(), Arc::new([])),
        }
    }

    /// The family as it was declared.
    pub(crate) fn declared(&self) -> &Arc<FamilyKey> {
        &self.declared
    }

    /// How the numbers of processes become one.
    pub(crate) fn aggregation(&self) -> Aggregation {
        self.aggregation
    }

    /// The row of a series of that process.
    pub(crate) fn row_of(&mut self, series: &SeriesKey, pid: &str) -> u32 {
        if self.aggregation != Aggregation::PerProcess {
            return self.row(series);
        }
        let (declared, family) = (Arc::clone(&self.declared), Arc::clone(&self.family));
        let mut others = series.labels(&declared).iter();
        // Sorted by name in both.
        let names = family.descriptor().label_names();
        let values: Vec<&str> =
            names.map(|name| if name == PID { pid } else { others.next().map_or("", |(_, value)| value) }).collect();
        self.row(&SeriesKey::new(&family, &values))
    }

    /// The family as it is shown.
    pub(crate) fn family(&self) -> &Arc<FamilyKey> {
        &self.family
    }

    /// The row of a series, which stays the same for as long as the table.
    pub(crate) fn row(&mut self, series: &SeriesKey) -> u32 {
        if let Some(row) = self.index.get(series) {
            return *row;
        }
        // The process has fewer series than fit its cells, and there are fewer processes than that.
        let row = u32::try_from(self.series.len()).unwrap_or(u32::MAX);
        self.index.insert(series.clone(), row);
        self.series.push(series.clone());
        self.amounts.resize(self.series.len() * self.family.part_count(), Amount::default());
        self.seen.push(Seen::Nowhere);
        if self.aggregation != Aggregation::Add {
            self.values.push(GaugeAggregate::new(self.aggregation));
        }
        row
    }

    /// Begins anew: nobody has anything.
    pub(crate) fn clear(&mut self) {
        self.amounts.fill(Amount::default());
        self.seen.fill(Seen::Nowhere);
        self.values.fill(GaugeAggregate::new(self.aggregation));
    }

    /// Adds what somebody has counted in a series.
    pub(crate) fn add(&mut self, row: u32, amounts: &[Amount]) {
        let (row, width) = (row as usize, amounts.len());
        let Some(sums) = self.amounts.get_mut(row * width..(row + 1) * width) else { return };
        for (sum, amount) in sums.iter_mut().zip(amounts) {
            *sum += *amount;
        }
        self.seen[row] = Seen::Valued;
    }

    /// Takes note of a series that somebody has. It shows before anyone has a value if that was promised, and 0 is a value.
    pub(crate) fn have(&mut self, row: u32, promised: bool) {
        let seen = &mut self.seen[row as usize];
        *seen = if promised && self.aggregation.starts_at_zero() { Seen::Promised } else { Seen::Hidden }.max(*seen);
    }

    /// Puts amounts in place of what is there.
    pub(crate) fn set(&mut self, row: u32, amounts: &[Amount]) {
        let (row, width) = (row as usize, amounts.len());
        let Some(there) = self.amounts.get_mut(row * width..(row + 1) * width) else { return };
        there.copy_from_slice(amounts);
        self.seen[row] = Seen::Valued;
    }

    /// Takes the value of a gauge in, set at that time, as its mode has it.
    pub(crate) fn combine_value(&mut self, row: u32, value: f64, set_at: u64) {
        let row = row as usize;
        let Some(values) = self.values.get_mut(row) else { return };
        values.add(value, set_at);
        self.amounts[row] = Amount { whole: 0, float: values.sum() };
        self.seen[row] = Seen::Valued;
    }

    /// The series that show, in order, and their parts.
    pub(crate) fn shown(&mut self) -> (Arc<[SeriesKey]>, Vec<Number>) {
        self.sort();
        if self.last.0 != self.seen {
            let shown = self.order.iter().filter(|row| self.seen[**row as usize] >= Seen::Promised);
            let series = shown.map(|row| self.series[*row as usize].clone()).collect();
            self.last = (self.seen.clone(), series);
        }
        let width = self.family.part_count();
        let mut parts = Vec::with_capacity(self.last.1.len() * width);
        for row in self.order.iter().map(|row| *row as usize) {
            if self.seen[row] >= Seen::Promised {
                numbers(self.family.descriptor().kind(), &self.amounts[row * width..(row + 1) * width], &mut parts);
            }
        }
        (Arc::clone(&self.last.1), parts)
    }

    /// When the value of each series that shows was set, where that says which one does.
    pub(crate) fn times(&self) -> Vec<u64> {
        if !self.aggregation.is_by_time() {
            return Vec::new();
        }
        let shown = self.order.iter().map(|row| *row as usize).filter(|row| self.seen[*row] >= Seen::Promised);
        shown.map(|row| self.values[row].set_at()).collect()
    }

    /// Puts the rows in order that have come since.
    fn sort(&mut self) {
        if self.order.len() < self.series.len() {
            // Both numbers are those of rows.
            self.order.extend((self.order.len()..self.series.len()).map(|row| u32::try_from(row).unwrap_or(u32::MAX)));
            // Those in order already are a run that the sort finds.
            let (family, series) = (&self.family, &self.series);
            self.order.sort_by(|one, other| series[*one as usize].compare(&series[*other as usize], family));
        }
    }

    /// Are most rows of no use any more? As of the last scrape.
    pub(crate) fn is_worn(&self) -> bool {
        const FEW: usize = 64;
        let of_no_use = self.last.0.iter().filter(|seen| **seen == Seen::Nowhere).count();
        of_no_use > FEW && of_no_use > self.series.len() / 2
    }
}

/// The parts of a series as a scrape shows them.
fn numbers(kind: Kind, amounts: &[Amount], parts: &mut Vec<Number>) {
    match (kind, amounts) {
        (Kind::Counter, _) => parts.extend(amounts.iter().map(Amount::number)),
        (Kind::Gauge, _) => parts.extend(amounts.iter().map(Amount::number_float)),
        (Kind::Histogram | Kind::Summary, [counts @ .., sum]) => {
            parts.extend(counts.iter().map(|count| Number::Int(count.whole)));
            parts.push(sum.number_float());
        }
        // Whoever states the facts has the value 1.
        (Kind::Info, _) => parts.extend(amounts.iter().map(|stated| Number::Int(u64::from(!stated.is_zero())))),
        _ => parts.extend(amounts.iter().map(|flag| Number::Int(flag.whole))),
    }
}

/// The label of gauges that each process has for itself.
const PID: &str = "pid";

/// The same family with the number of the process as one label more; `None` if it has such a label.
fn with_pid(family: &FamilyKey) -> Option<Arc<FamilyKey>> {
    let descriptor = family.descriptor().clone().with_labels([PID]).ok()?;
    Some(Arc::new(FamilyKey::new(family.scope(), descriptor)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::api::gauge_aggregate::CASES;
    use crate::model::descriptor::{Descriptor, GaugeMode};

    fn gauge(mode: GaugeMode) -> Table {
        let descriptor = Descriptor::new(Kind::Gauge, "depth", "").and_then(|depth| depth.with_labels(["queue"]));
        let mut descriptor = descriptor.expect("a good descriptor");
        descriptor.mode = mode;
        Table::new(Arc::new(FamilyKey::new("", descriptor)))
    }

    fn series(table: &Table, queue: &str) -> SeriesKey {
        SeriesKey::new(table.declared(), &[queue])
    }

    /// The value of the one series, of processes that have these values, set at these times.
    fn combined(mode: GaugeMode, values: &[(f64, u64)]) -> f64 {
        let mut table = gauge(mode);
        let row = table.row(&series(&table, "a"));
        for (value, stamp) in values {
            table.combine_value(row, *value, *stamp);
        }
        let (_, parts) = table.shown();
        assert_eq!(parts.len(), 1);
        parts[0].as_f64()
    }

    #[test]
    fn each_mode_makes_one_value_of_several_as_everywhere() {
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
            let mut table = gauge(mode);
            let key = series(&table, "a");
            let row = table.row_of(&key, "7");
            table.have(row, true);
            let shown = table.shown().1;
            assert_eq!(shown.len(), usize::from(matches!(mode, Shared | LiveSum)), "{mode:?} shows {shown:?}");
        }
    }

    #[test]
    fn each_process_has_its_own_series_with_its_number_where_its_name_belongs() {
        let mut table = gauge(GaugeMode::PerProcess);
        let key = series(&table, "a");
        for (pid, value) in [("7", 1.0), ("12", 2.0)] {
            let row = table.row_of(&key, pid);
            table.combine_value(row, value, 0);
        }
        let (series, parts) = table.shown();
        let texts: Vec<_> = series.iter().map(|series| series.labels(table.family()).exposed().to_owned()).collect();
        assert_eq!(texts, [r#"pid="12",queue="a""#, r#"pid="7",queue="a""#]);
        assert_eq!(parts, [Number::Float(2.0), Number::Float(1.0)]);
    }

    #[test]
    fn series_show_in_order_as_far_as_there_is_something_to_show() {
        let mut table = gauge(GaugeMode::LiveSum);
        let rows = ["c", "a", "d", "b"].map(|queue| table.row(&series(&table, queue)));
        table.combine_value(rows[0], 3.0, 0);
        table.have(rows[1], true);
        table.have(rows[2], false);
        let values = |table: &mut Table| {
            let (series, parts) = table.shown();
            let texts = series.iter().map(|series| series.labels(table.family()).exposed().to_owned());
            texts.zip(parts).map(|(text, part)| format!("{text} {}", part.as_f64())).collect::<Vec<_>>()
        };
        assert_eq!(values(&mut table), [r#"queue="a" 0"#, r#"queue="c" 3"#]);
        // Another scrape, another series.
        table.clear();
        let row = table.row(&series(&table, "aa"));
        table.combine_value(row, 1.0, 0);
        table.combine_value(rows[3], 2.0, 0);
        assert_eq!(values(&mut table), [r#"queue="aa" 1"#, r#"queue="b" 2"#]);
    }
}
