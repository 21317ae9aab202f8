//! The most series that a family may have, and which label gives way beyond it.

use std::collections::{HashMap, HashSet};

use crate::labels::LabelValues;

/// The value that stands for all those beyond the limit.
pub(crate) const OTHER: &str = "__other__";

/// Counts series and distinct values, where there is a limit.
///
/// Beyond the limit, the label with the most distinct values becomes [`OTHER`] in new series, then the one with the
/// next most, until a series is met that exists. A share of the limit is kept so that the first step finds room: each
/// combination of the *other* labels may have its `__other__`, up to a sixteenth of the limit in all.
#[derive(Debug)]
pub(crate) struct Limit {
    most: Option<usize>,
    /// Without the one that may stand above the limit.
    series: usize,
    /// By label, how many series have each value.
    distinct: Vec<HashMap<Box<str>, usize>>,
    /// How many places are kept, and for how many series that was found out.
    kept: Option<(usize, usize)>,
}

impl Limit {
    pub(crate) fn new(labels: usize, most: Option<usize>) -> Self {
        let distinct = if most.is_some() { vec![HashMap::new(); labels] } else { Vec::new() };
        Self { most, series: 0, distinct, kept: None }
    }

    pub(crate) fn added(&mut self, values: &LabelValues) {
        self.series += usize::from(!above(values.iter()));
        for (counts, value) in self.distinct.iter_mut().zip(values.iter()) {
            *counts.entry(value.into()).or_default() += 1;
        }
        self.kept = None;
    }

    pub(crate) fn removed(&mut self, values: &LabelValues) {
        self.series -= usize::from(!above(values.iter()));
        for (counts, value) in self.distinct.iter_mut().zip(values.iter()) {
            if let Some(count) = counts.get_mut(value) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(value);
                }
            }
        }
        self.kept = None;
    }

    /// May a series of these values be added?
    pub(crate) fn admits<'a>(&mut self, existing: impl Iterator<Item = &'a LabelValues>, values: &[String]) -> bool {
        let Some(most) = self.most else { return true };
        if above(values.iter().map(String::as_str)) {
            return true;
        }
        if values.iter().any(|value| value == OTHER) {
            return self.series < most;
        }
        let share = most / 16;
        if self.series < most - share {
            return true;
        }
        let kept = match self.kept {
            Some((series, kept)) if series == self.series => kept,
            _ => {
                let kept = self.to_keep(existing).min(share);
                self.kept = Some((self.series, kept));
                kept
            }
        };
        self.series < most - kept
    }

    /// Makes the next label give way; `None` when all have.
    pub(crate) fn collapse(&self, values: &mut [String]) -> Option<usize> {
        let open = (0..values.len()).filter(|label| values[*label] != OTHER);
        // The first of those that tie.
        let label = open.rev().max_by_key(|label| self.distinct.get(*label).map_or(0, HashMap::len))?;
        OTHER.clone_into(&mut values[label]);
        Some(label)
    }

    /// How many combinations of the labels that do not give way first still lack their `__other__`.
    ///
    /// None with a single label: its `__other__` is the one series that may stand above the limit.
    fn to_keep<'a>(&self, existing: impl Iterator<Item = &'a LabelValues>) -> usize {
        if self.distinct.len() < 2 {
            return 0;
        }
        let labels = 0..self.distinct.len();
        let Some(first) = labels.rev().max_by_key(|label| self.distinct[*label].len()) else { return 0 };
        let mut combinations = HashSet::new();
        let mut have_other = HashSet::new();
        for values in existing {
            let rest: Vec<&str> =
                values.iter().enumerate().filter(|(label, _)| *label != first).map(|(_, value)| value).collect();
            if values.at(first) == OTHER {
                have_other.insert(rest);
            } else {
                combinations.insert(rest);
            }
        }
        combinations.difference(&have_other).count()
    }
}

/// Is this the one series that may stand above the limit, with [`OTHER`] throughout? The only one of a metric without
/// labels is, too.
fn above<'a>(mut values: impl Iterator<Item = &'a str>) -> bool {
    values.all(|value| value == OTHER)
}
