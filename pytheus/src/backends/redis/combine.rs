//! Fields become series.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::layout;
use super::scrape::{Fields, Found};
use crate::backends::{Combine, FamilyKey, SeriesKey};
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
    /// The number, and when it was set, by label values.
    series: HashMap<Vec<String>, (Number, u64)>,
    /// Where each process shows for itself.
    apart: Vec<(Vec<String>, Process, Number)>,
}

/// A living process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Process {
    /// Its number, which another one may have on another machine.
    pid: Arc<str>,
    writer: Arc<str>,
}

/// The label that tells processes apart.
const PID: &str = "pid";

impl Live {
    pub(super) fn new(family: Arc<FamilyKey>) -> Self {
        Self { family, series: HashMap::new(), apart: Vec::new() }
    }

    fn add(&mut self, values: Vec<String>, process: &Process, number: Number, stamp: u64) {
        if values.len() != self.family.descriptor().label_names().len() {
            return;
        }
        let combine = self.family.combine();
        if combine == Combine::PerProcess {
            self.apart.push((values, process.clone(), number));
            return;
        }
        let known = match self.series.entry(values) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(none) => {
                none.insert((number, stamp));
                return;
            }
        };
        let (one, other) = (known.0.as_f64(), number.as_f64());
        let takes = match combine {
            Combine::LiveSum => {
                known.0 = known.0 + number;
                return;
            }
            Combine::LiveMin => other < one || one.is_nan(),
            Combine::LiveMax => other > one || one.is_nan(),
            _ => stamp > known.1,
        };
        if takes {
            *known = (number, stamp);
        }
    }

    pub(super) fn finish(self) -> Found {
        if self.family.combine() == Combine::PerProcess {
            return self.finish_apart();
        }
        let (mut series, mut parts) = (Vec::new(), Vec::new());
        for (values, (number, _)) in self.series {
            let values: Vec<_> = values.iter().map(String::as_str).collect();
            series.push(SeriesKey::new(&self.family, &values));
            parts.push(number);
        }
        (self.family, series.into(), parts)
    }

    /// With the number of each process as a label; where several have the same, which is so in containers, with the
    /// beginning of the writer, too.
    fn finish_apart(self) -> Found {
        let descriptor = self.family.descriptor().clone().with_labels([PID]);
        let Ok(descriptor) = descriptor else { return (self.family, Arc::default(), Vec::new()) };
        let place = descriptor.label_names().position(|name| name == PID).unwrap_or_default();
        let family = Arc::new(FamilyKey::new(self.family.scope(), descriptor));
        let mut writers: HashMap<&str, HashSet<&str>> = HashMap::new();
        for (_, process, _) in &self.apart {
            writers.entry(&process.pid).or_default().insert(&process.writer);
        }
        let (mut series, mut parts) = (Vec::new(), Vec::new());
        for (values, Process { pid, writer }, number) in &self.apart {
            let pid = if writers[&**pid].len() == 1 {
                Cow::Borrowed(&**pid)
            } else {
                Cow::Owned(format!("{pid}-{}", writer.get(..8).unwrap_or(writer)))
            };
            let mut values: Vec<_> = values.iter().map(String::as_str).collect();
            values.insert(place, &pid);
            series.push(SeriesKey::new(&family, &values));
            parts.push(*number);
        }
        (family, series.into(), parts)
    }
}

/// Takes what is one writer's own.
pub(super) fn writer(writer: &str, fields: &Fields, live: &mut HashMap<String, Live>) {
    let pid = fields.iter().find(|(field, _)| field == layout::SELF.as_bytes());
    let pid = pid.map_or_else(Arc::default, |(_, pid)| String::from_utf8_lossy(pid).into());
    let process = Process { pid, writer: writer.into() };
    for (field, value) in fields {
        let Some(values) = values(field) else { continue };
        let mut values = values.into_iter();
        let Some(live) = values.next().and_then(|id| live.get_mut(&id)) else { continue };
        let Some((number, stamp)) = str::from_utf8(value).ok().and_then(|value| value.split_once(' ')) else {
            continue;
        };
        let number = match number.parse() {
            Ok(whole) => Some(Number::Int(whole)),
            Err(_) => number.parse().ok().map(Number::Float),
        };
        if let (Some(number), Ok(stamp)) = (number, stamp.parse()) {
            live.add(values.collect(), &process, number, stamp);
        }
    }
}
