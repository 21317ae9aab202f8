//! What a user's own collector gives, held against what it described.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::collector::Collector;
use crate::descriptor::Descriptor;
use crate::error::CollectError;
use crate::snapshot::FamilySnapshot;

/// Collects; a panic is an error like any other.
pub(super) fn collect(
    collector: &dyn Collector,
    descriptors: &[Descriptor],
) -> Result<Vec<FamilySnapshot>, CollectError> {
    let mut families = catch_unwind(AssertUnwindSafe(|| collector.collect())).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        // A payload whose own drop panics must not reach the scrape.
        std::mem::forget(panic);
        Err(format!("it panicked: {message}").into())
    })?;
    let mut seen = BTreeSet::new();
    for family in &mut families {
        check(family, descriptors)?;
        if !seen.insert(family.name.clone()) {
            return Err(format!("it gave the family `{}` twice", family.name).into());
        }
        sort(family);
    }
    Ok(families)
}

fn check(family: &FamilySnapshot, descriptors: &[Descriptor]) -> Result<(), CollectError> {
    let FamilySnapshot { name, kind, label_names, samples, .. } = family;
    let described = |d: &&Descriptor| d.name() == name && d.kind() == *kind && d.label_names().eq(label_names.iter());
    if descriptors.iter().find(described).is_none() {
        return Err(format!("it gave the family `{name}`, which is not among its descriptors").into());
    }
    let has_parts = !kind.suffixes().is_empty();
    let mut series = BTreeSet::new();
    for sample in samples {
        if sample.labels().any(|(label, _)| label.is_empty()) {
            return Err(format!("`{name}`: a sample has not as many label values as there are labels").into());
        }
        if has_parts && sample.suffix.is_empty() {
            return Err(format!("`{name}`: a {kind} is given by its parts, not by a single value").into());
        }
        let key: Vec<_> = sample.labels().filter(|(_, value)| !value.is_empty()).collect();
        if !series.insert((sample.suffix, key)) {
            return Err(format!("`{name}`: two samples have the same labels").into());
        }
    }
    Ok(())
}

/// Series by label values; the parts of one stay in their order.
fn sort(family: &mut FamilySnapshot) {
    let own_label = family.kind.own_label();
    family.samples.sort_by(|a, b| {
        let key = |label: &(&str, &str)| Some(label.0) != own_label;
        a.labels().filter(key).cmp(b.labels().filter(key))
    });
}
