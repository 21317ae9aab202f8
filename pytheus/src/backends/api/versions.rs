//! Declarations of one family that differ become one family in a scrape.
//!
//! Versions of a program follow each other and run side by side: a rolling upgrade, a rollback, the upgrade again. A
//! backend keeps the numbers of each declaration apart, since they have other labels, buckets or modes, and
//! [puts](crate::backends::custom::Totals::provide) each of them into the totals. Merging them here is the same for every backend, and a pure
//! function of what is there: no declaration has to win, and nothing that was counted is left out.
//!
//! | what differs | the family shows |
//! |---|---|
//! | labels | the labels of all declarations; where one lacks a label, its series show the label's default, or no value |
//! | buckets | the bounds of all; a count stands at the least bound that is not below its own, so it is exact at common bounds |
//! | states | the states of all; per series, those of the newest declaration that has it |
//! | mode of a gauge | the newest mode, over the values that each declaration has by its own mode; see [`GaugeAggregate`] |
//! | help, unit | those of the newest |
//! | histogram, summary | a histogram, in which the observations of the summary have no bound |
//! | any other kind | the newest kind; the numbers of the other one are left out, reported and counted as a conflict |
//!
//! *Newest* is the declaration that a process has begun last, among those that a living process has, if there are any.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::backends::api::aggregation::Aggregation;
use crate::backends::api::family_key::FamilyKey;
use crate::backends::api::gauge_aggregate::GaugeAggregate;
use crate::backends::api::series_key::SeriesKey;
use crate::model::descriptor::{Descriptor, Kind, MAX_STATES};
use crate::model::name::MAX_BUCKETS;
use crate::model::number::Number;
use crate::report::{self, SelfMetric};

/// The totals of one declaration.
pub(crate) struct Declared {
    pub(crate) family: Arc<FamilyKey>,
    pub(crate) series: Arc<[SeriesKey]>,
    /// The parts of each series, one after the other.
    pub(crate) parts: Vec<Number>,
    /// Of a gauge that shows the most recent value: when that of each series was set, as far as that is known.
    pub(crate) times: Vec<u64>,
    /// Whether a living process has the declaration.
    pub(crate) is_live: bool,
}

/// The totals of the family that several declarations make; they come in the order of their age, the oldest first.
///
/// Reports each declaration whose numbers can't stand beside those of the newest. `None` if there is no declaration.
pub(crate) fn merge(mut all: Vec<Declared>) -> Option<Declared> {
    let newest = all.iter().rposition(|declared| declared.is_live).or_else(|| all.len().checked_sub(1))?;
    let newest = all.remove(newest);
    // A shared gauge outlives its processes. Once no living process declares its mode, it is not set any more.
    let is_over = |older: &Descriptor, newest: &Descriptor| older.kind == newest.kind && older.mode != newest.mode;
    all.retain(|declared| declared.is_live || !is_over(declared.family.descriptor(), newest.family.descriptor()));
    if all.is_empty() {
        return Some(newest);
    }
    let mut union = newest.family.descriptor().clone();
    let mut merging = Vec::with_capacity(all.len() + 1);
    merging.push(newest);
    // The oldest last, whose defaults stand.
    for declared in all.into_iter().rev() {
        match unite(&union, declared.family.descriptor()) {
            Some(united) => {
                union = united;
                merging.push(declared);
            }
            None => leave_out(&declared.family, &merging[0].family),
        }
    }
    let scope = merging[0].family.scope().to_owned();
    let mut merged = Merged::new(Arc::new(FamilyKey::new(scope, union)));
    for declared in merging.iter().rev() {
        merged.add(declared);
    }
    Some(merged.finish())
}

/// Returns the descriptor of a family that has the series of both; `None` when there is no such family.
fn unite(newest: &Descriptor, older: &Descriptor) -> Option<Descriptor> {
    let mut union = newest.clone();
    match (newest.kind, older.kind) {
        (one, other) if one == other => {}
        (Kind::Histogram, Kind::Summary) => {}
        (Kind::Summary, Kind::Histogram) => {
            union.kind = Kind::Histogram;
            union.buckets.clone_from(&older.buckets);
        }
        _ => return None,
    }
    for label in older.labels.iter() {
        match union.labels.iter().position(|known| known.name() == label.name()) {
            None => union.add_label(label.clone()).ok()?,
            // The oldest default stands, so that no series changes its labels with the next version.
            Some(place) if label.has_default() => union.labels.to_mut()[place] = label.clone(),
            Some(_) => {}
        }
    }
    if union.kind == Kind::Histogram {
        let mut bounds = [union.buckets(), older.buckets()].concat();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        // Beyond the limit, the bounds of the newest alone: exact at those that the older one has, too.
        if bounds.len() <= MAX_BUCKETS {
            union.buckets = bounds.into();
        }
    }
    let new_states: Vec<_> = older.states.iter().filter(|state| !union.states.contains(state)).copied().collect();
    if union.states.len() + new_states.len() > MAX_STATES {
        return None;
    }
    union.states.to_mut().extend(new_states);
    let own_label = union.kind.own_label();
    let is_taken = union.label_names().any(|name| Some(name) == own_label);
    (!is_taken).then_some(union)
}

