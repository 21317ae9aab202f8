//! Everything under one name, with labels whose names are known at run time.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::Metric;
use super::core::FamilyCore;
use super::handle::Handle;
use crate::collector::Collector;
use crate::model::descriptor::Descriptor;
use crate::model::error::{LabelError, LabelFaults};
use crate::model::key::{Key, Labels};
use crate::model::labels::{LabelSpec, LabelValue};
use crate::storage::SlotRef;

/// A metric with labels whose names are known at run time: made by a [builder](super::Builder).
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
pub struct Family<M: Metric> {
    metric: PhantomData<fn() -> M>,
    core: Arc<FamilyCore>,
    /// The labels as they were declared here: of a shared family, each handle has its own defaults.
    specs: Arc<[LabelSpec]>,
    /// The ways to the series of combinations of closed sets, where those are the family's.
    combinations: Arc<[SlotRef]>,
}

impl<M: Metric> Family<M> {
    /// A family with the labels of this descriptor, which is the family's own or an equal one.
    pub(super) fn new(core: Arc<FamilyCore>, descriptor: &Descriptor) -> Self {
        let combinations = core.combinations(&descriptor.labels);
        Self { metric: PhantomData, core, specs: descriptor.labels.as_ref().into(), combinations }
    }

    #[inline]
    pub(super) fn combination(&self, index: usize) -> Option<&SlotRef> {
        self.combinations.get(index)
    }

    #[inline]
    pub(super) fn core(&self) -> &Arc<FamilyCore> {
        &self.core
    }

    /// What the metric is.
    pub fn descriptor(&self) -> &Descriptor {
        self.core.descriptor()
    }

    /// The series of these labels, in any order; defaults stand in for those left out.
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

    /// The series of the defaults, for a metric whose labels all have one.
    ///
    /// # Errors
    ///
    /// When a label has no default.
    pub fn default_series(&self) -> Result<M, LabelError> {
        self.labels([("", ""); 0])
    }

    /// Some of the labels; the rest follows later, on a handle that can be kept.
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

    /// Takes out the series of these labels; false when there is none. Where a [backend](crate::backends) adds up several
    /// processes, it is taken out in all of them, also when it is not in this one.
    ///
    /// An update through a handle that still refers to it brings it back, from zero. So does one by another process; but
    /// a gauge of one process comes back with what that process has made of it.
    ///
    /// # Errors
    ///
    /// Those of [`labels`](Self::labels).
    pub fn remove<N: AsRef<str>, V: LabelValue>(
        &self,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<bool, LabelError> {
        let values = self.none().give(labels, true)?.complete()?;
        Ok(self.core.remove(&values[..]))
    }

    /// Takes out the series that `keep` refuses, of those that this process has.
    pub fn retain(&self, keep: impl FnMut(Labels<'_>) -> bool) {
        self.core.retain(keep);
    }

    /// Takes out all series that this process has. Those that are there from the start begin again at zero.
    ///
    /// A scrape sees all of that or none. Updates need not wait for it: of those that are made meanwhile, some go with the
    /// series that are taken out, and others bring theirs back. The memory of the series goes back to the allocator; their
    /// cells stay, for the series to come.
    pub fn clear(&self) {
        self.core.clear(|_| true);
    }

    /// The family as something that can be registered.
    pub fn collector(&self) -> Arc<dyn Collector> {
        Arc::clone(&self.core) as Arc<dyn Collector>
    }

    fn none(&self) -> Partial<M> {
        self.given(vec![None; self.descriptor().labels.len()])
    }

    /// These labels, in the order of the sorted names, to be finished.
    pub(super) fn given(&self, values: Vec<Option<String>>) -> Partial<M> {
        Partial { metric: PhantomData, core: Arc::clone(&self.core), specs: Arc::clone(&self.specs), values }
    }

    /// The series of these label values, in the order of the sorted names.
    pub(super) fn series_of(&self, key: &(impl Key + ?Sized)) -> M {
        M::from_handle(Handle::kept(Arc::clone(&self.core), self.core.series(key)))
    }
}

impl<M: Metric> Clone for Family<M> {
    fn clone(&self) -> Self {
        Self {
            metric: PhantomData,
            core: Arc::clone(&self.core),
            specs: Arc::clone(&self.specs),
            combinations: Arc::clone(&self.combinations),
        }
    }
}

impl<M: Metric> fmt::Debug for Family<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Family").field(&self.descriptor().name()).finish()
    }
}

