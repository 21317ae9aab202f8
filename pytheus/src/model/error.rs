//! Errors of declaring, labelling, registering and scraping metrics. Counting itself can't fail.

use std::error::Error;
use std::fmt;

use crate::model::location::Location;
use crate::reentry;

/// Converts errors into an `io::Error`, for `?` in a function with an `io::Result`.
macro_rules! into_io_error {
    ($($error:ty)*) => {$(
        impl From<$error> for std::io::Error {
            /// Converts the error for functions with an `io::Result`.
            fn from(error: $error) -> Self {
                Self::other(error)
            }
        }
    )*};
}
pub(crate) use into_io_error;

into_io_error!(DescriptorError LabelError RegisterError ScrapeError);

/// A description of a metric that Prometheus would refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescriptorError {
    metric: String,
    fault: DescriptorFault,
    why: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum DescriptorFault {
    Name,
    Label(String),
    Buckets,
    Unit(String),
    States,
    Limit,
    Prefix,
    ConstantLabel,
}

impl DescriptorError {
    pub(crate) fn metric_name(metric: &str, why: &'static str) -> Self {
        Self::new(metric, DescriptorFault::Name, why)
    }

    pub(crate) fn label_name(metric: &str, label: &str, why: &'static str) -> Self {
        Self::new(metric, DescriptorFault::Label(label.to_owned()), why)
    }

    pub(crate) fn buckets(metric: &str, why: &'static str) -> Self {
        Self::new(metric, DescriptorFault::Buckets, why)
    }

    pub(crate) fn unit(metric: &str, unit: &str, why: &'static str) -> Self {
        Self::new(metric, DescriptorFault::Unit(unit.to_owned()), why)
    }

    pub(crate) fn states(metric: &str, why: &'static str) -> Self {
        Self::new(metric, DescriptorFault::States, why)
    }

    pub(crate) fn limit(metric: &str, why: &'static str) -> Self {
        Self::new(metric, DescriptorFault::Limit, why)
    }

    pub(crate) fn prefix(prefix: &str, why: &'static str) -> Self {
        Self::new(prefix, DescriptorFault::Prefix, why)
    }

    pub(crate) fn constant_label(label: &str, why: &'static str) -> Self {
        Self::new(label, DescriptorFault::ConstantLabel, why)
    }

    fn new(metric: &str, fault: DescriptorFault, why: &'static str) -> Self {
        Self { metric: metric.to_owned(), fault, why }
    }

    /// Returns the name of the refused metric; of a registry, the prefix or the label.
    pub fn metric(&self) -> &str {
        &self.metric
    }
}

impl fmt::Display for DescriptorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { metric, fault, why } = self;
        let (what, part, detail) = match fault {
            DescriptorFault::Name => ("metric", "", None),
            DescriptorFault::Label(label) => ("metric", ", label", Some(label)),
            DescriptorFault::Buckets => ("metric", ", buckets", None),
            DescriptorFault::Unit(unit) => ("metric", ", unit", Some(unit)),
            DescriptorFault::States => ("metric", ", states", None),
            DescriptorFault::Limit => ("metric", ", limit", None),
            DescriptorFault::Prefix => ("registry, prefix", "", None),
            DescriptorFault::ConstantLabel => ("registry, constant label", "", None),
        };
        match detail {
            Some(detail) => write!(f, "{what} `{metric}`{part} `{detail}`: {why}"),
            None => write!(f, "{what} `{metric}`{part}: {why}"),
        }
    }
}

impl Error for DescriptorError {}

/// Wrong labels at run time: missing, unknown, repeated or invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelError(Box<LabelFaults>);

/// All faults of the labels in one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LabelFaults {
    pub(crate) metric: String,
    pub(crate) expected: Vec<String>,
    pub(crate) missing: Vec<String>,
    pub(crate) unknown: Vec<String>,
    pub(crate) repeated: Vec<String>,
    pub(crate) invalid: Vec<(String, String)>,
}

impl From<LabelFaults> for LabelError {
    fn from(faults: LabelFaults) -> Self {
        Self(Box::new(faults))
    }
}

impl LabelError {
    /// Returns the missing required labels.
    pub fn missing(&self) -> &[String] {
        &self.0.missing
    }

    /// Returns the labels unknown to the metric.
    pub fn unknown(&self) -> &[String] {
        &self.0.unknown
    }

