//! Python's keys become totals.

use std::collections::HashMap;
use std::sync::Arc;

use redis::{FromRedisValue as _, Value};

use crate::backends::custom::{FamilyKey, SeriesKey, Totals};
use crate::backends::redis::client::connection::Session;
use crate::backends::redis::client::error::{FaultKind, RedisFault};
use crate::backends::redis::python::client::{PythonClient, report_mismatch};
use crate::backends::redis::python::names::{self, PythonKey};
use crate::backends::redis::read::series::Fields;
use crate::model::descriptor::Kind;
use crate::model::number::Number;

/// Reads all families of this process: Redis knows no declarations of others.
pub(crate) fn load(client: &PythonClient, totals: &mut Totals<'_>) -> Result<(), RedisFault> {
    let context = &client.context;
    let families = totals.families().filter(|family| names::has(family)).map(Arc::clone);
    let families: Vec<_> = families.map(|family| (names::keys(&family), family)).collect();
    let names = families.iter().flat_map(|(keys, _)| keys).map(|key| key.name.clone());
    let mut rest: Vec<_> = names.collect();
    let keys = rest.len();
    rest.push(context.config.retention.as_secs().max(1).to_string());
    let deadline = totals.deadline().unwrap_or_else(|| context.deadline());
    let run = |session: &mut Session<'_>| session.run_script(&client.read, &rest, keys);
    let reply = context.pool.with_connection(&[0], deadline, run)?;
    let replies: Vec<(String, Value)> =
        Vec::from_redis_value(reply).map_err(|error| context.pool.fault(FaultKind::Protocol, error.to_string()))?;
    let mut replies = replies.into_iter();
    for (keys, family) in families {
        let mut reader = KeyReader::new(&family, &keys);
        for (index, key) in keys.iter().enumerate() {
            let (kind, value) = replies.next().unwrap_or_default();
            reader.read_key(index, &kind, value).map_err(|(field, value)| {
                context.not_a_number(&key.name, &String::from_utf8_lossy(&field), &String::from_utf8_lossy(&value))
            })?;
        }
        if let Some(order) = &reader.order {
            client.learn_order(&names::scoped_name(&family), &family, order);
        }
        let (series, numbers) = reader.finish();
        totals.provide(family, series, numbers);
    }
    Ok(())
}

/// Collects a family, key by key.
struct KeyReader<'a> {
    family: &'a FamilyKey,
    keys: &'a [PythonKey],
    /// The series of each field; none for a field with other labels.
    indexes: HashMap<Vec<u8>, Option<usize>>,
    known: HashMap<SeriesKey, usize>,
    series: Vec<SeriesKey>,
    numbers: Vec<Number>,
    /// The order in which Python has the labels.
    order: Option<Vec<usize>>,
}

impl<'a> KeyReader<'a> {
    fn new(family: &'a FamilyKey, keys: &'a [PythonKey]) -> Self {
        let mut reader = Self {
            family,
            keys,
            indexes: HashMap::new(),
            known: HashMap::new(),
            series: Vec::new(),
            numbers: Vec::new(),
            order: None,
        };
        // As in Python, a family without labels shows at zero after its keys have expired.
        if !reader.has_labels() && family.aggregation().starts_at_zero() {
            reader.index_of(SeriesKey::new(family, &[]));
        }
        reader
    }

    fn has_labels(&self) -> bool {
        self.family.descriptor().label_names().len() > 0
    }

    fn index_of(&mut self, series: SeriesKey) -> usize {
        if let Some(index) = self.known.get(&series) {
            return *index;
        }
        let index = self.series.len();
        self.numbers.resize((index + 1) * self.keys.len(), Number::Int(0));
        self.series.push(series.clone());
        self.known.insert(series, index);
        index
    }

    /// Reads a key; fails with a field and its value if that is no number: without it, the total would be too small.
    fn read_key(&mut self, at: usize, kind: &str, value: Value) -> Result<(), (Vec<u8>, Vec<u8>)> {
        let key = &self.keys[at].name;
        match (kind, self.has_labels()) {
            ("none", _) => {}
            ("string", false) => {
                let text: Vec<u8> = Vec::from_redis_value(value).unwrap_or_default();
                let index = self.index_of(SeriesKey::new(self.family, &[]));
                return self.add(index, at, &text).ok_or((Vec::new(), text));
            }
            ("hash", true) => {
                for (field, value) in Fields::from_redis_value(value).unwrap_or_default() {
                    let index = match self.indexes.get(&field) {
                        Some(known) => *known,
                        None => self.parse_field(key, &field),
                    };
                    if let Some(index) = index {
                        self.add(index, at, &value).ok_or((field, value))?;
                    }
                }
            }
            _ => report_mismatch(key),
        }
        Ok(())
    }

    fn parse_field(&mut self, key: &str, field: &[u8]) -> Option<usize> {
        let index = names::parse(self.family, field).map(|(series, order)| {
            // An order other than the default is Python's.
            if self.order.is_none() || order != names::default_order(self.family) {
                self.order = Some(order);
            }
            self.index_of(series)
        });
        if index.is_none() {
            report_mismatch(key);
        }
        self.indexes.insert(field.to_vec(), index);
        index
    }

    /// Adds a number; `None` for any other text.
    fn add(&mut self, index: usize, at: usize, text: &[u8]) -> Option<()> {
        let text = str::from_utf8(text).ok()?;
        let number = text.parse().map(Number::Int).or_else(|_| text.parse().map(Number::Float)).ok()?;
        let known = &mut self.numbers[index * self.keys.len() + at];
        *known = if *known == Number::Int(0) { number } else { *known + number };
        Some(())
    }

    /// Returns the series, and their parts as this crate has them.
    fn finish(self) -> (Vec<SeriesKey>, Vec<Number>) {
        if self.family.descriptor().kind() != Kind::Histogram {
            return (self.series, self.numbers);
        }
        let mut parts = Vec::with_capacity(self.numbers.len());
        for numbers in self.numbers.chunks_exact(self.keys.len()) {
            let [buckets @ .., _, sum] = numbers else { continue };
            // Two keys of one bucket: this crate adds to both.
            let cumulative =
                buckets.iter().zip(self.keys).fold(Vec::new(), |mut cumulative: Vec<u64>, (number, key)| {
                    cumulative.resize(key.part + 1, 0);
                    cumulative[key.part] = cumulative[key.part].max(count(*number));
                    cumulative
                });
            let mut before = 0;
            for count in cumulative {
                let count = count.max(before);
                parts.push(Number::Int(count - before));
                before = count;
            }
            parts.push(*sum);
        }
        (self.series, parts)
    }
}

/// Rounds a count, which Python keeps as any number.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "none is less than zero, or has a fraction")]
fn count(number: Number) -> u64 {
    match number {
        Number::Int(count) => count,
        Number::Float(count) => count.round() as u64,
    }
}
