//! Fields become series.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::backends::custom::{Aggregation, FamilyKey, GaugeAggregate, SeriesKey};
use crate::backends::redis::read::scrape::{Fields, Found};
use crate::backends::redis::schema;
use crate::backends::{self};
use crate::model::descriptor::Kind;
use crate::model::number::Number;

/// A field that can't be read, and why. Left out, it would make a total smaller than it is.
pub(crate) struct Bad {
    pub(crate) field: Vec<u8>,
    pub(crate) why: String,
}

impl Bad {
    pub(crate) fn new(field: &[u8], why: impl Into<String>) -> Self {
        Self { field: field.to_vec(), why: why.into() }
    }

    /// A field whose value should be something else.
    pub(crate) fn value(field: &[u8], value: &[u8], expected: &str) -> Self {
        let shown: String = String::from_utf8_lossy(value).chars().take(60).collect();
        Self::new(field, format!("has `{shown}`, which is no {expected}"))
    }
}

/// The series of a family, as they were when it was read last: most of the time they are the same.
#[derive(Default)]
pub(crate) struct Series {
    /// By their texts.
    places: HashMap<Box<[u8]>, usize, foldhash::fast::RandomState>,
    /// In order.
    keys: Arc<[SeriesKey]>,
}

/// The parts of each series, and when its value was set where that says which one shows.
type Numbers = (Vec<Number>, Vec<u64>);

impl Series {
    /// The series in the hash of a family, and their numbers.
    pub(crate) fn read(&mut self, family: &FamilyKey, fields: &Fields) -> Result<(Arc<[SeriesKey]>, Numbers), Bad> {
        let mut parts = self.parts(family, fields)?;
        if parts.is_none() {
            self.learn(family, fields)?;
            parts = self.parts(family, fields)?;
        }
        Ok((Arc::clone(&self.keys), parts.unwrap_or_default()))
    }

    /// The numbers, when the series are those that are known.
    fn parts(&self, family: &FamilyKey, fields: &Fields) -> Result<Option<Numbers>, Bad> {
        let width = family.part_count();
        let mut parts = vec![Number::Int(0); self.keys.len() * width];
        let mut times = vec![0; if family.aggregation().is_by_time() { self.keys.len() } else { 0 }];
        let mut seen = vec![false; self.keys.len()];
        for (field, value) in of_series(fields) {
            let (field, number, set_at) = parsed(family, field, value)?;
            let Some(&place) = self.places.get(field.series) else { return Ok(None) };
            seen[place] = true;
            if let Some(time) = times.get_mut(place) {
                *time = set_at;
            }
            let part = &mut parts[place * width + field.part];
            *part = if *part == Number::Int(0) { number } else { *part + number };
        }
        Ok(seen.iter().all(|seen| *seen).then_some((parts, times)))
    }

    fn learn(&mut self, family: &FamilyKey, fields: &Fields) -> Result<(), Bad> {
        (self.places, self.keys) = (HashMap::default(), Arc::default());
        let mut keys = HashMap::new();
        for (field, value) in of_series(fields) {
            let (parsed, ..) = parsed(family, field, value)?;
            if !keys.contains_key(parsed.series) {
                let why = "has other labels than the family";
                let key = series_key(family, parsed.series).ok_or_else(|| Bad::new(field, why))?;
                keys.insert(parsed.series, key);
            }
        }
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.sort_by(|(_, one), (_, other)| one.compare(other, family));
        if let Some(pair) = keys.windows(2).find(|pair| pair[0].1 == pair[1].1) {
            return Err(Bad::new(pair[1].0, "says in other words what another field says"));
        }
        self.places = keys.iter().enumerate().map(|(place, (text, _))| ((*text).into(), place)).collect();
        self.keys = keys.into_iter().map(|(_, key)| key).collect();
        Ok(())
    }
}

/// All fields but the one that says what the hash is.
fn of_series(fields: &Fields) -> impl Iterator<Item = &(Vec<u8>, Vec<u8>)> {
    fields.iter().filter(|(field, _)| field != schema::SELF.as_bytes())
}

/// The series of a field, its number, and when that was set where it says so.
fn parsed<'a>(family: &FamilyKey, name: &'a [u8], value: &[u8]) -> Result<(schema::Field<'a>, Number, u64), Bad> {
    let field = schema::parse_field(family, name).ok_or_else(|| Bad::new(name, "is none of such a family"))?;
    if family.aggregation() == Aggregation::MostRecent {
        let latest = str::from_utf8(value).ok().and_then(schema::parse_value);
        let (latest, set_at) = latest.ok_or_else(|| Bad::value(name, value, "number and stamp"))?;
        return Ok((field, Number::Float(latest), set_at));
    }
    let number = schema::parse_number(value, field.is_fraction);
    Ok((field, number.ok_or_else(|| Bad::value(name, value, "number of this kind"))?, 0))
}

