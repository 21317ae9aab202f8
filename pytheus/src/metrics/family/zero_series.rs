//! Series that are there from the start.

use crate::model::descriptor::{Descriptor, Kind};
use crate::model::labels::LabelSpec;

/// The series that exist before anything is counted: the only one, that of the defaults, all of closed sets.
pub(crate) fn of(descriptor: &Descriptor) -> Vec<Vec<String>> {
    let labels = &descriptor.labels;
    if descriptor.kind() == Kind::Info {
        return Vec::new();
    }
    let mut series: Vec<_> = defaults(labels).into_iter().collect();
    if descriptor.zero_series && !labels.is_empty() && labels.iter().all(|label| label.values().is_some()) {
        // There are few enough of them: the descriptor was checked.
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

/// The values of the series of the defaults, if every label has one.
fn defaults(labels: &[LabelSpec]) -> Option<Vec<String>> {
    let mut values = Vec::new();
    for label in labels {
        values.push(label.default_value()?.into_owned());
    }
    Some(values)
}
