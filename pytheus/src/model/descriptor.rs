//! The description of a metric: all that is known of a family before the first count.

mod mode;

use std::borrow::Cow;
use std::fmt;

use crate::model::error::DescriptorError;
use crate::model::labels::LabelSpec;
pub use crate::model::location::Location;
use crate::model::name;
pub use crate::model::name::{MAX_STATES, MAX_ZERO_SERIES};
pub use mode::GaugeMode;

/// The eleven default bucket bounds in seconds, for the response time of a network service.
///
/// The same as in the Go and Python clients.
pub const DEFAULT_BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The maximum number of labels of a metric: the key of a series has an entry for each.
pub(crate) const MAX_LABELS: usize = 1_000;

/// The kind of a metric. Prometheus treats samples by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A number that only goes up.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// Observations, counted in buckets, and their sum.
    Histogram,
    /// Observations, counted, and their sum.
    Summary,
    /// Facts about the program, as labels of a sample with value 1.
    Info,
    /// A sample per state: 1 for each state that holds.
    StateSet,
}

impl Kind {
    /// Returns the suffixes of sample names of this kind.
    pub(crate) const fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Histogram => &["_bucket", "_sum", "_count"],
            Self::Summary => &["_sum", "_count"],
            Self::Counter | Self::Gauge | Self::Info | Self::StateSet => &[],
        }
    }

    /// Returns the label that samples of this kind have of themselves.
    pub(crate) const fn own_label(self) -> Option<&'static str> {
        match self {
            Self::Histogram => Some("le"),
            Self::Summary => Some("quantile"),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        })
    }
}

/// The description of a metric: name, kind, help, labels and, by kind, buckets or states.
///
/// Macros build descriptors in constants; a custom collector builds them with [`Descriptor::new`].
///
/// ```
/// use pytheus::descriptor::{Descriptor, Kind};
///
/// let descriptor = Descriptor::new(Kind::Gauge, "queue_depth", "Jobs that wait.")?.with_labels(["queue"])?;
/// assert_eq!(descriptor.name(), "queue_depth");
/// # Ok::<(), pytheus::error::DescriptorError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Descriptor {
    pub(crate) name: Cow<'static, str>,
    pub(crate) help: Cow<'static, str>,
    pub(crate) kind: Kind,
    pub(crate) unit: Option<Cow<'static, str>>,
    /// Sorted by name.
    pub(crate) labels: Cow<'static, [LabelSpec]>,
    /// Finite upper bounds, or with a final `+Inf`; empty except for histograms.
    pub(crate) buckets: Cow<'static, [f64]>,
    /// Empty except for state sets.
    pub(crate) states: Cow<'static, [&'static str]>,
    pub(crate) mode: GaugeMode,
    pub(crate) limit: Option<usize>,
    pub(crate) zero_series: bool,
    pub(crate) location: Location,
}

impl Descriptor {
    /// Describes a metric without labels.
    ///
    /// A histogram has the [`DEFAULT_BUCKETS`] until [`with_buckets`](Self::with_buckets) names others.
    ///
    /// # Errors
    ///
    /// If the name is no metric name, or none for this kind.
    #[track_caller]
    pub fn new(
        kind: Kind,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> Result<Self, DescriptorError> {
        let name = name.into();
        name::metric_name(&name).map_err(|why| DescriptorError::metric_name(&name, why))?;
        match kind {
            Kind::Info => name::info_name(&name),
            Kind::StateSet => name::state_set_name(&name),
            _ => Ok(()),
        }
        .map_err(|why| DescriptorError::metric_name(&name, why))?;
        let buckets: &'static [f64] = if kind == Kind::Histogram { &DEFAULT_BUCKETS } else { &[] };
        Ok(Self {
            name,
            help: help.into(),
            kind,
            unit: None,
            labels: Cow::Borrowed(&[]),
            buckets: Cow::Borrowed(buckets),
            states: Cow::Borrowed(&[]),
            mode: GaugeMode::Shared,
            limit: None,
            zero_series: true,
            location: Location::caller(),
        })
    }

    /// Adds required labels.
    ///
    /// # Errors
    ///
    /// If a name is no label name, is given twice, or is a label that samples of this kind have of themselves (`le` of
    /// a histogram, `quantile` of a summary).
    pub fn with_labels<N: Into<Cow<'static, str>>>(
        mut self,
        names: impl IntoIterator<Item = N>,
    ) -> Result<Self, DescriptorError> {
        for name in names {
            self.add_label(LabelSpec::required(name.into()))?;
        }
        Ok(self)
    }

