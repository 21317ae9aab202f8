//! Series exposed at zero from the start.

use crate::model::descriptor::{Descriptor, Kind};
use crate::model::labels::LabelSpec;

/// Returns the zero series: the unlabelled one, the one of the defaults, all combinations of closed sets.
pub(crate) fn of(descriptor: &Descriptor) -> Vec<Vec<String>> {
    let labels = &descriptor.labels;
    if descriptor.kind() == Kind::Info {
        return Vec::new();
    }
    let mut series: Vec<_> = defaults(labels).into_iter().collect();
    if descriptor.zero_series && !labels.is_empty() && labels.iter().all(|label| label.values().is_some()) {
        // The descriptor limits their number.
        let mut rows = vec![Vec::new()];
        for set in labels.iter().filter_map(LabelSpec::values) {
            let mut longer = Vec::new();
            for row in &rows {
                for value in set {
                    let mut row: Vec<String> = row.clone();
                    row.push((*value).to_owned());
                    longer.push(row);
                }
            }
            rows = longer;
        }
        series.append(&mut rows);
    }
    series
}

/// Returns the values of the default series, if every label has a default.
fn defaults(labels: &[LabelSpec]) -> Option<Vec<String>> {
    let mut values = Vec::new();
    for label in labels {
        values.push(label.default_value()?.into_owned());
    }
    Some(values)
}