/// Counts and reports a declaration whose numbers are left out.
fn leave_out(family: &FamilyKey, newest: &FamilyKey) {
    let (kind, stands) = (family.descriptor().kind(), newest.descriptor().kind());
    let message = format!(
        "`{family}` is declared as a {stands} and, by another version or program, as a {kind} that can't be shown beside it: \
         what is counted in the {kind} is left out; give one of the two another name"
    );
    if report::report(("declaration", &message), &message) {
        report::count(SelfMetric::BackendConflicts, &[family.name()]);
    }
}

/// Series while they are merged.
struct Merged {
    family: Arc<FamilyKey>,
    rows: HashMap<SeriesKey, usize, RandomState>,
    series: Vec<SeriesKey>,
    parts: Vec<Number>,
    /// By series, as of a [declaration](Declared::times).
    times: Vec<u64>,
}

impl Merged {
    fn new(family: Arc<FamilyKey>) -> Self {
        Self { family, rows: HashMap::default(), series: Vec::new(), parts: Vec::new(), times: Vec::new() }
    }

    /// Adds a declaration that is newer than those before it.
    fn add(&mut self, declared: &Declared) {
        let (from, to) = (Arc::clone(&declared.family), Arc::clone(&self.family));
        let places = part_places(from.descriptor(), to.descriptor());
        let width = to.part_count();
        let times = declared.times.iter().copied().chain(std::iter::repeat(0));
        let all = declared.series.iter().zip(declared.parts.chunks_exact(from.part_count().max(1)));
        for ((series, parts), time) in all.zip(times) {
            // Every label of the declaration is one of the union.
            let Some(series) = from.translate(series, &to) else { continue };
            let row = self.rows.get(&series).copied();
            let is_new = row.is_none();
            let row = row.unwrap_or_else(|| {
                self.series.push(series.clone());
                self.times.push(time);
                self.parts.resize(self.series.len() * width, Number::Int(0));
                self.rows.insert(series, self.series.len() - 1);
                self.series.len() - 1
            });
            let sums = &mut self.parts[row * width..(row + 1) * width];
            if to.aggregation() == Aggregation::Add {
                places.iter().zip(parts).for_each(|(place, part)| sums[*place] = sums[*place] + *part);
                continue;
            }
            let known = &mut self.times[row];
            let has_times = to.aggregation().is_by_time() && *known != 0 && time != 0;
            if is_new || !combines(to.aggregation()) && !has_times {
                sums.fill(Number::Int(0));
                places.iter().zip(parts).for_each(|(place, part)| sums[*place] = *part);
                *known = time;
            } else if let ([sum], [value]) = (sums, parts) {
                (*sum, *known) = combined(to.aggregation(), (*sum, *known), (*value, time));
            }
        }
    }

    fn finish(self) -> Declared {
        Declared {
            family: self.family,
            series: self.series.into(),
            parts: self.parts,
            times: self.times,
            is_live: true,
        }
    }
}

/// Whether two declarations' values of one series make a third; else that of the newer one stands, or that which was set
/// later where that is known and asked for.
fn combines(aggregation: Aggregation) -> bool {
    matches!(aggregation, Aggregation::LiveSum | Aggregation::LiveMin | Aggregation::LiveMax)
}

/// Aggregates two values, each with its time.
fn combined(aggregation: Aggregation, one: (Number, u64), other: (Number, u64)) -> (Number, u64) {
    if let (Number::Int(stated), Number::Int(also), Aggregation::LiveMax) = (one.0, other.0, aggregation) {
        // Facts are stated, or not.
        return (Number::Int(stated.max(also)), 0);
    }
    let mut aggregate = GaugeAggregate::new(aggregation);
    for (value, set_at) in [one, other] {
        aggregate.add(value.as_f64(), set_at);
    }
    (aggregate.value().map_or(other.0, Number::Float), aggregate.set_at())
}