    pub(crate) fn add_label(&mut self, label: LabelSpec) -> Result<(), DescriptorError> {
        let refuse = |why| DescriptorError::label_name(&self.name, label.name(), why);
        name::label_name(label.name()).map_err(refuse)?;
        if self.kind.own_label() == Some(label.name()) {
            return Err(refuse("invalid label name: samples of this kind bring it themselves"));
        }
        if self.kind == Kind::StateSet && label.name() == self.name {
            return Err(refuse("invalid label name: the states of a state set stand under its own name"));
        }
        if self.labels.len() == MAX_LABELS {
            return Err(refuse("a metric has at most 1,000 labels"));
        }
        match self.labels.binary_search_by(|known| known.name().cmp(label.name())) {
            Ok(_) => Err(refuse("the label is given twice")),
            Err(place) => {
                self.labels.to_mut().insert(place, label);
                Ok(())
            }
        }
    }

    /// Sets the upper bounds of the buckets of a histogram, at most 500; `+Inf` is added if missing.
    ///
    /// # Errors
    ///
    /// If this is no histogram, or the list is empty, unsorted, or has a duplicate or NaN.
    pub fn with_buckets(mut self, bounds: impl IntoIterator<Item = f64>) -> Result<Self, DescriptorError> {
        let bounds: Vec<f64> = bounds.into_iter().collect();
        if self.kind != Kind::Histogram {
            return Err(DescriptorError::buckets(&self.name, "only a histogram has buckets"));
        }
        name::buckets(&bounds).map_err(|why| DescriptorError::buckets(&self.name, why))?;
        self.buckets = Cow::Owned(bounds);
        Ok(self)
    }

    /// Sets the unit, in which the name has to end.
    ///
    /// # Errors
    ///
    /// If the name does not end in the unit (a counter's: in the unit and `_total`, or the unit alone).
    pub fn with_unit(mut self, unit: impl Into<Cow<'static, str>>) -> Result<Self, DescriptorError> {
        let unit = unit.into();
        name::unit(&self.name, &unit, self.kind == Kind::Counter)
            .map_err(|why| DescriptorError::unit(&self.name, &unit, why))?;
        self.unit = Some(unit);
        Ok(self)
    }

    /// Sets the states of a state set.
    ///
    /// # Errors
    ///
    /// If there is none, one is empty or given twice, or there are more than [`MAX_STATES`].
    pub(crate) fn with_states(mut self, states: Vec<&'static str>) -> Result<Self, DescriptorError> {
        let refuse = |why| DescriptorError::states(&self.name, why);
        if states.is_empty() {
            return Err(refuse("a state set needs at least one state"));
        }
        if states.contains(&"") {
            return Err(refuse("a state can't be empty"));
        }
        if states.len() > MAX_STATES {
            return Err(refuse("a state set has at most 64 states"));
        }
        if states.iter().enumerate().any(|(i, state)| states[..i].contains(state)) {
            return Err(refuse("a state is given twice"));
        }
        self.states = Cow::Owned(states);
        Ok(self)
    }

