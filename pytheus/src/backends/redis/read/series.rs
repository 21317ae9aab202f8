//! Fields of hashes become series.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::backends::custom::{self, Aggregation, FamilyKey, GaugeAggregate, SeriesKey};
use crate::backends::redis::schema;
use crate::model::descriptor::Kind;
use crate::model::number::Number;

/// The series of a declaration, as read.
pub(crate) struct ReadFamily {
    pub(crate) family: Arc<FamilyKey>,
    pub(crate) series: Arc<[SeriesKey]>,
    /// The parts of each series, one after the other.
    pub(crate) parts: Vec<Number>,
    /// When each value was set, for families aggregated by time.
    pub(crate) times: Vec<u64>,
}

/// The fields and values of a hash.
pub(crate) type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// A field that can't be read, and the reason. Without it, a total would be too small.
pub(crate) struct BadField {
    pub(crate) field: Vec<u8>,
    pub(crate) why: String,
}

impl BadField {
    pub(crate) fn new(field: &[u8], why: impl Into<String>) -> Self {
        Self { field: field.to_vec(), why: why.into() }
    }

    /// Reports a value of another kind.
    pub(crate) fn value(field: &[u8], value: &[u8], expected: &str) -> Self {
        let shown: String = String::from_utf8_lossy(value).chars().take(60).collect();
        Self::new(field, format!("has `{shown}`, which is no {expected}"))
    }
}

/// The series of a family at its last scrape.
#[derive(Default)]
pub(crate) struct SeriesIndex {
    /// By their encoded label values.
    indexes: HashMap<Box<[u8]>, usize, foldhash::fast::RandomState>,
    /// In the order of their labels.
    keys: Arc<[SeriesKey]>,
}

/// The parts of each series, and when each value was set, for families aggregated by time.
type SeriesNumbers = (Vec<Number>, Vec<u64>);

impl SeriesIndex {
    /// Reads the hash of a family.
    pub(crate) fn read(
        &mut self,
        family: &FamilyKey,
        fields: &Fields,
    ) -> Result<(Arc<[SeriesKey]>, SeriesNumbers), BadField> {
        let mut parts = self.parts(family, fields)?;
        if parts.is_none() {
            self.learn(family, fields)?;
            parts = self.parts(family, fields)?;
        }
        Ok((Arc::clone(&self.keys), parts.unwrap_or_default()))
    }

    /// Reads the numbers of known series; `None` if there are others.
    fn parts(&self, family: &FamilyKey, fields: &Fields) -> Result<Option<SeriesNumbers>, BadField> {
        let width = family.part_count();
        let mut parts = vec![Number::Int(0); self.keys.len() * width];
        let mut times = vec![0; if family.aggregation().is_by_time() { self.keys.len() } else { 0 }];
        let mut seen = vec![false; self.keys.len()];
        for (field, value) in of_series(fields) {
            let (field, number, set_at) = parsed(family, field, value)?;
            let Some(&index) = self.indexes.get(field.series) else { return Ok(None) };
            seen[index] = true;
            if let Some(time) = times.get_mut(index) {
                *time = set_at;
            }
            let part = &mut parts[index * width + field.part];
            *part = if *part == Number::Int(0) { number } else { *part + number };
        }
        Ok(seen.iter().all(|seen| *seen).then_some((parts, times)))
    }

    /// Reads which series there are.
    fn learn(&mut self, family: &FamilyKey, fields: &Fields) -> Result<(), BadField> {
        (self.indexes, self.keys) = (HashMap::default(), Arc::default());
        let mut keys = HashMap::new();
        for (field, value) in of_series(fields) {
            let (parsed, ..) = parsed(family, field, value)?;
            if !keys.contains_key(parsed.series) {
                let why = "has other labels than the family";
                let key = series_key(family, parsed.series).ok_or_else(|| BadField::new(field, why))?;
                keys.insert(parsed.series, key);
            }
        }
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.sort_by(|(_, one), (_, other)| one.compare(other, family));
        if let Some(pair) = keys.windows(2).find(|pair| pair[0].1 == pair[1].1) {
            return Err(BadField::new(pair[1].0, "encodes the labels of another field in another way"));
        }
        self.indexes = keys.iter().enumerate().map(|(index, (text, _))| ((*text).into(), index)).collect();
        self.keys = keys.into_iter().map(|(_, key)| key).collect();
        Ok(())
    }
}

/// Returns all fields but the hash's own properties.
fn of_series(fields: &Fields) -> impl Iterator<Item = &(Vec<u8>, Vec<u8>)> {
    fields.iter().filter(|(field, _)| field != schema::SELF.as_bytes())
}

