//! Keys become totals.

use std::collections::HashMap;
use std::sync::Arc;

use redis::{FromRedisValue as _, Value};

use super::{Code, Python, mistaken, names};
use crate::backends::custom::{FamilyKey, SeriesKey, Totals};
use crate::backends::redis::client::error::{RedisFault, Sort};
use crate::backends::redis::context::Common;
use crate::backends::redis::read::scrape::pairs;
use crate::backends::redis::schema;
use crate::model::descriptor::Kind;
use crate::model::number::Number;

/// Puts in all families that this process has: Redis does not say what others are.
pub(crate) fn load(python: &Python, common: &Common, totals: &mut Totals<'_>) -> Result<(), RedisFault> {
    let families = totals.families().filter(|family| names::has(family)).map(Arc::clone);
    let families: Vec<_> = families.map(|family| (names::keys(&family), family)).collect();
    let names = families.iter().flat_map(|(keys, _)| keys).map(|key| key.name.as_bytes().to_vec());
    let mut rest: Vec<_> = names.collect();
    let keys = rest.len();
    rest.push(common.settings.expiry.as_secs().max(1).to_string().into_bytes());
    let (deadline, Code(script, text)) = (totals.deadline().unwrap_or_else(|| common.deadline()), &python.read);
    let answer = common.pool.with(&[0], deadline, |link| link.script(script, text, &rest, keys))?;
    let answers: Vec<(String, Value)> =
        Vec::from_redis_value(answer).map_err(|error| common.pool.fault(Sort::Protocol, error.to_string()))?;
    let mut answers = answers.into_iter();
    for (keys, family) in families {
        let mut found = Found::new(&family, &keys);
        for (place, key) in keys.iter().enumerate() {
            let (kind, value) = answers.next().unwrap_or_default();
            found.take(place, &kind, value).map_err(|(field, value)| {
                common.no_number(&key.name, &String::from_utf8_lossy(&field), &String::from_utf8_lossy(&value))
            })?;
        }
        if let Some(order) = &found.order {
            python.learn(&schema::scoped_name(&family), &family, order);
        }
        let (series, numbers) = found.finish();
        totals.provide(family, series, numbers);
    }
    Ok(())
}

/// What there is of a family, key by key.
struct Found<'a> {
    family: &'a FamilyKey,
    keys: &'a [names::Key],
    /// The place of each field; of one that has other labels, none.
    places: HashMap<Vec<u8>, Option<usize>>,
    known: HashMap<SeriesKey, usize>,
    series: Vec<SeriesKey>,
    numbers: Vec<Number>,
    /// In which labels stand, of any of them.
    order: Option<Vec<usize>>,
}

impl<'a> Found<'a> {
    fn new(family: &'a FamilyKey, keys: &'a [names::Key]) -> Self {
        let mut found = Self {
            family,
            keys,
            places: HashMap::new(),
            known: HashMap::new(),
            series: Vec::new(),
            numbers: Vec::new(),
            order: None,
        };
        // As in Python, one without labels shows at zero although it may have expired.
        if !found.has_labels() && family.aggregation().starts_at_zero() {
            found.place(SeriesKey::new(family, &[]));
        }
        found
    }

    fn has_labels(&self) -> bool {
        self.family.descriptor().label_names().len() > 0
    }

    fn place(&mut self, series: SeriesKey) -> usize {
        if let Some(place) = self.known.get(&series) {
            return *place;
        }
        let place = self.series.len();
        self.numbers.resize((place + 1) * self.keys.len(), Number::Int(0));
        self.series.push(series.clone());
        self.known.insert(series, place);
        place
    }

    /// Takes what one key holds; gives a field that has no number, and what it has: left out, the total would be less.
    fn take(&mut self, at: usize, kind: &str, value: Value) -> Result<(), (Vec<u8>, Vec<u8>)> {
        let key = &self.keys[at].name;
        match (kind, self.has_labels()) {
            ("none", _) => {}
            ("string", false) => {
                let text: Vec<u8> = Vec::from_redis_value(value).unwrap_or_default();
                let place = self.place(SeriesKey::new(self.family, &[]));
                return self.add(place, at, &text).ok_or((Vec::new(), text));
            }
            ("hash", true) => {
                for (field, value) in pairs(value) {
                    let place = match self.places.get(&field) {
                        Some(known) => *known,
                        None => self.read(key, &field),
                    };
                    if let Some(place) = place {
                        self.add(place, at, &value).ok_or((field, value))?;
                    }
                }
            }
            _ => mistaken(key),
        }
        Ok(())
    }

    fn read(&mut self, key: &str, field: &[u8]) -> Option<usize> {
        let place = names::parse(self.family, field).map(|(series, order)| {
            // An unusual one shows what Python does.
            if self.order.is_none() || order != names::usual(self.family) {
                self.order = Some(order);
            }
            self.place(series)
        });
        if place.is_none() {
            mistaken(key);
        }
        self.places.insert(field.to_vec(), place);
        place
    }

    /// Adds a number; `None` where it is none.
    fn add(&mut self, place: usize, at: usize, text: &[u8]) -> Option<()> {
        let text = str::from_utf8(text).ok()?;
        let number = text.parse().map(Number::Int).or_else(|_| text.parse().map(Number::Float)).ok()?;
        let known = &mut self.numbers[place * self.keys.len() + at];
        *known = if *known == Number::Int(0) { number } else { *known + number };
        Some(())
    }

    /// The series, and their parts as they are counted here.
    fn finish(self) -> (Vec<SeriesKey>, Vec<Number>) {
        if self.family.descriptor().kind() != Kind::Histogram {
            return (self.series, self.numbers);
        }
        let mut parts = Vec::with_capacity(self.numbers.len());
        for numbers in self.numbers.chunks_exact(self.keys.len()) {
            let [buckets @ .., _, sum] = numbers else { continue };
            // Of two keys for one bucket, this crate has added to both.
            let upto = buckets.iter().zip(self.keys).fold(Vec::new(), |mut upto: Vec<u64>, (number, key)| {
                upto.resize(key.part + 1, 0);
                upto[key.part] = upto[key.part].max(count(*number));
                upto
            });
            let mut before = 0;
            for upto in upto {
                let upto = upto.max(before);
                parts.push(Number::Int(upto - before));
                before = upto;
            }
            parts.push(*sum);
        }
        (self.series, parts)
    }
}

/// A count, which `Python` keeps as any number.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "none is less than zero, or has a fraction")]
fn count(number: Number) -> u64 {
    match number {
        Number::Int(count) => count,
        Number::Float(count) => count.round() as u64,
    }
}