/// Some labels of a [`Family`], to be kept and finished later.
#[must_use = "the rest of the labels is still to be given"]
pub struct Partial<M: Metric> {
    metric: PhantomData<fn() -> M>,
    core: Arc<FamilyCore>,
    specs: Arc<[LabelSpec]>,
    /// In the order of the sorted names.
    values: Vec<Option<String>>,
}

impl<M: Metric> Partial<M> {
    /// The series, once the rest of the labels is given; a label that is given again takes the new value.
    ///
    /// # Errors
    ///
    /// When a label is missing, unknown, given twice in this call or not in its closed set.
    pub fn labels<N: AsRef<str>, V: LabelValue>(
        &self,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<M, LabelError> {
        self.give(labels, true)?.finish()
    }

    /// More of the labels.
    ///
    /// # Errors
    ///
    /// When a label is unknown, given twice in this call or not in its closed set.
    pub fn partial<N: AsRef<str>, V: LabelValue>(
        &self,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, LabelError> {
        self.give(labels, false)
    }

    /// More of the labels; when they are `all`, an error names those that are missing, too.
    fn give<N: AsRef<str>, V: LabelValue>(
        &self,
        labels: impl IntoIterator<Item = (N, V)>,
        all: bool,
    ) -> Result<Self, LabelError> {
        let specs = &self.specs;
        let mut values = self.values.clone();
        let mut given = vec![false; specs.len()];
        let (mut unknown, mut repeated, mut invalid) = (Vec::new(), Vec::new(), Vec::new());
        for (name, value) in labels {
            let name = name.as_ref();
            match specs.binary_search_by(|spec| spec.name().cmp(name)) {
                Ok(place) if given[place] => repeated.push(name.to_owned()),
                Ok(place) => {
                    given[place] = true;
                    let value = value.into_label();
                    if specs[place].values().is_some_and(|known| !known.contains(&&*value)) {
                        invalid.push((name.to_owned(), value.clone().into_owned()));
                    }
                    values[place] = Some(value.into_owned());
                }
                Err(_) => unknown.push(name.to_owned()),
            }
        }
        if unknown.is_empty() && repeated.is_empty() && invalid.is_empty() {
            return Ok(Self {
                metric: PhantomData,
                core: Arc::clone(&self.core),
                specs: Arc::clone(&self.specs),
                values,
            });
        }
        let missing = if all { self.missing(&values) } else { Vec::new() };
        Err(LabelFaults { unknown, repeated, invalid, ..self.faults(missing) }.into())
    }

    fn finish(self) -> Result<M, LabelError> {
        let values = self.complete()?;
        let series = self.core.series(&values[..]);
        Ok(M::from_handle(Handle::kept(self.core, series)))
    }

    /// All values, defaults included.
    fn complete(&self) -> Result<Vec<String>, LabelError> {
        let specs = self.specs.iter();
        let values = self
            .values
            .iter()
            .zip(specs)
            .map(|(value, spec)| value.clone().or_else(|| spec.default_value().map(Cow::into_owned)));
        values.collect::<Option<Vec<_>>>().ok_or_else(|| self.faults(self.missing(&self.values)).into())
    }

    fn missing(&self, values: &[Option<String>]) -> Vec<String> {
        let specs = self.specs.iter();
        let lacks = specs.zip(values).filter(|(spec, value)| value.is_none() && !spec.has_default());
        lacks.map(|(spec, _)| spec.name().to_owned()).collect()
    }

    fn faults(&self, missing: Vec<String>) -> LabelFaults {
        let descriptor = self.core.descriptor();
        LabelFaults {
            metric: descriptor.name().to_owned(),
            expected: descriptor.label_names().map(str::to_owned).collect(),
            missing,
            unknown: Vec::new(),
            repeated: Vec::new(),
            invalid: Vec::new(),
        }
    }
}

impl<M: Metric> Clone for Partial<M> {
    fn clone(&self) -> Self {
        Self {
            metric: PhantomData,
            core: Arc::clone(&self.core),
            specs: Arc::clone(&self.specs),
            values: self.values.clone(),
        }
    }
}

impl<M: Metric> fmt::Debug for Partial<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = self.core.descriptor().label_names().zip(&self.values);
        f.write_str(self.core.descriptor().name())?;
        f.debug_map().entries(given.filter_map(|(name, value)| Some((name, value.as_ref()?)))).finish()
    }
}