    /// Returns the labels given twice in one call.
    pub fn repeated(&self) -> &[String] {
        &self.0.repeated
    }

    /// Returns the labels with a value outside of their closed set, and that value.
    pub fn invalid(&self) -> &[(String, String)] {
        &self.0.invalid
    }
}

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LabelFaults { metric, expected, missing, unknown, repeated, invalid } = &*self.0;
        write!(f, "metric `{metric}`:")?;
        let mut separator = " ";
        for (what, names) in [("missing", missing), ("unknown", unknown), ("given twice:", repeated)] {
            if !names.is_empty() {
                let plural = if names.len() == 1 { "label" } else { "labels" };
                write!(f, "{separator}{what} {plural} `{}`", names.join("`, `"))?;
                separator = "; ";
            }
        }
        for (label, value) in invalid {
            write!(f, "{separator}label `{label}` can't be `{value}`")?;
            separator = "; ";
        }
        if expected.is_empty() {
            f.write_str(" (the metric has no labels)")
        } else {
            write!(f, " (its labels are `{}`)", expected.join("`, `"))
        }
    }
}

impl Error for LabelError {}

/// Two metrics with a sample name in common that can't share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    pub(crate) name: String,
    pub(crate) location: Location,
    pub(crate) existing: String,
    pub(crate) existing_location: Location,
    pub(crate) difference: String,
}

impl Duplicate {
    /// Returns the name of the new metric.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the place of its declaration.
    pub fn location(&self) -> Location {
        self.location
    }

    /// Returns the name of the existing metric.
    pub fn existing(&self) -> &str {
        &self.existing
    }

    /// Returns the place of that declaration.
    pub fn existing_location(&self) -> Location {
        self.existing_location
    }

    /// Returns the difference between them.
    pub fn difference(&self) -> &str {
        &self.difference
    }
}

impl fmt::Display for Duplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, location, existing, existing_location, difference } = self;
        write!(
            f,
            "metric `{name}` declared at {location} collides with `{existing}` declared at {existing_location}: \
             {difference}; rename one of them, or declare both alike to share one metric"
        )?;
        // rustdoc's name for the program of several examples.
        if [location, existing_location].iter().any(|location| location.file().contains("doctest_bundle_")) {
            f.write_str(
                "; in edition 2024 the examples of a crate's docs are one program: an example whose fence says \
                 `standalone_crate` is one of its own",
            )?;
        }
        Ok(())
    }
}

/// The refusal of a metric or collector by a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// The description is refused.
    Descriptor(DescriptorError),
    /// A sample name is taken by a different metric.
    Duplicate(Box<Duplicate>),
    /// A label of the metric is also a constant label of the registry.
    ConstantLabel {
        /// The metric.
        name: String,
        /// The place of its declaration.
        location: Location,
        /// The label of both.
        label: String,
    },
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Descriptor(error) => error.fmt(f),
            Self::Duplicate(duplicate) => duplicate.fmt(f),
            Self::ConstantLabel { name, location, label } => write!(
                f,
                "metric `{name}` declared at {location}: its label `{label}` is also a constant label of the registry; \
                 rename one of them"
            ),
        }
    }
}

impl Error for RegisterError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Descriptor(error) => Some(error),
            _ => None,
        }
    }
}

impl From<DescriptorError> for RegisterError {
    fn from(error: DescriptorError) -> Self {
        Self::Descriptor(error)
    }
}

/// The error of a custom collector: any error.
pub type CollectError = Box<dyn Error + Send + Sync>;

/// A failed scrape.
///
/// Answer with HTTP 503: to Prometheus, a partial or smaller number would look like a counter reset.
#[derive(Debug)]
pub struct ScrapeError {
    source: CollectError,
}

impl ScrapeError {
    /// Makes an error from the reason why the totals are out of reach.
    pub fn new(source: impl Into<CollectError>) -> Self {
        Self { source: source.into() }
    }

    /// Makes the error for a scrape inside a scrape of the same registry.
    pub(crate) fn within(fault: &reentry::ReentryFault) -> Self {
        Self::new(format!("a closure or a collector has asked for a scrape, but {fault}"))
    }
}

impl fmt::Display for ScrapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the totals can't be had: {}", self.source)
    }
}

impl Error for ScrapeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}
