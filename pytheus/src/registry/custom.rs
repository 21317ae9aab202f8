//! Checks the families of a custom collector against its descriptors.

use super::collector_index::Entry;
use crate::collector::Collector;
use crate::diagnostics;
use crate::model::descriptor::{Descriptor, Kind};
use crate::model::error::CollectError;
use crate::model::snapshot::{FamilySnapshot, Number, Sample};
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
    let checked = family.samples.iter().try_for_each(|sample| check_value(family, sample));
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
    let FamilySnapshot { name, kind, label_names, samples, .. } = family;
    let described = |d: &&Descriptor| d.name() == name && d.kind() == *kind && d.label_names().eq(label_names.iter());
    if descriptors.iter().find(described).is_none() {
        return Err(format!("it gave the family `{name}`, which is not among its descriptors").into());
    }
    if let Some(mistake) = &family.mistake {
        return Err(mistake.clone().into());
    }
    let mut last: Option<(f64, Number)> = None;
    for sample in samples {
        let parts = kind.suffixes();
        let fits = if parts.is_empty() { sample.suffix.is_empty() } else { parts.contains(&sample.suffix) };
        if !fits {
            return Err(format!("`{name}`: a sample is no part of a {kind}").into());
        }
        check_value(family, sample)?;
        let bucket = bound(sample).map(|bound| (bound, sample.value));
        if let (Some((bound, count)), Some((last_bound, last_count))) = (bucket, last) {
            if last_bound >= bound {
                return Err(format!("`{name}`: bucket bounds must be in rising order").into());
            }
            if last_count.as_f64() > count.as_f64() {
                let series = series(family, sample);
                return Err(format!("{series} counts less than the bucket before it: there are more than 2^64").into());
            }
        }
        if bucket.is_some_and(|(bound, _)| bound.is_nan()) {
            return Err(format!("`{name}`: bucket bounds must be in rising order").into());
        }
        last = bucket;
    }
    Ok(())
}

/// Checks a value against the kind of its family. Prometheus takes a smaller counter for a reset, and adds the next
/// value.
fn check_value(family: &FamilySnapshot, sample: &Sample) -> Result<(), CollectError> {
    let value = sample.value.as_f64();
    let (is_right, right) = match (family.kind, sample.suffix) {
        (Kind::Gauge, _) => return Ok(()),
        // Negative observations make a negative sum.
        (_, "_sum") => (!value.is_nan(), "a sum must be a number"),
        (Kind::Counter, _) => (value >= 0.0, "a counter must be a number from 0 on"),
        (Kind::Histogram | Kind::Summary, _) => (value >= 0.0, "a count must be a number from 0 on"),
        (Kind::Info, _) => (sample.value == Number::Int(1), "an info metric must be 1"),
        (Kind::StateSet, _) => {
            (value == 0.0 || sample.value == Number::Int(1), "a state must be 1, or 0 when it does not hold")
        }
    };
    if is_right {
        return Ok(());
    }
    Err(format!("{} is {}, but {right}", series(family, sample), number::to_text(value)).into())
}

/// Returns the name and the labels of a sample as text.
fn series(family: &FamilySnapshot, sample: &Sample) -> String {
    let mut labels = String::new();
    escape::labels(&mut labels, sample.labels());
    let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
    format!("`{}{}{labels}`", family.name, sample.suffix)
}

/// Returns the upper bound of a bucket.
fn bound(sample: &Sample) -> Option<f64> {
    let (_, bound) = sample.labels().find(|(label, _)| sample.suffix == "_bucket" && *label == "le")?;
    Some(bound.parse().unwrap_or(f64::NAN))
}

/// Sorts series by label values, and keeps the order of their parts. A duplicate is an error.
fn sort(family: &mut FamilySnapshot) -> Result<(), CollectError> {
    let own_label = family.kind.own_label();
    let compare = |a: &Sample, b: &Sample| {
        let key = |label: &(&str, &str)| Some(label.0) != own_label;
        a.labels().filter(key).cmp(b.labels().filter(key))
    };
    family.samples.sort_by(compare);
    for parts in family.samples.chunk_by(|a, b| compare(a, b).is_eq()) {
        let same = |a: &Sample, b: &Sample| a.suffix == b.suffix && a.labels == b.labels;
        if parts.iter().enumerate().any(|(index, part)| parts[..index].iter().any(|other| same(part, other))) {
            return Err(format!("`{}`: two samples have the same labels", family.name).into());
        }
    }
    Ok(())
}
