//! The limit of series in a family, and the labels it merges.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::model::key::Key;
use crate::storage::Series;

/// The value in place of all those beyond the limit.
const OTHER: &str = "__other__";

/// Counts series and distinct values, where there is a limit.
///
/// Beyond the limit, the label with the most distinct values becomes [`OTHER`] in new series, then the one with the next
/// most, until an existing series is found. With several labels a sixteenth of the limit is kept for series with [`OTHER`],
/// so that the first step finds room and the other labels stay apart.
#[derive(Debug)]
pub(crate) struct Limit {
    most: Option<usize>,
    /// Without the series of [`OTHER`] alone, which may exceed the limit.
    series: usize,
    /// The number of series by value, for each label. Trees, as a full hash map is copied as a whole.
    distinct: Vec<BTreeMap<Box<str>, usize>>,
}

impl Limit {
    pub(crate) fn new(labels: usize, most: Option<usize>) -> Self {
        let distinct = if most.is_some() { vec![BTreeMap::new(); labels] } else { Vec::new() };
        Self { most, series: 0, distinct }
    }

    pub(crate) fn added(&mut self, values: &[&str]) {
        self.series += usize::from(!is_overflow_series(values));
        for (counts, value) in self.distinct.iter_mut().zip(values) {
            *counts.entry((*value).into()).or_default() += 1;
        }
    }

    pub(crate) fn removed(&mut self, values: &[&str]) {
        self.series -= usize::from(!is_overflow_series(values));
        for (counts, value) in self.distinct.iter_mut().zip(values) {
            if let Some(count) = counts.get_mut(*value) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(*value);
                }
            }
        }
    }

    /// Returns whether any series may be added.
    pub(crate) fn has_room(&self) -> bool {
        self.most.is_none_or(|most| self.series < most)
    }

    /// Returns whether a series of these values may be added.
    pub(crate) fn allows(&self, values: &[Cow<'_, str>]) -> bool {
        let Some(most) = self.most else { return true };
        if is_overflow_series(values) {
            return true;
        }
        let gave_way = values.iter().any(|value| value == OTHER);
        let kept = if gave_way || values.len() < 2 { 0 } else { most / 16 };
        self.series < most - kept
    }

    /// Merges the next label; returns `None` after the last.
    pub(crate) fn overflow_one(&self, values: &mut [Cow<'_, str>]) -> Option<usize> {
        let open = (0..values.len()).filter(|label| values[*label] != OTHER);
        // The first of equals.
        let label = open.rev().max_by_key(|label| self.distinct.get(*label).map_or(0, BTreeMap::len))?;
        values[label] = Cow::Borrowed(OTHER);
        Some(label)
    }
}

/// The values of a look-up, with labels merged by the limit.
pub(crate) struct Overflow<'a> {
    pub(crate) values: Vec<Cow<'a, str>>,
    /// The labels whose value became [`OTHER`].
    pub(crate) labels: Vec<usize>,
}

impl<'a> Overflow<'a> {
    pub(crate) fn new(key: &'a (impl Key + ?Sized)) -> Self {
        let mut values = key.values().into_iter().map(Cow::Borrowed).collect::<Vec<_>>();
        Self { labels: overflow_long(&mut values), values }
    }

    /// Merges labels until a series is found; returns `None` when one may be added.
    pub(crate) fn resolve(
        &mut self,
        limit: &Limit,
        find: impl Fn(&[Cow<'a, str>]) -> Option<Series>,
    ) -> Option<Series> {
        loop {
            if let Some(series) = find(&self.values) {
                return Some(series);
            }
            if limit.allows(&self.values) {
                return None;
            }
            // Ends when every label has become `__other__`: that series is always allowed.
            self.labels.extend(limit.overflow_one(&mut self.values));
        }
    }
}

/// Merges labels with values too long for the text of a series, and returns them.
fn overflow_long(values: &mut [Cow<'_, str>]) -> Vec<usize> {
    // The text takes up to three bytes for each byte of a value, and has room for 4 GiB.
    let most = (1 << 30) / values.len().max(1);
    let too_long: Vec<_> = (0..values.len()).filter(|label| values[*label].len() > most).collect();
    for label in &too_long {
        values[*label] = Cow::Borrowed(OTHER);
    }
    too_long
}

/// Returns whether this is the series of [`OTHER`] alone, which may exceed the limit. So may the only series of an unlabelled
/// metric.
fn is_overflow_series(values: &[impl AsRef<str>]) -> bool {
    values.iter().all(|value| value.as_ref() == OTHER)
}
