//! Some labels of a metric, to be kept and finished later.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::metrics::Metric;
use crate::metrics::family::FamilyHandle;
use crate::metrics::handle::Handle;
use crate::model::error::LabelError;
use crate::model::error::LabelFaults;
use crate::model::labels::LabelValue;

/// Some labels of a [`Family`](crate::metrics::Family), to be kept and finished later.
#[derive(Clone)]
#[must_use = "the rest of the labels is still to be given"]
pub struct Partial<M: Metric> {
    metric: PhantomData<fn() -> M>,
    values: PartialValues,
}

/// The values of labels, in the order of the sorted names.
#[derive(Clone)]
struct PartialValues {
    family: FamilyHandle,
    values: Vec<Option<String>>,
}

impl<M: Metric> Partial<M> {
    pub(crate) fn of(family: FamilyHandle, values: Vec<Option<String>>) -> Self {
        Self { metric: PhantomData, values: PartialValues { family, values } }
    }

    /// Finds the series by the rest of the labels. A label that has a value already takes the new one.
    ///
    /// # Errors
    ///
    /// When a label is missing, unknown, given twice in this call or not in its closed set.
    pub fn labels<N: AsRef<str>, V: LabelValue>(
        &self,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<M, LabelError> {
        let values = self.all_values(labels)?;
        let core = Arc::clone(&self.values.family.core);
        let series = core.series(&values[..]);
        Ok(M::from_handle(Handle::resolved(core, series)))
    }

    /// Adds labels.
    ///
    /// # Errors
    ///
    /// When a label is unknown, given twice in this call or not in its closed set.
    pub fn partial<N: AsRef<str>, V: LabelValue>(
        &self,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, LabelError> {
        let values = self.values.with(labels, false)?;
        Ok(Self { metric: PhantomData, values })
    }

    /// Adds one label. Each may have a value of another type.
    ///
    /// # Errors
    ///
    /// When the label is unknown, or its value is not in its closed set.
    pub fn label(&self, name: &str, value: impl LabelValue) -> Result<Self, LabelError> {
        self.partial([(name, value)])
    }

    /// Finds the series of the labels given so far; defaults stand in for the others.
    ///
    /// # Errors
    ///
    /// When a label is missing.
    pub fn to_series(&self) -> Result<M, LabelError> {
        self.labels([("", ""); 0])
    }

    /// Returns the values of all labels, defaults included.
    pub(crate) fn all_values<N: AsRef<str>, V: LabelValue>(
        &self,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Vec<String>, LabelError> {
        self.values.with(labels, true)?.complete()
    }
}

impl PartialValues {
    /// Adds values. Where they are to be `all`, an error also names the labels that are missing.
    fn with<N: AsRef<str>, V: LabelValue>(
        &self,
        labels: impl IntoIterator<Item = (N, V)>,
        all: bool,
    ) -> Result<Self, LabelError> {
        let specs = &self.family.specs;
        let mut values = self.values.clone();
        let mut given = vec![false; specs.len()];
        let (mut unknown, mut repeated, mut invalid) = (Vec::new(), Vec::new(), Vec::new());
        for (name, value) in labels {
            let name = name.as_ref();
            match specs.binary_search_by(|spec| spec.name().cmp(name)) {
                Ok(index) if given[index] => repeated.push(name.to_owned()),
                Ok(index) => {
                    given[index] = true;
                    let value = value.into_label();
                    if specs[index].values().is_some_and(|known| !known.contains(&&*value)) {
                        invalid.push((name.to_owned(), value.clone().into_owned()));
                    }
                    values[index] = Some(value.into_owned());
                }
                Err(_) => unknown.push(name.to_owned()),
            }
        }
        if unknown.is_empty() && repeated.is_empty() && invalid.is_empty() {
            return Ok(Self { family: self.family.clone(), values });
        }
        let missing = if all { self.missing(&values) } else { Vec::new() };
        Err(LabelFaults { unknown, repeated, invalid, ..self.faults(missing) }.into())
    }

    fn complete(&self) -> Result<Vec<String>, LabelError> {
        let specs = self.family.specs.iter();
        let values = self
            .values
            .iter()
            .zip(specs)
            .map(|(value, spec)| value.clone().or_else(|| spec.default_value().map(Cow::into_owned)));
        values.collect::<Option<Vec<_>>>().ok_or_else(|| self.faults(self.missing(&self.values)).into())
    }

    fn missing(&self, values: &[Option<String>]) -> Vec<String> {
        let specs = self.family.specs.iter();
        let lacks = specs.zip(values).filter(|(spec, value)| value.is_none() && !spec.has_default());
        lacks.map(|(spec, _)| spec.name().to_owned()).collect()
    }

    fn faults(&self, missing: Vec<String>) -> LabelFaults {
        let descriptor = self.family.core.descriptor();
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

/// Shows the name and the labels given so far, as `hits_total{"method": "GET"}`.
impl<M: Metric> fmt::Debug for Partial<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PartialValues { family, values } = &self.values;
        let given = family.core.descriptor().label_names().zip(values);
        f.write_str(family.core.descriptor().name())?;
        f.debug_map().entries(given.filter_map(|(name, value)| Some((name, value.as_ref()?)))).finish()
    }
}
