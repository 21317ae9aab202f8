//! Fields become series.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::layout;
use super::scrape::{Fields, Found};
use crate::backends::{self, Aggregate, Combine, FamilyKey, SeriesKey};
use crate::descriptor::Kind;
use crate::number::Number;

/// The series of a family, as they were when it was read last: most of the time they are the same.
#[derive(Default)]
pub(super) struct Series {
    /// By their texts.
    places: HashMap<Box<[u8]>, usize, foldhash::fast::RandomState>,
    /// In order.
    keys: Arc<[SeriesKey]>,
}

impl Series {
    /// The series in the hash of a family, and the parts of each. What is no field of it is left out.
    pub(super) fn read(&mut self, family: &FamilyKey, fields: &Fields) -> (Arc<[SeriesKey]>, Vec<Number>) {
        let parts = self.parts(family, fields).or_else(|| {
            self.learn(family, fields);
            self.parts(family, fields)
        });
        (Arc::clone(&self.keys), parts.unwrap_or_else(|| vec![Number::Int(0); self.keys.len() * family.width()]))
    }

    /// The parts, when the series are those that are known.
    fn parts(&self, family: &FamilyKey, fields: &Fields) -> Option<Vec<Number>> {
        let width = family.width();
        let mut parts = vec![Number::Int(0); self.keys.len() * width];
        let mut seen = vec![false; self.keys.len()];
        for (field, number) in fields.iter().filter_map(|(field, value)| parsed(family, field, value)) {
            let place = *self.places.get(field.series)?;
            // Its labels can't be read.
            let Some(seen) = seen.get_mut(place) else { continue };
            *seen = true;
            let part = &mut parts[place * width + field.part];
            *part = if *part == Number::Int(0) { number } else { *part + number };
        }
        seen.iter().all(|seen| *seen).then_some(parts)
    }

    fn learn(&mut self, family: &FamilyKey, fields: &Fields) {
        let fields = fields.iter().filter_map(|(field, value)| parsed(family, field, value));
        self.places = fields.map(|(field, _)| (field.series.into(), usize::MAX)).collect();
        let keys = self.places.iter_mut().filter_map(|(text, place)| Some((series_key(family, text)?, place)));
        let mut keys: Vec<_> = keys.collect();
        keys.sort_by(|(one, _), (other, _)| one.compare(other, family));
        for (number, (_, place)) in keys.iter_mut().enumerate() {
            **place = number;
        }
        self.keys = keys.into_iter().map(|(key, _)| key).collect();
    }
}

fn parsed<'a>(family: &FamilyKey, field: &'a [u8], value: &[u8]) -> Option<(layout::Field<'a>, Number)> {
    let field = layout::parse_field(family, field)?;
    if family.combine() == Combine::MostRecent {
        let (value, _) = layout::parse_value(str::from_utf8(value).ok()?)?;
        return Some((field, Number::Float(value)));
    }
    let number = layout::parse_number(value, field.is_fraction)?;
    Some((field, number))
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
pub(super) struct Live {
    family: Arc<FamilyKey>,
    /// What the values of all processes come to, by label values.
    series: HashMap<Vec<String>, Aggregate>,
    /// Where each process shows for itself: the label values, its own, and the number.
    apart: Vec<(Vec<String>, Arc<str>, f64)>,
}

/// The label that tells processes apart.
const PID: &str = "pid";

impl Live {
    pub(super) fn new(family: Arc<FamilyKey>) -> Self {
        Self { family, series: HashMap::new(), apart: Vec::new() }
    }

    /// Adds the value of one process, which has that label.
    fn add(&mut self, values: Vec<String>, process: &Arc<str>, value: f64, set_at: u64) {
        if values.len() != self.family.descriptor().label_names().len() {
            return;
        }
        let combine = self.family.combine();
        if combine == Combine::PerProcess {
            self.apart.push((values, Arc::clone(process), value));
        } else {
            self.series.entry(values).or_insert_with(|| Aggregate::new(combine)).add(value, set_at);
        }
    }

    pub(super) fn finish(self) -> Found {
        if self.family.combine() == Combine::PerProcess {
            return self.finish_apart();
        }
        let is_info = self.family.descriptor().kind() == Kind::Info;
        let (mut series, mut parts) = (Vec::new(), Vec::new());
        for (values, aggregate) in self.series {
            let Some(value) = aggregate.value() else { continue };
            let values: Vec<_> = values.iter().map(String::as_str).collect();
            series.push(SeriesKey::new(&self.family, &values));
            parts.push(if is_info { Number::Int(u64::from(value != 0.0)) } else { Number::Float(value) });
        }
        (self.family, series.into(), parts)
    }

    /// With the label of each process.
    fn finish_apart(self) -> Found {
        let descriptor = self.family.descriptor().clone().with_labels([PID]);
        let Ok(descriptor) = descriptor else { return (self.family, Arc::default(), Vec::new()) };
        let place = descriptor.label_names().position(|name| name == PID).unwrap_or_default();
        let family = Arc::new(FamilyKey::new(self.family.scope(), descriptor));
        let (mut series, mut parts) = (Vec::new(), Vec::new());
        for (values, process, value) in &self.apart {
            let mut values: Vec<_> = values.iter().map(String::as_str).collect();
            values.insert(place, process);
            series.push(SeriesKey::new(&family, &values));
            parts.push(Number::Float(*value));
        }
        (family, series.into(), parts)
    }
}

/// The label of a process, of which Redis has the number: always with the beginning of its writer, as processes of other
/// machines and containers may have the same number.
pub(super) fn process_label(pid: &str, writer: &str) -> String {
    backends::process_label(pid.parse().unwrap_or_default(), Some(writer))
}

/// Takes what is one writer's own.
pub(super) fn writer(writer: &str, fields: &Fields, live: &mut HashMap<String, Live>) {
    let pid = fields.iter().find(|(field, _)| field == layout::SELF.as_bytes());
    let pid = pid.map_or_else(Cow::default, |(_, pid)| String::from_utf8_lossy(pid));
    let process = process_label(&pid, writer).into();
    for (field, value) in fields {
        let Some(values) = values(field) else { continue };
        let mut values = values.into_iter();
        let Some(live) = values.next().and_then(|id| live.get_mut(&id)) else { continue };
        let value = str::from_utf8(value).ok().and_then(layout::parse_value);
        if let Some((value, set_at)) = value {
            live.add(values.collect(), &process, value, set_at);
        }
    }
}
