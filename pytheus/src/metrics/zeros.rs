//! Series that are there from the start.

use std::borrow::Cow;

use crate::descriptor::{Descriptor, Kind};
use crate::labels::LabelSpec;

/// The series that exist before anything is counted: the only one, that of the defaults, all of closed sets.
pub(super) fn series(descriptor: &Descriptor) -> Vec<Vec<String>> {
    let labels = &descriptor.labels;
    if descriptor.kind() == Kind::Info {
        return Vec::new();
    }
    let mut series = Vec::new();
    let defaults = labels.iter().map(|label| label.default_value().map(Cow::into_owned));
    series.extend(defaults.collect::<Option<Vec<_>>>());
    let closed: Option<Vec<_>> = labels.iter().map(LabelSpec::values).collect();
    if let Some(sets) = closed.filter(|sets| descriptor.zeros && !sets.is_empty()) {
        // There are few enough of them: the descriptor was checked.
        let mut rows: Vec<Vec<String>> = vec![Vec::new()];
        for set in sets {
            let longer = |row: &Vec<String>, value: &str| [&row[..], &[value.to_owned()]].concat();
            rows = rows.iter().flat_map(|row| set.iter().map(move |value| longer(row, value))).collect();
        }
        series.extend(rows);
    }
    series
}
