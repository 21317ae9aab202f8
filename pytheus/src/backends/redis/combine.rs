//! Fields become series.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::layout;
use super::scrape::{Fields, Found};
use crate::backends::{Combine, FamilyKey, SeriesKey};
use crate::number::Number;

/// A field that can't be read, and why. Left out, it would make a total smaller than it is.
pub(super) struct Bad {
    pub(super) field: Vec<u8>,
    pub(super) why: String,
}

impl Bad {
    pub(super) fn new(field: &[u8], why: impl Into<String>) -> Self {
        Self { field: field.to_vec(), why: why.into() }
    }

    /// A field whose value should be something else.
    pub(super) fn value(field: &[u8], value: &[u8], expected: &str) -> Self {
        let shown: String = String::from_utf8_lossy(value).chars().take(60).collect();
        Self::new(field, format!("has `{shown}`, which is no {expected}"))
    }
}

/// The series of a family, as they were when it was read last: most of the time they are the same.
#[derive(Default)]
pub(super) struct Series {
    /// By their texts.
    places: HashMap<Box<[u8]>, usize, foldhash::fast::RandomState>,
    /// In order.
    keys: Arc<[SeriesKey]>,
}

impl Series {
    /// The series in the hash of a family, and the parts of each.
    pub(super) fn read(&mut self, family: &FamilyKey, fields: &Fields) -> Result<(Arc<[SeriesKey]>, Vec<Number>), Bad> {
        let mut parts = self.parts(family, fields)?;
        if parts.is_none() {
            self.learn(family, fields)?;
            parts = self.parts(family, fields)?;
        }
        Ok((Arc::clone(&self.keys), parts.unwrap_or_default()))
    }

    /// The parts, when the series are those that are known.
    fn parts(&self, family: &FamilyKey, fields: &Fields) -> Result<Option<Vec<Number>>, Bad> {
        let width = family.width();
        let mut parts = vec![Number::Int(0); self.keys.len() * width];
        let mut seen = vec![false; self.keys.len()];
        for (field, value) in of_series(fields) {
            let (field, number) = parsed(family, field, value)?;
            let Some(&place) = self.places.get(field.series) else { return Ok(None) };
            seen[place] = true;
            let part = &mut parts[place * width + field.part];
            *part = if *part == Number::Int(0) { number } else { *part + number };
        }
        Ok(seen.iter().all(|seen| *seen).then_some(parts))
    }

    fn learn(&mut self, family: &FamilyKey, fields: &Fields) -> Result<(), Bad> {
        (self.places, self.keys) = (HashMap::default(), Arc::default());
        let mut keys = HashMap::new();
        for (field, value) in of_series(fields) {
            let (parsed, _) = parsed(family, field, value)?;
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
    fields.iter().filter(|(field, _)| field != layout::SELF.as_bytes())
}

fn parsed<'a>(family: &FamilyKey, name: &'a [u8], value: &[u8]) -> Result<(layout::Field<'a>, Number), Bad> {
    let field = layout::parse_field(family, name).ok_or_else(|| Bad::new(name, "is none of such a family"))?;
    let number = layout::parse_number(value, field.is_fraction);
    Ok((field, number.ok_or_else(|| Bad::value(name, value, "number of this kind"))?))
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
pub(super) fn writer(writer: &str, fields: &Fields, live: &mut HashMap<&str, Live>) -> Result<(), Bad> {
    let pid = fields.iter().find(|(field, _)| field == layout::SELF.as_bytes());
    let pid = pid.map_or_else(Arc::default, |(_, pid)| String::from_utf8_lossy(pid).into());
    let process = Process { pid, writer: writer.into() };
    for (field, value) in of_series(fields) {
        let values = values(field).ok_or_else(|| Bad::new(field, "is no list of a family and label values"))?;
        let mut values = values.into_iter();
        let id = values.next().unwrap_or_default();
        // Of another registry.
        let Some(live) = live.get_mut(id.as_str()) else { continue };
        let (number, stamp) = parse_live(value).ok_or_else(|| Bad::value(field, value, "number and stamp"))?;
        let values: Vec<_> = values.collect();
        if values.len() != live.family.descriptor().label_names().len() {
            return Err(Bad::new(field, "has other labels than the family"));
        }
        live.add(values, &process, number, stamp);
    }
    Ok(())
}

/// A number, a space, and when it was set.
fn parse_live(value: &[u8]) -> Option<(Number, u64)> {
    let (number, stamp) = str::from_utf8(value).ok()?.split_once(' ')?;
    let number = match number.parse() {
        Ok(whole) => Number::Int(whole),
        Err(_) => Number::Float(number.parse().ok()?),
    };
    Some((number, stamp.parse().ok()?))
}
