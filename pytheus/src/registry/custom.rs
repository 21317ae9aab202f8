//! What a user's own collector gives, held against what it described.

use super::entries::Entry;
use crate::collector::Collector;
use crate::descriptor::Descriptor;
use crate::diagnostics;
use crate::error::CollectError;
use crate::reentry::Failure;
use crate::snapshot::{FamilySnapshot, Sample};

/// What a user's own collector gives; nothing when it fails, which is counted.
pub(super) fn families(Entry { collector, descriptors, code }: &Entry) -> Vec<FamilySnapshot> {
    if collector.as_counted().is_some() || diagnostics::is_own(collector) {
        return Vec::new();
    }
    match code.run(|| collect(&**collector, descriptors)) {
        Ok(Ok(families)) => return families,
        // The collector is running, and is reported in the end.
        Err(Failure::Reentered) => {}
        Ok(Err(error)) => diagnostics::collector_failed(descriptors.first(), &error),
        Err(failure) => diagnostics::collector_failed(descriptors.first(), &failure),
    }
    Vec::new()
}

/// Collects.
fn collect(collector: &dyn Collector, descriptors: &[Descriptor]) -> Result<Vec<FamilySnapshot>, CollectError> {
    // The text of the error is the collector's own code, too.
    let collect = || collector.collect().map_err(|error| CollectError::from(error.to_string()));
    let mut families = collect()?;
    let mut seen = Vec::new();
    for family in &mut families {
        check(family, descriptors)?;
        match seen.binary_search(&family.name) {
            Ok(_) => return Err(format!("it gave the family `{}` twice", family.name).into()),
            Err(place) => seen.insert(place, family.name.clone()),
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
    let mut last_bound = None;
    for sample in samples {
        let parts = kind.suffixes();
        let fits = if parts.is_empty() { sample.suffix.is_empty() } else { parts.contains(&sample.suffix) };
        if !fits {
            return Err(format!("`{name}`: a sample is no part of a {kind}").into());
        }
        let bound = bound(sample);
        if bound.is_some_and(|bound| !last_bound.is_none_or(|last| last < bound)) {
            return Err(format!("`{name}`: bucket bounds must be in rising order").into());
        }
        last_bound = bound;
    }
    Ok(())
}

/// The upper bound, if this is a bucket.
fn bound(sample: &Sample) -> Option<f64> {
    let (_, bound) = sample.labels().find(|(label, _)| sample.suffix == "_bucket" && *label == "le")?;
    Some(bound.parse().unwrap_or(f64::NAN))
}

/// Series by label values; the parts of one stay in their order, each once.
fn sort(family: &mut FamilySnapshot) -> Result<(), CollectError> {
    let own_label = family.kind.own_label();
    let compare = |a: &Sample, b: &Sample| {
        let key = |label: &(&str, &str)| Some(label.0) != own_label;
        a.labels().filter(key).cmp(b.labels().filter(key))
    };
    family.samples.sort_by(compare);
    for parts in family.samples.chunk_by(|a, b| compare(a, b).is_eq()) {
        let same = |a: &Sample, b: &Sample| a.suffix == b.suffix && a.labels == b.labels;
        if parts.iter().enumerate().any(|(place, part)| parts[..place].iter().any(|other| same(part, other))) {
            return Err(format!("`{}`: two samples have the same labels", family.name).into());
        }
    }
    Ok(())
}
