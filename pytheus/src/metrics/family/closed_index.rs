//! An index of series by combination, for labels with closed sets: a look-up needs no text.

use std::sync::Arc;

use crate::model::labels::LabelSpec;
use crate::storage::{Series, SlotRef};

/// A reference for each combination of values; empty when a set is open, or the combinations are too many.
///
/// A thread that reads a reference writes to its cells without holding the series. The first series of each combination is
/// therefore leaked: otherwise its slot could be reused under such a thread. Later series of the combination go through the
/// hash table.
#[derive(Debug)]
pub(crate) struct ClosedIndex(Arc<[SlotRef]>);

/// The largest number of references worth the memory.
const MOST: usize = 1024;

impl ClosedIndex {
    pub(crate) fn new(labels: &[LabelSpec]) -> Self {
        let sizes = labels.iter().map(|label| label.values().map(<[_]>::len));
        let len = sizes.reduce(|all, size| all?.checked_mul(size?)).flatten().filter(|len| *len <= MOST);
        Self((0..len.unwrap_or(0)).map(|_| SlotRef::unbound()).collect())
    }

    /// Returns the references, for a declaration with the same sets.
    pub(crate) fn shared(&self, own: &[LabelSpec], others: &[LabelSpec]) -> Arc<[SlotRef]> {
        let same = own.iter().map(LabelSpec::values).eq(others.iter().map(LabelSpec::values));
        if same { Arc::clone(&self.0) } else { Arc::new([]) }
    }

    /// Points to an added series, the first of these values.
    pub(crate) fn added(&self, labels: &[LabelSpec], values: &[&str], series: &Series) {
        if let Some(slot_ref) = self.find(labels, values)
            && !slot_ref.is_bound()
        {
            slot_ref.point_to(series.slot_ref());
        }
    }

    /// Points to the new cells of a relocated series.
    pub(crate) fn moved(&self, labels: &[LabelSpec], values: &[String], series: &Series) {
        let values: Vec<_> = values.iter().map(String::as_str).collect();
        if let Some(slot_ref) = self.find(labels, &values)
            && slot_ref.is_bound()
            && !slot_ref.is_invalidated()
        {
            slot_ref.point_to(series.slot_ref());
        }
    }

    /// Invalidates the reference to a removed series.
    pub(crate) fn removed(&self, labels: &[LabelSpec], values: &[&str], series: &Series) {
        if let Some(slot_ref) = self.find(labels, values)
            && slot_ref.slot() == series.slot()
        {
            slot_ref.invalidate();
            // Leaked: a thread may still write to its cells without a reference.
            std::mem::forget(series.clone());
        }
    }

    fn find(&self, labels: &[LabelSpec], values: &[&str]) -> Option<&SlotRef> {
        if self.0.is_empty() {
            return None;
        }
        // In the order of `AllSet::index`.
        let index = labels.iter().zip(values).try_fold(0, |before, (label, value)| {
            let set = label.values()?;
            Some(before * set.len() + set.iter().position(|known| known == value)?)
        })?;
        self.0.get(index)
    }
}