fn series_key(family: &FamilyKey, text: &[u8]) -> Option<SeriesKey> {
    let values = values(text)?;
    let values: Vec<_> = values.iter().map(String::as_str).collect();
    (values.len() == family.descriptor().label_names().len()).then(|| SeriesKey::new(family, &values))
}

/// The texts of a JSON array.
fn values(text: &[u8]) -> Option<Vec<String>> {
    let serde_json::Value::Array(values) = serde_json::from_slice(text).ok()? else { return None };
    let text = |value| match value {
        serde_json::Value::String(text) => Some(text),
        _ => None,
    };
    values.into_iter().map(text).collect()
}

/// A family of which each living process has numbers of its own.
pub(crate) struct Live {
    family: Arc<FamilyKey>,
    /// The aggregates of the values of all processes, by label values.
    series: HashMap<Vec<String>, GaugeAggregate>,
    /// Where each process shows for itself: the label values, its own, and the number.
    apart: Vec<(Vec<String>, Arc<str>, f64)>,
}

/// The label that tells processes apart.
const PID: &str = "pid";

impl Live {
    pub(crate) fn new(family: Arc<FamilyKey>) -> Self {
        Self { family, series: HashMap::new(), apart: Vec::new() }
    }

    /// Adds the value of one process, which has that label.
    fn add(&mut self, values: Vec<String>, process: &Arc<str>, value: f64, set_at: u64) {
        if values.len() != self.family.descriptor().label_names().len() {
            return;
        }
        let aggregation = self.family.aggregation();
        if aggregation == Aggregation::PerProcess {
            self.apart.push((values, Arc::clone(process), value));
        } else {
            self.series.entry(values).or_insert_with(|| GaugeAggregate::new(aggregation)).add(value, set_at);
        }
    }

    pub(crate) fn finish(self) -> Found {
        if self.family.aggregation() == Aggregation::PerProcess {
            return self.finish_apart();
        }
        let is_info = self.family.descriptor().kind() == Kind::Info;
        let (mut series, mut parts, mut times) = (Vec::new(), Vec::new(), Vec::new());
        for (values, aggregate) in self.series {
            let Some(value) = aggregate.value() else { continue };
            let values: Vec<_> = values.iter().map(String::as_str).collect();
            series.push(SeriesKey::new(&self.family, &values));
            times.push(aggregate.set_at());
            parts.push(if is_info { Number::Int(u64::from(value != 0.0)) } else { Number::Float(value) });
        }
        Found { family: self.family, series: series.into(), parts, times }
    }

    /// With the label of each process.
    fn finish_apart(self) -> Found {
        let descriptor = self.family.descriptor().clone().with_labels([PID]);
        let Ok(descriptor) = descriptor else {
            return Found { family: self.family, series: Arc::default(), parts: Vec::new(), times: Vec::new() };
        };
        let place = descriptor.label_names().position(|name| name == PID).unwrap_or_default();
        let family = Arc::new(FamilyKey::new(self.family.scope(), descriptor));
        let (mut series, mut parts) = (Vec::new(), Vec::new());
        for (values, process, value) in &self.apart {
            let mut values: Vec<_> = values.iter().map(String::as_str).collect();
            values.insert(place, process);
            series.push(SeriesKey::new(&family, &values));
            parts.push(Number::Float(*value));
        }
        Found { family, series: series.into(), parts, times: Vec::new() }
    }
}

/// The label of a process, of which Redis has the number: always with the beginning of its writer, as processes of other
/// machines and containers may have the same number.
pub(crate) fn process_label(pid: &str, writer: &str) -> String {
    backends::custom::process_label(pid.parse().unwrap_or_default(), Some(writer))
}

/// Takes what is one writer's own.
pub(crate) fn writer(writer: &str, fields: &Fields, live: &mut HashMap<&str, Live>) -> Result<(), Bad> {
    let pid = fields.iter().find(|(field, _)| field == schema::SELF.as_bytes());
    let pid = pid.map_or_else(Cow::default, |(_, pid)| String::from_utf8_lossy(pid));
    let process = process_label(&pid, writer).into();
    for (field, value) in of_series(fields) {
        let values = values(field).ok_or_else(|| Bad::new(field, "is no list of a family and label values"))?;
        let mut values = values.into_iter();
        let id = values.next().unwrap_or_default();
        // Of another registry.
        let Some(live) = live.get_mut(id.as_str()) else { continue };
        let latest = str::from_utf8(value).ok().and_then(schema::parse_value);
        let (number, stamp) = latest.ok_or_else(|| Bad::value(field, value, "number and stamp"))?;
        let values: Vec<_> = values.collect();
        if values.len() != live.family.descriptor().label_names().len() {
            return Err(Bad::new(field, "has other labels than the family"));
        }
        live.add(values, &process, number, stamp);
    }
    Ok(())
}