/// Parses a field: its series, its number, and when that was set.
fn parsed<'a>(
    family: &FamilyKey,
    name: &'a [u8],
    value: &[u8],
) -> Result<(schema::ParsedField<'a>, Number, u64), BadField> {
    let field = schema::parse_field(family, name).ok_or_else(|| BadField::new(name, "is none of such a family"))?;
    if family.aggregation() == Aggregation::MostRecent {
        let latest = str::from_utf8(value).ok().and_then(schema::parse_value);
        let (latest, set_at) = latest.ok_or_else(|| BadField::value(name, value, "number and time"))?;
        return Ok((field, Number::Float(latest), set_at));
    }
    let number = schema::parse_number(value, field.is_fraction);
    Ok((field, number.ok_or_else(|| BadField::value(name, value, "number of this kind"))?, 0))
}

fn series_key(family: &FamilyKey, text: &[u8]) -> Option<SeriesKey> {
    let values = values(text)?;
    let values: Vec<_> = values.iter().map(String::as_str).collect();
    (values.len() == family.descriptor().label_names().len()).then(|| SeriesKey::new(family, &values))
}

/// Parses a JSON array of texts.
fn values(text: &[u8]) -> Option<Vec<String>> {
    serde_json::from_slice(text).ok()
}

/// A family with a value per living process.
pub(crate) struct LiveSeries {
    family: Arc<FamilyKey>,
    /// By label values, aggregated over all processes.
    series: HashMap<Vec<String>, GaugeAggregate>,
    /// Series per process: the label values, the process' label, and the value.
    per_process: Vec<(Vec<String>, Arc<str>, f64)>,
}

/// The label of the process.
const PID: &str = "pid";

impl LiveSeries {
    pub(crate) fn new(family: Arc<FamilyKey>) -> Self {
        Self { family, series: HashMap::new(), per_process: Vec::new() }
    }

    /// Adds the value of a process.
    fn add(&mut self, values: Vec<String>, process: &Arc<str>, value: f64, set_at: u64) {
        let aggregation = self.family.aggregation();
        if aggregation == Aggregation::PerProcess {
            self.per_process.push((values, Arc::clone(process), value));
        } else {
            self.series.entry(values).or_insert_with(|| GaugeAggregate::new(aggregation)).add(value, set_at);
        }
    }

    pub(crate) fn finish(self) -> ReadFamily {
        if self.family.aggregation() == Aggregation::PerProcess {
            return self.finish_per_process();
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
        ReadFamily { family: self.family, series: series.into(), parts, times }
    }

    /// Returns a series per process, with its label.
    fn finish_per_process(self) -> ReadFamily {
        let descriptor = self.family.descriptor().clone().with_labels([PID]);
        let Ok(descriptor) = descriptor else {
            return ReadFamily { family: self.family, series: Arc::default(), parts: Vec::new(), times: Vec::new() };
        };
        let index = descriptor.label_names().position(|name| name == PID).unwrap_or_default();
        let family = Arc::new(FamilyKey::new(self.family.scope(), descriptor));
        let (mut series, mut parts) = (Vec::new(), Vec::new());
        for (values, process, value) in &self.per_process {
            let mut values: Vec<_> = values.iter().map(String::as_str).collect();
            values.insert(index, process);
            series.push(SeriesKey::new(&family, &values));
            parts.push(Number::Float(*value));
        }
        ReadFamily { family, series: series.into(), parts, times: Vec::new() }
    }
}

/// Adds the live values of a writer.
pub(crate) fn add_writer(writer: &str, fields: &Fields, live: &mut HashMap<&str, LiveSeries>) -> Result<(), BadField> {
    let pid = fields.iter().find(|(field, _)| field == schema::SELF.as_bytes());
    let pid = pid.map_or_else(Cow::default, |(_, pid)| String::from_utf8_lossy(pid));
    // With the beginning of the writer's name: process ids repeat across machines.
    let process = custom::process_label(pid.parse().unwrap_or_default(), Some(writer)).into();
    for (field, value) in of_series(fields) {
        let values = values(field).ok_or_else(|| BadField::new(field, "is no list of a family and label values"))?;
        let mut values = values.into_iter();
        let id = values.next().unwrap_or_default();
        // A family of another registry.
        let Some(live) = live.get_mut(id.as_str()) else { continue };
        let latest = str::from_utf8(value).ok().and_then(schema::parse_value);
        let (number, stamp) = latest.ok_or_else(|| BadField::value(field, value, "number and time"))?;
        let values: Vec<_> = values.collect();
        if values.len() != live.family.descriptor().label_names().len() {
            return Err(BadField::new(field, "has other labels than the family"));
        }
        live.add(values, &process, number, stamp);
    }
    Ok(())
}
