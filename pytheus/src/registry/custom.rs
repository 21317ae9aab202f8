//! Checks the families of a custom collector against its descriptors.

use super::collector_index::Entry;
use crate::collector::Collector;
use crate::diagnostics;
use crate::model::descriptor::{Descriptor, Kind};
use crate::model::error::CollectError;
use crate::model::snapshot::{FamilySnapshot, Point, PointValue};
use crate::model::{escape, number};
use crate::reentry::Failure;
use crate::report;

/// Collects the families of a custom collector; none if it fails, and the failure is counted.
pub(super) fn families(Entry { collector, local_family, descriptors, code }: &Entry) -> Vec<FamilySnapshot> {
    if local_family.is_some() || diagnostics::is_own(collector) {
        return Vec::new();
    }
    match code.run(|| collect(&**collector, descriptors)) {
        Ok(Ok(families)) => return families,
        // The collector is already running; its outer call reports it.
        Err(Failure::Reentered) => {}
        Ok(Err(error)) => diagnostics::collector_failed(descriptors.first(), &error),
        Err(failure) => diagnostics::collector_failed(descriptors.first(), &failure),
    }
    Vec::new()
}

/// Returns whether a backend's own metric has values that its kind allows; counts a failure if not.
pub(super) fn is_healthy(family: &FamilySnapshot) -> bool {
    let checked = family.points.iter().try_for_each(|point| check_point(family, point));
    if let Err(error) = &checked {
        let message = format!("what the backend has to say about itself is not shown: {error}");
        report::backend_failed("health", &message);
    }
    checked.is_ok()
}

/// Collects and checks the families.
fn collect(collector: &dyn Collector, descriptors: &[Descriptor]) -> Result<Vec<FamilySnapshot>, CollectError> {
    // The text of the error comes from the collector's code, too.
    let collect = || collector.collect().map_err(|error| CollectError::from(error.to_string()));
    let mut families = collect()?;
    let mut seen = Vec::new();
    for family in &mut families {
        check(family, descriptors)?;
        match seen.binary_search(&family.name) {
            Ok(_) => return Err(format!("it gave the family `{}` twice", family.name).into()),
            Err(index) => seen.insert(index, family.name.clone()),
        }
        sort(family)?;
    }
    Ok(families)
}

fn check(family: &FamilySnapshot, descriptors: &[Descriptor]) -> Result<(), CollectError> {
    let FamilySnapshot { name, kind, label_names, points, .. } = family;
    let described = |d: &&Descriptor| d.name() == name && d.kind() == *kind && d.label_names().eq(label_names.iter());
    if descriptors.iter().find(described).is_none() {
        return Err(format!("it gave the family `{name}`, which is not among its descriptors").into());
    }
    if let Some(mistake) = &family.mistake {
        return Err(mistake.clone().into());
    }
    points.iter().try_for_each(|point| check_point(family, point))
}

/// Checks a value against the kind of its family. Prometheus takes a smaller counter for a reset, and adds the next
/// value.
fn check_point(family: &FamilySnapshot, point: &Point) -> Result<(), CollectError> {
    let refuse = |suffix, value, right: &str| {
        let series = series(family, point, suffix);
        Err(format!("{series} is {}, but {right}", number::to_text(value)).into())
    };
    let check_sum = |sum: f64| {
        // Negative observations make a negative sum.
        if sum.is_nan() { refuse("_sum", sum, "a sum must be a number") } else { Ok(()) }
    };
    match (family.kind, &point.value) {
        (Kind::Gauge, PointValue::Number(_)) | (Kind::Info, PointValue::Info) => Ok(()),
        (Kind::Counter, PointValue::Number(value)) => match value.as_f64() {
            0.0.. => Ok(()),
            value => refuse("", value, "a counter must be a number from 0 on"),
        },
        (Kind::Info, PointValue::Number(value)) => refuse("", value.as_f64(), "an info metric must be 1"),
        (Kind::Summary, PointValue::Summary(summary)) => {
            if !summary.quantiles.is_sorted_by(|one, other| one.0 < other.0)
                || summary.quantiles.iter().any(|(quantile, _)| !(0.0..=1.0).contains(quantile))
            {
                return Err(format!("`{}`: quantiles must be from 0 to 1, in rising order", family.name).into());
            }
            check_sum(summary.sum)
        }
        (Kind::Histogram, PointValue::Histogram(histogram)) => {
            let bounds = &histogram.bounds;
            if !bounds.is_sorted_by(|one, other| one < other) || bounds.iter().any(|bound| bound.is_nan()) {
                return Err(format!("`{}`: bucket bounds must be in rising order", family.name).into());
            }
            if bounds.last() == Some(&f64::INFINITY) {
                return Err(format!("`{}`: the bucket without a bound is given apart", family.name).into());
            }
            if histogram.counts().try_fold(0_u64, u64::checked_add).is_none() {
                return Err(format!("{} counts more than 2^64", series(family, point, "_bucket")).into());
            }
            check_sum(histogram.sum)
        }
        (Kind::StateSet, PointValue::States(states)) => {
            let mut names: Vec<_> = states.states().map(|(name, _)| name).collect();
            names.sort_unstable();
            if names.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err(format!("`{}`: a state is given twice", family.name).into());
            }
            Ok(())
        }
        (kind, _) => Err(format!("{} is no value of a {kind}", series(family, point, "")).into()),
    }
}

/// Returns the name and the labels of a point as text.
fn series(family: &FamilySnapshot, point: &Point, suffix: &str) -> String {
    let mut labels = String::new();
    escape::labels(&mut labels, point.labels());
    let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
    format!("`{}{suffix}{labels}`", family.name)
}

/// Sorts series by label values. A duplicate is an error.
fn sort(family: &mut FamilySnapshot) -> Result<(), CollectError> {
    family.points.sort_by(|a, b| a.labels().cmp(b.labels()));
    let same = |pair: &[Point]| pair[0].labels == pair[1].labels;
    if family.points.windows(2).any(same) {
        return Err(format!("`{}`: two series have the same labels", family.name).into());
    }
    Ok(())
}
