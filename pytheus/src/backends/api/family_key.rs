//! The identity of a family, the same in every process.

use std::borrow::Cow;
use std::fmt;

use crate::backends::api::aggregation::Aggregation;
use crate::model::descriptor::{Descriptor, GaugeMode, Kind};
use crate::model::labels::LabelSpec;
use crate::model::number;
use crate::storage::{GAUGE_CELLS, observation_cells};

/// A family, as all processes know it: the scope of its registry, and its descriptor.
///
/// Two processes mean the same family when scope and name are the same. When something else
/// [differs](Self::difference), these are two declarations of it, of two versions of a program mostly: a backend keeps their
/// numbers apart, and [puts in](crate::backends::custom::Totals::provide) each.
#[derive(Debug, Clone)]
pub struct FamilyKey {
    scope: String,
    descriptor: Descriptor,
}

impl FamilyKey {
    /// The family of this descriptor in registries of this scope.
    pub fn new(scope: impl Into<String>, mut descriptor: Descriptor) -> Self {
        // Evaluated here: a default is the user's own code, and backends ask for it under their locks.
        if descriptor.labels.iter().any(LabelSpec::has_default) {
            let labels = descriptor.labels.iter().map(|label| match label.default_text() {
                Some(text) => label.clone().with_default(Cow::Owned(text.to_owned())),
                None => label.clone(),
            });
            descriptor.labels = labels.collect();
        }
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

    /// Returns the descriptor.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// How the numbers of several processes become one.
    pub fn aggregation(&self) -> Aggregation {
        match (self.descriptor.kind(), self.descriptor.mode()) {
            (Kind::Counter | Kind::Histogram | Kind::Summary, _) => Aggregation::Add,
            (Kind::StateSet, _) | (Kind::Gauge, GaugeMode::Shared) => Aggregation::Shared,
            (Kind::Gauge, GaugeMode::LiveSum) => Aggregation::LiveSum,
            (Kind::Gauge, GaugeMode::LiveMin) => Aggregation::LiveMin,
            // An info metric describes a live process, and identical ones collapse: the maximum of 1 and 1 is 1.
            (Kind::Gauge, GaugeMode::LiveMax) | (Kind::Info, _) => Aggregation::LiveMax,
            (Kind::Gauge, GaugeMode::MostRecent) => Aggregation::MostRecent,
            (Kind::Gauge, GaugeMode::LiveMostRecent) => Aggregation::LiveMostRecent,
            (Kind::Gauge, GaugeMode::PerProcess) => Aggregation::PerProcess,
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
    pub fn part_count(&self) -> usize {
        part_count(&self.descriptor)
    }

    /// How many cells a series has from [`NewSeries::at`](crate::backends::custom::NewSeries::at) on.
    ///
    /// | kind | cells | in [`add_cells`](crate::backends::custom::Arena::add_cells) |
    /// |---|---|---|
    /// | counter | its whole part, to be added up over the shards | its fractions, an `f64` |
    /// | gauge | of shard 0: value, mark of work in progress, stamp | work begun, work ended, over the other shards |
    /// | histogram, summary | count, two sums, buckets: see [`observed`](crate::backends::custom::Page::observed) | |
    /// | info, state set | of shard 0: the flags, as bits | |
    ///
    /// The value of a gauge is an `f64`, and 0 bits where it was never set.
    pub fn cells(&self) -> usize {
        cells(&self.descriptor)
    }

    /// Is it the same family, whether or not it can be added up?
    pub fn is_same_family(&self, other: &Self) -> bool {
        self.scope == other.scope && self.name() == other.name()
    }

    /// Returns the first thing that differs between two declarations of one name; `None` when their numbers add up as they are.
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        self.descriptor.difference(&other.descriptor)
    }

    /// The name of the declaration, the same in each process and version: the name of the family, `|` and the scope where
    /// there is one, `@`, and 16 digits that are others where anything [differs](Self::difference).
    ///
    /// ```
    /// use pytheus::backends::custom::FamilyKey;
    /// use pytheus::descriptor::{Descriptor, Kind};
    ///
    /// let orders = Descriptor::new(Kind::Counter, "orders_total", "Orders.")?;
    /// let id = FamilyKey::new("", orders.clone()).id();
    /// assert_eq!(id.len(), "orders_total@".len() + 16);
    /// assert_ne!(id, FamilyKey::new("", orders.with_labels(["shop"])?).id());
    /// # Ok::<(), pytheus::error::DescriptorError>(())
    /// ```
    pub fn id(&self) -> String {
        let mut hash = Fnv::default();
        let descriptor = &self.descriptor;
        hash.add(&descriptor.kind().to_string());
        hash.add(descriptor.unit().unwrap_or_default());
        descriptor.label_names().for_each(|name| hash.add(name));
        // Neither names nor numbers are empty: each list ends.
        hash.add("");
        descriptor.buckets().iter().for_each(|bound| hash.add(&number::to_text(*bound)));
        hash.add("");
        descriptor.states().iter().for_each(|state| hash.add(state));
        hash.add("");
        hash.add(mode_name(descriptor.mode()));
        let scope = if self.scope.is_empty() { "" } else { "|" };
        format!("{}{scope}{}@{:016x}", self.name(), self.scope, hash.0)
    }
}

/// FNV-1a, of texts one after the other: <http://www.isthe.com/chongo/tech/comp/fnv/>.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, text: &str) {
        // No text has a byte 255 in it.
        for byte in text.bytes().chain([255]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// How many parts a series has.
pub(crate) fn part_count(descriptor: &Descriptor) -> usize {
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

/// Names a mode as a declaration does.
pub(super) fn mode_name(mode: GaugeMode) -> &'static str {
    match mode {
        GaugeMode::Shared => "shared",
        GaugeMode::LiveSum => "live_sum",
        GaugeMode::LiveMin => "live_min",
        GaugeMode::LiveMax => "live_max",
        GaugeMode::MostRecent => "most_recent",
        GaugeMode::LiveMostRecent => "live_most_recent",
        GaugeMode::PerProcess => "per_process",
    }
}

impl fmt::Display for FamilyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.scope {
            "" => f.write_str(self.name()),
            scope => write!(f, "{} (of `{scope}`)", self.name()),
        }
    }
}
