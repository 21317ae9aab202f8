//! A family, with label names known at run time.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::collector::Collector;
use crate::metrics::Metric;
use crate::metrics::family::FamilyHandle;
use crate::metrics::labels::partial::Partial;
use crate::model::descriptor::Descriptor;
use crate::model::error::LabelError;
use crate::model::key::Labels;
use crate::model::labels::LabelValue;

/// A metric with label names known at run time, made by a [builder](crate::metrics::Builder).
///
/// ```
/// use pytheus::metrics::Counter;
///
/// let hits = Counter::builder("hits_total", "Hits of a page.")
///     .label_names(["method", "status"])
///     .default_labels([("status", "200")])
///     .build()?;
///
/// hits.labels([("method", "GET")])?.inc();
/// let get = hits.partial([("method", "GET")])?;
/// get.labels([("status", "404")])?.inc();
///
/// let error = hits.labels([("status", "404")]).unwrap_err();
/// assert_eq!(error.missing(), ["method"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Family<M: Metric> {
    metric: PhantomData<fn() -> M>,
    family: FamilyHandle,
}

impl<M: Metric> Family<M> {
    pub(crate) fn of(family: FamilyHandle) -> Self {
        Self { metric: PhantomData, family }
    }

    /// Returns the description of the metric.
    pub fn descriptor(&self) -> &Descriptor {
        self.family.core.descriptor()
    }

    /// Finds the series of these labels, in any order. A missing label has its default.
    ///
    /// # Errors
    ///
    /// When a label is missing, unknown, given twice or not in its closed set; the error names them all.
    pub fn labels<N: AsRef<str>, V: LabelValue>(
        &self,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<M, LabelError> {
        self.none().labels(labels)
    }

    /// Finds the series of the defaults, for a metric with a default for each label.
    ///
    /// # Errors
    ///
    /// When a label has no default.
    pub fn default_series(&self) -> Result<M, LabelError> {
        self.labels([("", ""); 0])
    }

    /// Gives some of the labels, to be finished later.
    ///
    /// # Errors
    ///
    /// When a label is unknown, given twice or not in its closed set.
    pub fn partial<N: AsRef<str>, V: LabelValue>(
        &self,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Partial<M>, LabelError> {
        self.none().partial(labels)
    }

    /// Gives one label, to be finished later. Each may have a value of another type.
    ///
    /// ```
    /// use pytheus::metrics::Counter;
    ///
    /// let steps = Counter::builder("steps_total", "Steps.").label_names(["stage", "thread"]).unregistered().build()?;
    /// steps.label("stage", "parse")?.label("thread", 3)?.to_series()?.inc();
    /// assert_eq!(steps.labels([("stage", "parse"), ("thread", "3")])?.get(), 1.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the label is unknown, or its value is not in its closed set.
    pub fn label(&self, name: &str, value: impl LabelValue) -> Result<Partial<M>, LabelError> {
        self.none().label(name, value)
    }

    /// Removes the series of these labels; false when there is none. A [backend](crate::backends) of several processes
    /// removes it in all of them, also when this process does not have it.
    ///
    /// An update through a handle brings it back, from zero. So does an update by another process. A gauge with a value per
    /// process comes back with the value in that process.
    ///
    /// # Errors
    ///
    /// As [`labels`](Self::labels).
    pub fn remove<N: AsRef<str>, V: LabelValue>(
        &self,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<bool, LabelError> {
        let values = self.none().all_values(labels)?;
        Ok(self.family.core.remove(&values[..]))
    }

    /// Removes the series refused by `keep`, among those in this process.
    pub fn retain(&self, keep: impl FnMut(Labels<'_>) -> bool) {
        self.family.core.retain(keep);
    }

    /// Removes all series in this process. The zero series begin again at zero.
    ///
    /// A scrape sees all of that or none. Updates do not wait for it: some of the concurrent ones go with the removed series,
    /// others bring theirs back. The memory of the series goes back to the allocator; their cells stay, for later series.
    pub fn clear(&self) {
        self.family.core.clear(|_| true);
    }

    /// Returns the family as a collector, to be registered.
    pub fn collector(&self) -> Arc<dyn Collector> {
        Arc::clone(&self.family.core) as Arc<dyn Collector>
    }

    fn none(&self) -> Partial<M> {
        Partial::of(self.family.clone(), vec![None; self.descriptor().labels.len()])
    }
}

impl<M: Metric> fmt::Debug for Family<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Family").field(&self.descriptor().name()).finish()
    }
}
