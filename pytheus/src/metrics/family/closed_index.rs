//! Series whose labels all have closed sets, by index: without a look at their values.

use std::sync::Arc;

use crate::model::labels::LabelSpec;
use crate::storage::{Series, SlotRef};

/// One place for each combination of the values; none at all where a set is open, or there are too many combinations.
///
/// Whoever finds a place counts in the cells to which it leads, and takes no note of that. So the first series of a
/// combination is never dropped, lest another one get its slot; after its removal, the next are looked up by their
/// labels.
#[derive(Debug)]
pub(crate) struct ClosedIndex(Arc<[SlotRef]>);

/// The most that are worth their memory.
const MOST: usize = 1024;

impl ClosedIndex {
    pub(crate) fn new(labels: &[LabelSpec]) -> Self {
        let sizes = labels.iter().map(|label| label.values().map(<[_]>::len));
        let len = sizes.reduce(|all, size| all?.checked_mul(size?)).flatten().filter(|len| *len <= MOST);
        Self((0..len.unwrap_or(0)).map(|_| SlotRef::unbound()).collect())
    }

    /// The places, for who has the same labels with the same sets.
    pub(crate) fn shared(&self, own: &[LabelSpec], others: &[LabelSpec]) -> Arc<[SlotRef]> {
        let same = own.iter().map(LabelSpec::values).eq(others.iter().map(LabelSpec::values));
        if same { Arc::clone(&self.0) } else { Arc::new([]) }
    }

    /// Leads to a series that was added, the first of these values.
    pub(crate) fn added(&self, labels: &[LabelSpec], values: &[&str], series: &Series) {
        if let Some(place) = self.find(labels, values)
            && !place.is_bound()
        {
            place.point_to(series.slot_ref());
        }
    }

    /// Leads to where the cells of its series have gone.
    pub(crate) fn moved(&self, labels: &[LabelSpec], values: &[String], series: &Series) {
        let values: Vec<_> = values.iter().map(String::as_str).collect();
        if let Some(place) = self.find(labels, &values)
            && place.is_bound()
            && !place.is_invalidated()
        {
            place.point_to(series.slot_ref());
        }
    }

    /// Leads to the series no more, which was removed.
    pub(crate) fn removed(&self, labels: &[LabelSpec], values: &[&str], series: &Series) {
        if let Some(place) = self.find(labels, values)
            && place.slot() == series.slot()
        {
            place.invalidate();
            // A thread may be at its cells, and holds no reference.
            std::mem::forget(series.clone());
        }
    }

    fn find(&self, labels: &[LabelSpec], values: &[&str]) -> Option<&SlotRef> {
        if self.0.is_empty() {
            return None;
        }
        // As `Complete::index` goes.
        let index = labels.iter().zip(values).try_fold(0, |before, (label, value)| {
            let set = label.values()?;
            Some(before * set.len() + set.iter().position(|known| known == value)?)
        })?;
        self.0.get(index)
    }
}
