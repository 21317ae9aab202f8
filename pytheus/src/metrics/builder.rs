//! Metrics built at run time.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use crate::metrics::Metric;
use crate::metrics::family::{FamilyCore, FamilyHandle};
use crate::metrics::handle::Handle;
use crate::metrics::labels::Family;
use crate::model::descriptor::{Descriptor, GaugeMode, Kind};
use crate::model::error::{DescriptorError, RegisterError};
use crate::model::labels::{LabelSpec, LabelValue};
use crate::model::location::Location;
use crate::model::name;
use crate::registry::{REGISTRY, Registry, duplicate};

/// Marks a [`Builder`] of a metric without labels: `build` returns the metric itself.
#[derive(Debug, Clone, Copy)]
pub enum WithoutLabels {}

/// Marks a [`Builder`] of a metric with labels: `build` returns a [`Family`].
#[derive(Debug, Clone, Copy)]
pub enum WithLabels {}

/// Builds a metric at run time, and registers it.
///
/// [`build`](Self::build) checks everything, so the order of the calls does not matter. A registered metric of the same name
/// and description is shared.
///
/// ```
/// use pytheus::metrics::Histogram;
///
/// let sizes = Histogram::builder("upload_bytes", "Size of an upload.")
///     .label_names(["kind"])
///     .unit("bytes")
///     .buckets(pytheus::metrics::exponential_buckets::<8>(1024.0, 4.0))
///     .limit(100)
///     .build()?;
/// sizes.labels([("kind", "image")])?.observe(20_000.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is built until `build` is called"]
pub struct Builder<'r, M: Metric, L> {
    pub(super) spec: Spec,
    registry: Option<&'r dyn Registry>,
    metric: PhantomData<fn() -> (M, L)>,
}

// A builder has no interior mutability of its own, and its registry keeps its state behind locks.
impl<M: Metric, L> UnwindSafe for Builder<'_, M, L> {}
impl<M: Metric, L> RefUnwindSafe for Builder<'_, M, L> {}

#[derive(Debug)]
pub(super) struct Spec {
    name: String,
    help: String,
    namespace: Option<String>,
    unit: Option<String>,
    labels: Vec<(String, Option<&'static [&'static str]>)>,
    zero_series: bool,
    defaults: Vec<(String, Cow<'static, str>)>,
    pub(super) buckets: Option<Vec<f64>>,
    pub(super) states: Vec<&'static str>,
    pub(super) mode: GaugeMode,
    limit: Option<usize>,
    location: Location,
}

impl<M: Metric> Builder<'static, M, WithoutLabels> {
    #[track_caller]
    pub(super) fn new(name: String, help: String) -> Self {
        Self {
            spec: Spec {
                name,
                help,
                namespace: None,
                unit: None,
                labels: Vec::new(),
                zero_series: true,
                defaults: Vec::new(),
                buckets: None,
                states: Vec::new(),
                mode: GaugeMode::Shared,
                limit: None,
                location: Location::caller(),
            },
            registry: Some(&REGISTRY),
            metric: PhantomData,
        }
    }
}

impl<'r, M: Metric, L> Builder<'r, M, L> {
    /// Names the labels, each of which a series must give.
    pub fn label_names<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Builder<'r, M, WithLabels> {
        self.spec.labels.extend(names.into_iter().map(|name| (name.into(), None)));
        Builder { spec: self.spec, registry: self.registry, metric: PhantomData }
    }

    /// Names a label with the values of `V`, such as an enum that derives [`LabelValue`].
    ///
    /// When every label has a closed set, all combinations are exposed at zero. More of them than the limit, or than
    /// [`MAX_ZERO_SERIES`](crate::model::descriptor::MAX_ZERO_SERIES), are an error, unless [`zero_series`](Self::zero_series) is off:
    /// series then appear when they are first counted.
    ///
    /// ```
    /// use pytheus::metrics::Counter;
    /// use pytheus::registry::{REGISTRY, Registry};
    ///
    /// let cached = Counter::builder("lookups_total", "Look-ups.").label_of::<bool>("cached").build()?;
    /// cached.labels([("cached", true)])?.inc();
    /// assert_eq!(REGISTRY.sample_value("lookups_total", &[("cached", "false")]), Some(0.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn label_of<V: LabelValue>(mut self, name: impl Into<String>) -> Builder<'r, M, WithLabels> {
        self.spec.labels.push((name.into(), V::VALUES));
        Builder { spec: self.spec, registry: self.registry, metric: PhantomData }
    }

    /// Sets whether closed sets of labels are exposed at zero; the default is yes.
    pub fn zero_series(mut self, zero_series: bool) -> Self {
        self.spec.zero_series = zero_series;
        self
    }

    /// Gives some of the labels a default.
    pub fn default_labels<N: Into<String>, V: LabelValue>(
        mut self,
        defaults: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.spec.defaults.extend(defaults.into_iter().map(|(name, value)| (name.into(), value.into_label())));
        self
    }

    /// Registers the metric here in place of [`REGISTRY`].
    pub fn registry(self, registry: &dyn Registry) -> Builder<'_, M, L> {
        Builder { spec: self.spec, registry: Some(registry), metric: PhantomData }
    }

    /// Registers the metric in no registry.
    pub fn unregistered(mut self) -> Self {
        self.registry = None;
        self
    }

    /// Puts `namespace` and `_` before the name.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.spec.namespace = Some(namespace.into());
        self
    }

    /// Names the unit, in which the name must end (a counter's: in the unit and `_total`).
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.spec.unit = Some(unit.into());
        self
    }

    /// Limits the number of series. Beyond the limit, the label with the most distinct values becomes `__other__` in new
    /// series, then the next, and `pytheus_label_overflow_total` counts that; at most one series exceeds the limit.
    ///
    /// With several labels, up to a sixteenth of the limit is kept for series with `__other__`, so that the other labels stay
    /// apart.
    pub fn limit(mut self, series: usize) -> Self {
        self.spec.limit = Some(series);
        self
    }

    /// Returns the family: registered, shared with an equal one, or unregistered.
    fn family(self) -> Result<FamilyHandle, RegisterError> {
        self.spec.family(M::KIND, TypeId::of::<M>(), self.registry)
    }
}