/// Where each part of a series of a declaration stands among the parts of the union.
fn part_places(from: &Descriptor, to: &Descriptor) -> Vec<usize> {
    let (unbounded, sum) = (to.buckets().len(), to.buckets().len() + 1);
    match (from.kind(), to.kind()) {
        (Kind::Histogram, _) => {
            let at = |bound: &f64| to.buckets().iter().position(|known| known >= bound).unwrap_or(unbounded);
            from.buckets().iter().map(at).chain([unbounded, sum]).collect()
        }
        (Kind::Summary, Kind::Histogram) => vec![unbounded, sum],
        (Kind::Summary, _) => vec![0, 1],
        (Kind::StateSet, _) => {
            let at = |state: &&str| to.states().iter().position(|known| known == state).unwrap_or_default();
            from.states().iter().map(at).collect()
        }
        _ => vec![0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::descriptor::GaugeMode::{LiveMax, LiveMin, LiveSum, Shared};
    use crate::model::labels::LabelSpec;

    fn described(kind: Kind, labels: &[(&'static str, Option<&'static str>)]) -> Descriptor {
        let mut descriptor = Descriptor::new(kind, "orders_total", "Orders.").expect("a good name");
        for (name, default) in labels {
            let label = LabelSpec::required((*name).into());
            let label = if let Some(default) = default { label.with_default((*default).into()) } else { label };
            descriptor.add_label(label).expect("a good label");
        }
        descriptor
    }

    fn declared(descriptor: &Descriptor, is_live: bool, series: &[(&[&str], &[Number])]) -> Declared {
        let family = Arc::new(FamilyKey::new("", descriptor.clone()));
        let keys: Vec<_> = series.iter().map(|(values, _)| SeriesKey::new(&family, values)).collect();
        let parts = series.iter().flat_map(|(_, parts)| *parts).copied().collect();
        Declared { family, series: keys.into(), parts, times: Vec::new(), is_live }
    }

    /// Labels as they are exposed, and parts.
    fn merged(all: Vec<Declared>) -> (Arc<FamilyKey>, Vec<(String, Vec<f64>)>) {
        let Declared { family, series, parts, .. } = merge(all).expect("there is a declaration");
        let texts = series.iter().map(|series| series.labels(&family).exposed().to_owned());
        let parts = parts.chunks(family.part_count()).map(|parts| parts.iter().map(|part| part.as_f64()).collect());
        let mut shown: Vec<_> = texts.zip(parts).collect();
        shown.sort_by(|(one, _), (other, _)| one.cmp(other));
        (family, shown)
    }

    const ONE: Number = Number::Int(1);
    const TWO: Number = Number::Int(2);
    const FOUR: Number = Number::Int(4);

    #[test]
    fn a_label_that_was_added_shows_its_default_for_older_series() {
        let (v1, v2) = (
            described(Kind::Counter, &[("shop", None)]),
            described(Kind::Counter, &[("currency", Some("EUR")), ("shop", None)]),
        );
        let old = || declared(&v1, true, &[(&["x"], &[ONE]), (&["y"], &[TWO])]);
        let new = || declared(&v2, true, &[(&["EUR", "x"], &[FOUR]), (&["USD", "x"], &[TWO])]);
        let expected = [
            (r#"currency="EUR",shop="x""#.to_owned(), vec![5.0]),
            (r#"currency="EUR",shop="y""#.to_owned(), vec![2.0]),
            (r#"currency="USD",shop="x""#.to_owned(), vec![2.0]),
        ];
        // A rollback makes the older declaration the newest: no series changes its labels.
        assert_eq!(merged(vec![old(), new()]).1, expected);
        assert_eq!(merged(vec![new(), old()]).1, expected);
    }

    #[test]
    fn a_label_without_a_default_is_left_out_where_a_declaration_lacks_it() {
        let (v1, v2) = (described(Kind::Counter, &[("a", None)]), described(Kind::Counter, &[("b", None)]));
        let all = vec![declared(&v1, true, &[(&["x"], &[ONE])]), declared(&v2, true, &[(&["x"], &[TWO])])];
        assert_eq!(merged(all).1, [(r#"a="x""#.to_owned(), vec![1.0]), (r#"b="x""#.to_owned(), vec![2.0])]);
    }

    #[test]
    fn the_default_of_the_oldest_declaration_stands_for_series_without_the_label() {
        let v1 = described(Kind::Counter, &[]);
        let with = |default| described(Kind::Counter, &[("currency", Some(default))]);
        let mut all = vec![
            declared(&v1, true, &[(&[], &[ONE])]),
            declared(&with("EUR"), true, &[(&["EUR"], &[TWO])]),
            declared(&with("USD"), true, &[(&["USD"], &[FOUR])]),
        ];
        let mut shown = vec![(r#"currency="EUR""#.to_owned(), vec![3.0]), (r#"currency="USD""#.to_owned(), vec![4.0])];
        assert_eq!(merged(all).1, shown);
        all = vec![
            declared(&v1, true, &[(&[], &[ONE])]),
            declared(&with("EUR"), true, &[(&["EUR"], &[TWO])]),
            declared(&with("USD"), true, &[(&["USD"], &[FOUR])]),
            declared(&with("GBP"), true, &[(&["GBP"], &[ONE])]),
        ];
        shown.insert(1, (r#"currency="GBP""#.to_owned(), vec![1.0]));
        assert_eq!(merged(all).1, shown, "a version more changes no series");
    }

    #[test]
    fn buckets_are_exact_at_bounds_that_both_declare() {
        let of = |bounds: &[f64]| described(Kind::Histogram, &[]).with_buckets(bounds.to_vec()).expect("good bounds");
        let (v1, v2) = (of(&[0.1, 1.0]), of(&[0.1, 0.5, 1.0]));
        // Counts per bucket, the last without a bound, and the sum.
        let old = declared(&v1, true, &[(&[], &[ONE, TWO, FOUR, Number::Float(20.5)])]);
        let new = declared(&v2, true, &[(&[], &[ONE, ONE, ONE, ONE, Number::Float(4.25)])]);
        let (family, shown) = merged(vec![old, new]);
        assert_eq!(family.descriptor().buckets(), [0.1, 0.5, 1.0]);
        assert_eq!(shown, [(String::new(), vec![2.0, 1.0, 3.0, 5.0, 24.75])]);
    }

    #[test]
    fn no_more_bounds_than_a_histogram_may_have_come_together() {
        let of = |offset: f64| {
            let bounds = (0..400).map(|bound| f64::from(bound) + offset);
            described(Kind::Histogram, &[]).with_buckets(bounds).expect("good bounds")
        };
        let mut parts = vec![ONE; 401];
        parts.push(Number::Float(1.0));
        let all = vec![declared(&of(0.5), true, &[(&[], &parts)]), declared(&of(0.0), true, &[(&[], &parts)])];
        let (family, shown) = merged(all);
        assert_eq!(family.descriptor().buckets(), of(0.0).buckets());
        assert_eq!(shown[0].1.iter().sum::<f64>().to_string(), "804");
    }

    #[test]
    fn a_summary_that_became_a_histogram_keeps_count_and_sum_and_so_does_the_reverse() {
        let summary = described(Kind::Summary, &[]);
        let histogram = described(Kind::Histogram, &[]).with_buckets([1.0]).expect("a good bound");
        let one = || declared(&summary, true, &[(&[], &[FOUR, Number::Float(8.0)])]);
        let other = || declared(&histogram, true, &[(&[], &[ONE, TWO, Number::Float(5.0)])]);
        for all in [vec![one(), other()], vec![other(), one()]] {
            assert_eq!(merged(all).1, [(String::new(), vec![1.0, 6.0, 13.0])]);
        }
    }

    #[test]
    fn a_gauge_whose_mode_changed_is_combined_as_the_newest_says_while_both_live() {
        let of = |mode| described(Kind::Gauge, &[]).with_mode(mode).expect("no label `pid`");
        let value = |mode, is_live, value: f64| declared(&of(mode), is_live, &[(&[], &[Number::Float(value)])]);
        for (old, new, is_live, expected) in [
            (Shared, LiveSum, true, 10.0),
            (Shared, LiveSum, false, 3.0),
            (LiveSum, Shared, true, 3.0),
            (Shared, LiveMax, true, 7.0),
            (LiveMax, LiveMin, true, 3.0),
            // A change of nothing but the mode of what is shared by all is none.
            (Shared, Shared, false, 3.0),
        ] {
            let (_, shown) = merged(vec![value(old, is_live, 7.0), value(new, true, 3.0)]);
            assert_eq!(shown, [(String::new(), vec![expected])], "{old:?} then {new:?}, live: {is_live}");
        }
        let (_, shown) = merged(vec![value(LiveMax, true, f64::NAN), value(LiveMin, true, 3.0)]);
        assert_eq!(shown, [(String::new(), vec![3.0])], "a number stands before NaN");
    }

    #[test]
    fn a_declaration_of_a_living_process_is_newer_than_any_of_the_ended() {
        let (counter, gauge) = (described(Kind::Counter, &[]), described(Kind::Gauge, &[]));
        let all = vec![declared(&counter, true, &[(&[], &[ONE])]), declared(&gauge, false, &[(&[], &[TWO])])];
        let (family, shown) = merged(all);
        assert_eq!(family.descriptor().kind(), Kind::Counter);
        assert_eq!(shown, [(String::new(), vec![1.0])]);
    }

    #[test]
    fn states_of_all_declarations_show_and_the_newest_that_has_the_series_says_which_holds() {
        let of = |states: &[&'static str]| described(Kind::StateSet, &[]).with_states(states.to_vec()).expect("states");
        let none = Number::Int(0);
        let old = declared(&of(&["up", "down"]), true, &[(&[], &[none, ONE])]);
        let new = declared(&of(&["up", "slow"]), true, &[(&[], &[none, ONE])]);
        let (family, shown) = merged(vec![old, new]);
        assert_eq!(family.descriptor().states(), ["up", "slow", "down"]);
        assert_eq!(shown, [(String::new(), vec![0.0, 1.0, 0.0])]);
    }
}
