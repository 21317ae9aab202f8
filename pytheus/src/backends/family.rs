//! What tells a family from others, in every process.

use std::error::Error;
use std::fmt;

use serde_json::{Map, Value, json};

use super::BackendError;
use crate::descriptor::{Descriptor, GaugeMode, Kind};
use crate::number;
use crate::storage::{GAUGE_CELLS, observation_cells};

/// A family, as all processes know it: the scope of its registry, and its descriptor.
///
/// Two processes mean the same family when scope and name are the same. When something else
/// [differs](Self::difference), they can't be added up.
#[derive(Debug, Clone)]
pub struct FamilyKey {
    scope: String,
    descriptor: Descriptor,
}

/// How the numbers of several processes become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Combine {
    /// Each part is added up, over the living and the dead: counters, histograms, summaries.
    Add,
    /// One value for all: the last that was set, plus what was added since. Outlives those who set it.
    Shared,
    /// Added up over the living.
    LiveSum,
    /// The least of the living; those that never set it have none.
    LiveMin,
    /// The greatest of the living.
    LiveMax,
    /// That of the living which set it last.
    MostRecent,
    /// One series for each living process, with its number as the label `pid`.
    PerProcess,
}

impl FamilyKey {
    /// The family of this descriptor in registries of this scope.
    pub fn new(scope: impl Into<String>, descriptor: Descriptor) -> Self {
        Self { scope: scope.into(), descriptor }
    }

    /// The scope of its registry; empty for the one that stands behind
    /// [`REGISTRY`](crate::registry::REGISTRY) when nothing is put on its metrics.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The name, without what a registry puts before it.
    pub fn name(&self) -> &str {
        self.descriptor.name()
    }

    /// What the metric is.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// How the numbers of several processes become one.
    pub fn combine(&self) -> Combine {
        match (self.descriptor.kind(), self.descriptor.mode()) {
            (Kind::Counter | Kind::Histogram | Kind::Summary, _) => Combine::Add,
            (Kind::StateSet, _) | (Kind::Gauge, GaugeMode::Shared) => Combine::Shared,
            (Kind::Gauge, GaugeMode::LiveSum) => Combine::LiveSum,
            (Kind::Gauge, GaugeMode::LiveMin) => Combine::LiveMin,
            // What a program is ends with it, and two that say the same say it once.
            (Kind::Gauge, GaugeMode::LiveMax) | (Kind::Info, _) => Combine::LiveMax,
            (Kind::Gauge, GaugeMode::MostRecent) => Combine::MostRecent,
            (Kind::Gauge, GaugeMode::PerProcess) => Combine::PerProcess,
        }
    }

    /// How many parts a series has.
    ///
    /// | kind | parts |
    /// |---|---|
    /// | counter, gauge | its value |
    /// | histogram | the count of each bucket, not cumulative, the last without a bound; the sum |
    /// | summary | the count; the sum |
    /// | info, state set | each flag as 0 or 1 |
    pub fn width(&self) -> usize {
        width(&self.descriptor)
    }

    /// How many cells a series has from [`Begun::at`](super::Begun::at) on.
    ///
    /// | kind | cells | in [`extend`](super::Arena::extend) |
    /// |---|---|---|
    /// | counter | its whole part, to be added up over the shards | its fractions, an `f64` |
    /// | gauge | of shard 0: value, mark of work in progress, stamp | work begun, work ended, over the other shards |
    /// | histogram, summary | count, two sums, buckets: see [`observed`](super::Page::observed) | |
    /// | info, state set | of shard 0: the flags, as bits | |
    ///
    /// The value of a gauge is an `f64`, and 0 bits where it was never set.
    pub fn cells(&self) -> usize {
        cells(&self.descriptor)
    }

    /// Is it the same family, whether or not it can be added up?
    pub fn is(&self, other: &Self) -> bool {
        self.scope == other.scope && self.name() == other.name()
    }

