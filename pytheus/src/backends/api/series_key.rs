//! The labels of a series, to be kept.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::backends::api::family_key::FamilyKey;
use crate::model::key::{self, Labels};

/// The label values of a series: what tells it from others of its family. Cheap to clone and to compare.
///
/// The first two bytes say how long the head is, which follows, then the text (see `key`).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SeriesKey(Arc<[u8]>);

impl SeriesKey {
    /// The key of these label values, in the order of the family's sorted label names.
    ///
    /// Missing values are empty; there are no more than the family has labels.
    pub fn new(family: &FamilyKey, values: &[&str]) -> Self {
        let mut all = values.to_vec();
        all.resize(family.descriptor().labels.len(), "");
        let (head, text) = key::encode(&family.descriptor().labels, &all);
        Self::from_parts(&head, &text)
    }

    /// Of what [`key::encode`] has made.
    pub(crate) fn from_parts(head: &[u8], text: &str) -> Self {
        let len = u16::try_from(head.len()).unwrap_or(u16::MAX).to_le_bytes();
        Self([&len, head, text.as_bytes()].concat().into())
    }

    /// The labels, names and values.
    pub fn labels<'a>(&'a self, family: &'a FamilyKey) -> Labels<'a> {
        self.labels_of(&family.descriptor().labels)
    }

    pub(crate) fn labels_of<'a>(&'a self, specs: &'a [crate::model::labels::LabelSpec]) -> Labels<'a> {
        let (head, text) = self.parts();
        Labels::new(specs, head, text)
    }

    /// Head and text.
    pub(crate) fn parts(&self) -> (&[u8], &str) {
        let Some((len, rest)) = self.0.split_first_chunk::<2>() else { return (&[], "") };
        let (head, text) = rest.split_at(usize::from(u16::from_le_bytes(*len)).min(rest.len()));
        // Made of a `str`.
        (head, str::from_utf8(text).unwrap_or_default())
    }

    /// By label values: the order in which series are exposed.
    pub fn compare(&self, other: &Self, family: &FamilyKey) -> Ordering {
        self.labels(family).compare(&other.labels(family))
    }
}

impl fmt::Debug for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SeriesKey").field(&self.parts().1).finish()
    }
}

impl FamilyKey {
    /// Finds the series with the same labels in another declaration of this family.
    ///
    /// A label that only the other one has takes its default there, or is empty. `None` when this series gives a label that
    /// the other one lacks, other than with its default: then the series has no counterpart.
    ///
    /// ```
    /// use pytheus::backends::custom::{FamilyKey, SeriesKey};
    /// use pytheus::descriptor::{Descriptor, Kind};
    ///
    /// let orders = Descriptor::new(Kind::Counter, "orders_total", "Orders.")?.with_labels(["shop"])?;
    /// let by_country = FamilyKey::new("", orders.clone().with_labels(["country"])?);
    /// let orders = FamilyKey::new("", orders);
    ///
    /// let series = orders.translate(&SeriesKey::new(&orders, &["x"]), &by_country);
    /// assert_eq!(series, Some(SeriesKey::new(&by_country, &["", "x"])));
    /// assert_eq!(by_country.translate(&SeriesKey::new(&by_country, &["fr", "x"]), &orders), None);
    /// # Ok::<(), pytheus::error::DescriptorError>(())
    /// ```
    pub fn translate(&self, series: &SeriesKey, to: &Self) -> Option<SeriesKey> {
        translate(&series.labels(self), to)
    }
}

/// Finds the series of a declaration with these labels of another one: see [`FamilyKey::translate`].
pub(crate) fn translate(labels: &Labels<'_>, to: &FamilyKey) -> Option<SeriesKey> {
    let is_known = |name: &str| to.descriptor().labels.binary_search_by(|label| label.name().cmp(name)).is_ok();
    let mut given = labels.specs().iter().zip(labels.values()).filter(|(label, _)| !is_known(label.name()));
    if !given.all(|(label, value)| value == label.default_text().unwrap_or_default()) {
        return None;
    }
    let wanted = to.descriptor().labels.iter();
    let values = wanted.map(|label| labels.get(label.name()).or_else(|| label.default_text()).unwrap_or_default());
    Some(SeriesKey::new(to, &values.collect::<Vec<_>>()))
}