    /// Sets the aggregation of a gauge over several processes.
    ///
    /// # Errors
    ///
    /// If each process is to have a series with the label `pid`, and the metric has such a label itself.
    pub(crate) fn with_mode(mut self, mode: GaugeMode) -> Result<Self, DescriptorError> {
        self.mode = mode;
        match self.own_label() {
            Some(label) if self.label_names().any(|own| own == label) => {
                let why = "a gauge with one series per process brings this label itself";
                Err(DescriptorError::label_name(&self.name, label, why))
            }
            _ => Ok(self),
        }
    }

    /// Returns the label that samples of this metric have of themselves, if only with several processes.
    pub(crate) fn own_label(&self) -> Option<&'static str> {
        match (self.kind, self.mode) {
            (Kind::Gauge, GaugeMode::PerProcess) => Some("pid"),
            (kind, _) => kind.own_label(),
        }
    }

    /// Returns the full name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the help text.
    pub fn help(&self) -> &str {
        &self.help
    }

    /// Returns the kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the unit, if there is one.
    pub fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    /// Returns the names of the labels, sorted.
    pub fn label_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.labels.iter().map(LabelSpec::name)
    }

    /// Returns the finite upper bounds of the buckets; empty except for histograms.
    pub fn buckets(&self) -> &[f64] {
        match self.buckets.split_last() {
            Some((last, finite)) if *last == f64::INFINITY => finite,
            _ => &self.buckets,
        }
    }

    /// Returns the states of a state set; empty for other kinds.
    pub fn states(&self) -> &[&'static str] {
        &self.states
    }

    /// Returns the aggregation over several processes; for gauges only.
    pub fn mode(&self) -> GaugeMode {
        self.mode
    }

    /// Returns the maximum number of series, if there is a limit.
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Returns the place of the declaration.
    pub fn location(&self) -> Location {
        self.location
    }

    /// Returns every name of this family's samples, its own included.
    pub(crate) fn sample_names(&self) -> impl Iterator<Item = String> {
        let own = std::iter::once(self.name.to_string());
        own.chain(self.kind.suffixes().iter().map(|suffix| format!("{}{suffix}", self.name)))
    }

    /// Returns the difference that keeps two declarations of one name from sharing a family; `None` if they may share
    /// it.
    ///
    /// Help, limits, closed sets and zero series do not count: the first declaration gives them. Neither do defaults:
    /// each declaration has its own.
    pub(crate) fn difference(&self, other: &Self) -> Option<&'static str> {
        if self.name != other.name {
            Some("name")
        } else if self.kind != other.kind {
            Some("kinds")
        } else if !self.label_names().eq(other.label_names()) {
            Some("label names")
        } else if self.unit != other.unit {
            Some("units")
        } else if self.buckets() != other.buckets() {
            Some("buckets")
        } else if self.states != other.states {
            Some("states")
        } else if self.mode != other.mode {
            Some("modes")
        } else {
            None
        }
    }
}

/// The arguments of a declaration, as a macro writes them, turned into a [`Descriptor`] in a constant.
///
/// The macro checks each argument by itself, under the span of the user's code.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Declare {
    pub kind: Kind,
    pub name: &'static str,
    pub help: &'static str,
    pub unit: Option<&'static str>,
    /// Sorted by name.
    pub labels: &'static [LabelSpec],
    pub buckets: &'static [f64],
    pub states: &'static [&'static str],
    pub mode: GaugeMode,
    pub limit: Option<usize>,
    /// Whether closed label sets are exposed at zero.
    pub zero_series: bool,
    pub location: Location,
}

impl Declare {
    pub const fn build(self) -> Descriptor {
        Descriptor {
            name: Cow::Borrowed(self.name),
            help: Cow::Borrowed(self.help),
            kind: self.kind,
            unit: match self.unit {
                Some(unit) => Some(Cow::Borrowed(unit)),
                None => None,
            },
            labels: Cow::Borrowed(self.labels),
            buckets: Cow::Borrowed(self.buckets),
            states: Cow::Borrowed(self.states),
            mode: self.mode,
            limit: self.limit,
            zero_series: self.zero_series,
            location: self.location,
        }
    }
}