    /// What keeps two declarations of one name from being added up; `None` when they can be.
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        self.descriptor.difference(&other.descriptor)
    }

    /// The family as JSON, for a backend that keeps it.
    pub fn to_json(&self) -> Value {
        let descriptor = &self.descriptor;
        let mut family = Map::new();
        family.insert("scope".into(), json!(self.scope));
        family.insert("name".into(), json!(descriptor.name()));
        family.insert("kind".into(), json!(descriptor.kind().to_string()));
        family.insert("help".into(), json!(descriptor.help()));
        if let Some(unit) = descriptor.unit() {
            family.insert("unit".into(), json!(unit));
        }
        family.insert("labels".into(), json!(descriptor.label_names().collect::<Vec<_>>()));
        if descriptor.kind() == Kind::Histogram {
            // As text: it reads back as the very same number, whoever reads it.
            let bounds: Vec<_> = descriptor.buckets().iter().map(|bound| number::to_text(*bound)).collect();
            family.insert("buckets".into(), json!(bounds));
        }
        if descriptor.kind() == Kind::StateSet {
            family.insert("states".into(), json!(descriptor.states()));
        }
        if descriptor.kind() == Kind::Gauge {
            family.insert("mode".into(), json!(mode_name(descriptor.mode())));
        }
        Value::Object(family)
    }

    /// The family that [`to_json`](Self::to_json) has written, by this process or another.
    ///
    /// # Errors
    ///
    /// When something is missing or is not what it should be; the error names it.
    pub fn from_json(json: &Value) -> Result<Self, FamilyKeyError> {
        Self::parse(json).map_err(FamilyKeyError)
    }

    fn parse(json: &Value) -> Result<Self, BackendError> {
        let text = |key: &str| json.get(key).and_then(Value::as_str).ok_or_else(|| fault(key, "a text"));
        let kind = match text("kind")? {
            "counter" => Kind::Counter,
            "gauge" => Kind::Gauge,
            "histogram" => Kind::Histogram,
            "summary" => Kind::Summary,
            "info" => Kind::Info,
            "stateset" => Kind::StateSet,
            _ => return Err(fault("kind", "a kind of metric")),
        };
        let list = |key: &str| -> Result<Vec<String>, BackendError> {
            let values = json.get(key).and_then(Value::as_array).ok_or_else(|| fault(key, "a list of texts"))?;
            let texts = values.iter().map(|value| value.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().ok_or_else(|| fault(key, "a list of texts"))
        };
        let mut descriptor = Descriptor::new(kind, text("name")?.to_owned(), text("help")?.to_owned())?;
        descriptor = descriptor.with_labels(list("labels")?)?;
        if json.get("unit").is_some() {
            descriptor = descriptor.with_unit(text("unit")?.to_owned())?;
        }
        match kind {
            Kind::Histogram => {
                let bounds: Result<Vec<f64>, _> = list("buckets")?.iter().map(|bound| bound.parse()).collect();
                let mut bounds = bounds.map_err(|_| fault("buckets", "a list of numbers as text"))?;
                if bounds.is_empty() {
                    bounds.push(f64::INFINITY);
                }
                descriptor = descriptor.with_buckets(bounds)?;
            }
            Kind::StateSet => descriptor = descriptor.with_states(interned(list("states")?))?,
            Kind::Gauge => {
                let name = text("mode")?;
                let mode = MODES.iter().find(|mode| mode_name(**mode) == name);
                descriptor = descriptor.with_mode(*mode.ok_or_else(|| fault("mode", "a mode of gauges"))?)?;
            }
            _ => {}
        }
        Ok(Self::new(text("scope")?, descriptor))
    }
}

/// How many parts a series has.
pub(crate) fn width(descriptor: &Descriptor) -> usize {
    match descriptor.kind() {
        Kind::Counter | Kind::Gauge | Kind::Info => 1,
        Kind::Summary => 2,
        Kind::Histogram => descriptor.buckets().len() + 2,
        Kind::StateSet => descriptor.states().len(),
    }
}

/// How many cells a series has.
pub(crate) fn cells(descriptor: &Descriptor) -> usize {
    match descriptor.kind() {
        Kind::Histogram => observation_cells(descriptor.buckets().len() + 1),
        Kind::Summary => observation_cells(1),
        Kind::Gauge => GAUGE_CELLS,
        Kind::Counter | Kind::Info | Kind::StateSet => 1,
    }
}

const MODES: [GaugeMode; 6] = [
    GaugeMode::Shared,
    GaugeMode::LiveSum,
    GaugeMode::LiveMin,
    GaugeMode::LiveMax,
    GaugeMode::MostRecent,
    GaugeMode::PerProcess,
];

/// As in a declaration.
fn mode_name(mode: GaugeMode) -> &'static str {
    match mode {
        GaugeMode::Shared => "shared",
        GaugeMode::LiveSum => "live_sum",
        GaugeMode::LiveMin => "live_min",
        GaugeMode::LiveMax => "live_max",
        GaugeMode::MostRecent => "most_recent",
        GaugeMode::PerProcess => "per_process",
    }
}

/// The same texts for the rest of the process: descriptors borrow them. Each is kept once, and they are few.
fn interned(texts: Vec<String>) -> Vec<&'static str> {
    use std::collections::HashSet;
    use std::sync::{LazyLock, Mutex};

    static KNOWN: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);
    let mut known = crate::storage::lock(&KNOWN);
    let mut intern = |text: String| {
        if let Some(text) = known.get(text.as_str()) {
            return *text;
        }
        let text: &'static str = text.leak();
        known.insert(text);
        text
    };
    texts.into_iter().map(&mut intern).collect()
}

/// A text that should be a family, as [`FamilyKey::to_json`] writes it, and is none.
#[derive(Debug)]
pub struct FamilyKeyError(BackendError);

impl fmt::Display for FamilyKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for FamilyKeyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

fn fault(key: &str, expected: &str) -> BackendError {
    format!("a family's `{key}` should be {expected}").into()
}

impl fmt::Display for FamilyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.scope {
            "" => f.write_str(self.name()),
            scope => write!(f, "{} (of `{scope}`)", self.name()),
        }
    }
}