impl<M: Metric> Builder<'_, M, WithoutLabels> {
    /// Builds and registers the metric.
    ///
    /// # Errors
    ///
    /// When Prometheus would not accept a part of the description, or a different metric has the name.
    pub fn build(self) -> Result<M, RegisterError> {
        let core = self.family()?.core;
        let series = core.series(&[""; 0][..]);
        Ok(M::from_handle(Handle::resolved(core, series)))
    }
}

impl<M: Metric> Builder<'_, M, WithLabels> {
    /// Builds and registers the metric.
    ///
    /// # Errors
    ///
    /// When Prometheus would not accept a part of the description, or a different metric has the name.
    pub fn build(self) -> Result<Family<M>, RegisterError> {
        self.family().map(Family::of)
    }
}

impl Spec {
    fn family(
        self,
        kind: Kind,
        metric: TypeId,
        registry: Option<&dyn Registry>,
    ) -> Result<FamilyHandle, RegisterError> {
        let descriptor = self.descriptor(kind)?;
        let core = Arc::new(FamilyCore::new(descriptor.clone(), metric));
        let Some(registry) = registry else { return Ok(FamilyHandle::new(core, &descriptor)) };
        let shared = registry.register_or_share(core)?;
        match (Arc::clone(&shared) as Arc<dyn Any + Send + Sync>).downcast::<FamilyCore>() {
            Ok(core) if core.metric() == metric => Ok(FamilyHandle::new(core, &descriptor)),
            // A registry compares descriptions, not types.
            _ => Err(duplicate(&descriptor, &*shared, "their types differ")),
        }
    }

    fn descriptor(self, kind: Kind) -> Result<Descriptor, DescriptorError> {
        let name = match &self.namespace {
            Some(namespace) => format!("{namespace}_{}", self.name),
            None => self.name.clone(),
        };
        if let Some(namespace) = &self.namespace {
            // Each part is checked by itself, as in the macros: `ns_9x` would pass.
            for part in [namespace, &self.name] {
                name::metric_name(part).map_err(|why| DescriptorError::metric_name(part, why))?;
            }
        }
        let mut descriptor = Descriptor::new(kind, name, self.help)?;
        descriptor.location = self.location;
        for (label, values) in self.labels {
            let default = self.defaults.iter().find(|(name, _)| *name == label).map(|(_, value)| value.clone());
            let spec = LabelSpec::required(Cow::Owned(label)).of_values(values);
            descriptor.add_label(match default {
                Some(value) => spec.with_default(value),
                None => spec,
            })?;
        }
        for (index, (label, default)) in self.defaults.iter().enumerate() {
            let spec = descriptor.labels.iter().find(|spec| spec.name() == label);
            let why = if spec.is_none() {
                "a default is given for it, but it is not among the labels"
            } else if spec.and_then(LabelSpec::values).is_some_and(|values| !values.contains(&&**default)) {
                "its default is not among its values"
            } else if self.defaults[..index].iter().any(|(earlier, _)| earlier == label) {
                "two defaults are given for it"
            } else {
                continue;
            };
            return Err(DescriptorError::label_name(descriptor.name(), label, why));
        }
        if let Some(unit) = self.unit {
            descriptor = descriptor.with_unit(unit)?;
        }
        if let Some(buckets) = self.buckets {
            descriptor = descriptor.with_buckets(buckets)?;
        }
        if kind == Kind::StateSet {
            descriptor = descriptor.with_states(self.states)?;
        }
        let sets: Vec<_> = descriptor.labels.iter().map(LabelSpec::values).collect();
        self.limit
            .map_or(Ok(()), name::limit)
            .and_then(|()| if self.zero_series { name::zero_series(&sets, self.limit) } else { Ok(()) })
            .map_err(|why| DescriptorError::limit(descriptor.name(), why))?;
        descriptor.limit = self.limit;
        descriptor.zero_series = self.zero_series;
        descriptor.with_mode(self.mode)
    }
}

impl<M: Metric, L> fmt::Debug for Builder<'_, M, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Builder").field(&self.spec).finish()
    }
}
