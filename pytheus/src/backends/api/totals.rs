//! The numbers of families: what a backend completes, and an encoder writes.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::backends::api::aggregation::Aggregation;
use crate::backends::api::family_key::FamilyKey;
use crate::backends::api::family_totals::FamilyTotals;
use crate::backends::api::local_family::LocalFamily;
use crate::backends::api::series_key::SeriesKey;
use crate::backends::api::versions::{self, Declared};
use crate::model::number::Number;

/// The totals for one scrape of a registry, completed by a [backend](crate::backends::custom::Backend::load).
pub struct Totals<'a> {
    scope: Cow<'a, str>,
    own: Vec<Own<'a>>,
    /// Of families that this process does not have: each with its declarations.
    others: Vec<Vec<Declared>>,
    deadline: Option<Instant>,
    /// Whether a registry of this process has the family.
    is_local: fn(&FamilyKey) -> bool,
    /// The label `pid` of this process; its number, unless the backend says so.
    process: Option<Arc<str>>,
}

/// A family of this process.
struct Own<'a> {
    family: &'a dyn LocalFamily,
    key: Option<Arc<FamilyKey>>,
    /// The totals that the backend has of it, by declaration.
    put: Vec<Declared>,
}

impl<'a> Totals<'a> {
    pub(crate) fn new(scope: Cow<'a, str>, families: impl IntoIterator<Item = &'a dyn LocalFamily>) -> Self {
        let own = families.into_iter().map(|family| Own { family, key: family.key(), put: Vec::new() });
        Self { scope, own: own.collect(), others: Vec::new(), deadline: None, is_local: |_| false, process: None }
    }

    /// Asks a backend for them: with a deadline, and with what is known of families in other registries.
    pub(crate) fn for_backend(self, deadline: Option<Instant>, is_local: fn(&FamilyKey) -> bool) -> Self {
        Self { deadline, is_local, ..self }
    }

    /// When the [timeout](crate::backends::custom::Backend::scrape_timeout) of the scrape ends.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The scope of the registry: what belongs to another one is not asked for.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The families that this process has. There may be others, of other programs.
    pub fn families(&self) -> impl Iterator<Item = &Arc<FamilyKey>> {
        self.own.iter().filter_map(|own| own.key.as_ref())
    }

    /// Does the scrape show this family? Those of the [scope](Self::scope) it does, and [those that are
    /// here](Self::families), which may have come from another registry.
    pub fn includes(&self, family: &FamilyKey) -> bool {
        family.scope() == self.scope || self.families().any(|own| own.is_same_family(family))
    }

    /// Names this process: the label `pid` of its series in families that have [one for each
    /// process](crate::backends::custom::Aggregation::PerProcess), as [`process_label`](crate::backends::custom::process_label) makes it.
    ///
    /// To be called before totals are put in. Gauges that are read by a closure need it; without it, the label is the number
    /// of the process.
    pub fn set_process_label(&mut self, label: impl Into<Arc<str>>) {
        self.process = Some(label.into());
    }

    /// Puts in the totals of a family: its series, and the [parts](FamilyKey::part_count) of each, one after the other.
    ///
    /// In place of what this process has counted in the same family. A family that is not [wanted](Self::includes) is left out.
    ///
    /// Where processes [declare](FamilyKey::difference) a family in several ways, the totals of each declaration are put in by
    /// themselves, in the order in which processes have last begun to use it. They are merged: a label that one lacks shows
    /// its default, counts of buckets stand at the next bound, and what adds up is added up.
    pub fn provide(&mut self, family: Arc<FamilyKey>, series: impl Into<Arc<[SeriesKey]>>, parts: Vec<Number>) {
        self.provide_declaration(family, series, parts, Vec::new(), true);
    }

    /// As [`provide`](Self::provide), with more about the declaration, for families that have several.
    ///
    /// `set_at` says when the value of each series was set, in nanoseconds since 1970, of a gauge that shows the
    /// [most recent](Aggregation::MostRecent) one: the latest of all declarations shows. It is empty where that is not known.
    ///
    /// `is_live` says whether a living process has the declaration. If none has, and a living one has declared the gauge in
    /// another mode, the value of this declaration is over.
    pub fn provide_declaration(
        &mut self,
        family: Arc<FamilyKey>,
        series: impl Into<Arc<[SeriesKey]>>,
        mut parts: Vec<Number>,
        set_at: Vec<u64>,
        is_live: bool,
    ) {
        let series = series.into();
        let width = family.part_count();
        debug_assert_eq!(parts.len(), series.len() * width, "the parts of {family}");
        parts.resize(series.len() * width, Number::Int(0));
        let times = if family.aggregation().is_by_time() { set_at } else { Vec::new() };
        let declared = Declared { family, series, parts, times, is_live };
        let family = &declared.family;
        if let Some(own) =
            self.own.iter_mut().find(|own| own.key.as_ref().is_some_and(|key| key.is_same_family(family)))
        {
            own.put.push(declared);
        } else if family.scope() == self.scope && !(self.is_local)(family) {
            // A local family that was not asked for belongs to another registry.
            match self.others.iter_mut().find(|other| other[0].family.is_same_family(family)) {
                Some(other) => other.push(declared),
                None => self.others.push(vec![declared]),
            }
        }
    }

    /// The families of this process, in their order, then those of others.
    pub(crate) fn finish(self) -> (Vec<FamilyTotals<'a>>, Vec<FamilyTotals<'a>>) {
        let process = self.process;
        let own = self.own.into_iter().map(|Own { family, put, .. }| {
            let Some(merged) = versions::merge(put).or_else(|| apart(family, process.as_ref())) else {
                return family.totals();
            };
            let mut totals = FamilyTotals::put(merged, process.clone());
            // Not before: closures may ask for other metrics, which no backend and none of its locks is to wait for.
            if family.descriptor().kind() == totals.descriptor().kind() {
                family.merge_local(&mut totals);
            }
            totals
        });
        let others = self.others.into_iter().filter_map(versions::merge).map(|merged| FamilyTotals::put(merged, None));
        (own.collect(), others.collect())
    }
}

impl fmt::Debug for Totals<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Totals").field("scope", &self.scope).finish_non_exhaustive()
    }
}

/// A family that has a series for each process, of which a backend that tells processes apart has none yet. What closures
/// read is put in with the label of this process, as it will be later.
fn apart(family: &dyn LocalFamily, process: Option<&Arc<str>>) -> Option<Declared> {
    let (key, _) = family.key().filter(|key| key.aggregation() == Aggregation::PerProcess).zip(process)?;
    let descriptor = key.descriptor().clone().with_labels(["pid"]).ok()?;
    let family = Arc::new(FamilyKey::new(key.scope(), descriptor));
    Some(Declared { family, series: Arc::default(), parts: Vec::new(), times: Vec::new(), is_live: true })
}
