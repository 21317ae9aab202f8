//! What was counted becomes increments.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{FromRedisValue as _, Value};

use super::{Code, Python, mistaken, names};
use crate::backends::custom::{Aggregation, Batch, Change, FamilyKey, Removal, SeriesKey, WriterId};
use crate::backends::redis::client::error::{RedisFault, Sort};
use crate::backends::redis::context::Common;
use crate::backends::redis::schema;
use crate::model::descriptor::Kind;
use crate::model::number::Number;
use crate::report;

/// For how long the last number of a writer is known that says nothing.
const KNOWN: Duration = Duration::from_secs(7 * 24 * 3_600);

/// What one writer has told.
#[derive(Default)]
pub(crate) struct Writer {
    id: Option<WriterId>,
    acked: u64,
    /// What was sent, and nothing heard of it.
    in_doubt: Option<u64>,
    /// Where each series is, of families whose labels may stand in several orders.
    fields: HashMap<String, HashMap<SeriesKey, Arc<str>>>,
    /// What gauges of the living have from this process.
    living: HashMap<String, (Arc<FamilyKey>, HashMap<SeriesKey, Number>)>,
    /// When the server gave no answer in time last.
    pub(crate) gave_up: Option<(Instant, RedisFault)>,
}

/// Keys and arguments of a script.
#[derive(Default)]
struct Request {
    keys: Vec<Vec<u8>>,
    places: HashMap<String, usize>,
    arguments: Vec<Vec<u8>>,
}

impl Request {
    /// Of a writer.
    fn of(writer: WriterId) -> Self {
        let mut request = Self::default();
        request.key(&number_key(writer));
        request
    }

    fn key(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        self.keys.push(name.as_bytes().to_vec());
        self.places.insert(name.to_owned(), self.keys.len());
        self.keys.len()
    }

    fn step(&mut self, what: &str, key: &names::Key, field: &str, amount: &str) {
        let place = self.key(&key.name);
        let step = [what, &place.to_string(), field, amount];
        self.arguments.extend(step.map(|text| text.as_bytes().to_vec()));
    }

    fn increase(&mut self, key: &names::Key, field: &str, by: Number) {
        if by.as_f64().is_finite() {
            self.step("i", key, field, &schema::number_text(by));
        } else {
            refused(&key.name, "it would not be finite any more");
        }
    }
}

impl Writer {
    pub(crate) fn apply(&mut self, python: &Python, common: &Common, batch: &Batch) -> Result<(), RedisFault> {
        self.find(python, common, &batch.changes)?;
        let mut request = Request::of(batch.writer);
        let mut at: Option<(&Arc<FamilyKey>, String, Vec<names::Key>)> = None;
        for change in batch.changes.iter().filter(|change| names::has(&change.family)) {
            // Changes come family by family.
            let family = &change.family;
            let (_, id, keys) = match at.take().filter(|at| Arc::ptr_eq(at.0, family)) {
                Some(same) => at.insert(same),
                None => at.insert((family, schema::scoped_name(family), names::keys(family))),
            };
            steps(change, keys, &self.field(id, family, &change.series), &mut request);
        }
        self.send(python, common, batch.writer, batch.sequence, request)?;
        for change in batch.changes.iter().filter(|change| change.family.aggregation() == Aggregation::LiveSum) {
            let living = self.living.entry(schema::scoped_name(&change.family));
            let (_, series) = living.or_insert_with(|| (Arc::clone(&change.family), HashMap::new()));
            series.insert(change.series.clone(), change.totals.first().copied().unwrap_or(Number::Int(0)));
        }
        Ok(())
    }

    pub(crate) fn remove(&mut self, python: &Python, common: &Common, removal: &Removal) -> Result<(), RedisFault> {
        let mut request = Request::of(removal.writer);
        for (family, series) in removal.series.iter().filter(|(family, _)| names::has(family)) {
            let id = schema::scoped_name(family);
            let orders = names::orders(family, Some(&python.order(&id, family)));
            let fields: Vec<_> = orders.iter().map(|order| names::field(family, series, order)).collect();
            for key in names::keys(family) {
                for field in &fields {
                    request.step("d", &key, field, "");
                }
            }
        }
        self.send(python, common, removal.writer, removal.sequence, request)?;
        for (family, series) in &removal.series {
            let id = schema::scoped_name(family);
            self.fields.get_mut(&id).map(|fields| fields.remove(series));
            self.living.get_mut(&id).map(|(_, living)| living.remove(series));
        }
        Ok(())
    }

    pub(crate) fn close(&mut self, python: &Python, common: &Common) -> Result<(), RedisFault> {
        let Some(writer) = self.id else { return Ok(()) };
        let mut request = Request::of(writer);
        for (id, (family, living)) in &self.living {
            let keys = names::keys(family);
            for (series, number) in living {
                let field = self.field(id, family, series);
                let by = Number::Float(-number.as_f64());
                for key in &keys {
                    request.increase(key, &field, by);
                }
            }
        }
        if !request.arguments.is_empty() {
            self.send(python, common, writer, self.acked + 1, request)?;
            self.living.clear();
        }
        let mut farewell = redis::cmd("DEL");
        farewell.arg(number_key(writer));
        common.pool.with(&[0], common.deadline(), |link| link.pipeline(std::slice::from_ref(&farewell)).map(drop))
    }

    /// Under which field a series is.
    fn field(&self, id: &str, family: &FamilyKey, series: &SeriesKey) -> Arc<str> {
        let known = self.fields.get(id).and_then(|fields| fields.get(series));
        known.map_or_else(|| names::field(family, series, &names::usual(family)).into(), Arc::clone)
    }

    /// Finds out where Python has the series that are new here.
    fn find(&mut self, python: &Python, common: &Common, changes: &[Change]) -> Result<(), RedisFault> {
        let mut wanted = Vec::new();
        for change in changes {
            let family = &change.family;
            if family.descriptor().label_names().len() < 2 || !names::has(family) {
                continue;
            }
            let id = schema::scoped_name(family);
            if !self.fields.get(&id).is_some_and(|fields| fields.contains_key(&change.series)) {
                let orders = names::orders(family, Some(&python.order(&id, family)));
                let fields: Vec<_> = orders.iter().map(|order| names::field(family, &change.series, order)).collect();
                wanted.push((id, change, fields));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let mut rest: Vec<_> = wanted.iter().map(|(_, change, _)| names::index(&change.family).into_bytes()).collect();
        for (_, _, fields) in &wanted {
            rest.push(fields.len().to_string().into_bytes());
            rest.extend(fields.iter().map(|field| field.as_bytes().to_vec()));
        }
        let answer = run(&python.find, common, &rest, wanted.len())?;
        let found: Vec<(usize, Vec<u8>)> =
            Vec::from_redis_value(answer).map_err(|error| common.pool.fault(Sort::Protocol, error.to_string()))?;
        for ((id, change, fields), (place, sample)) in wanted.into_iter().zip(found) {
            if let Some((_, order)) = names::parse(&change.family, &sample) {
                python.learn(&id, &change.family, &order);
            }
            let field = match place.checked_sub(1).and_then(|place| fields.get(place)) {
                Some(field) => field.as_str().into(),
                None => names::field(&change.family, &change.series, &python.order(&id, &change.family)).into(),
            };
            self.fields.entry(id).or_default().insert(change.series.clone(), field);
        }
        Ok(())
    }

    fn send(
        &mut self,
        python: &Python,
        common: &Common,
        writer: WriterId,
        number: u64,
        request: Request,
    ) -> Result<(), RedisFault> {
        if self.id != Some(writer) {
            (self.id, self.acked, self.in_doubt) = (Some(writer), 0, None);
        }
        if request.arguments.is_empty() {
            return Ok(());
        }
        common.stats.begun();
        let expiry = common.settings.expiry;
        let head = [
            number,
            self.acked,
            u64::from(self.in_doubt == Some(number)),
            expiry.as_secs().max(1),
            expiry.max(KNOWN).as_secs(),
        ];
        let keys = request.keys.len();
        let mut rest = request.keys;
        rest.extend(head.map(|number| number.to_string().into_bytes()));
        rest.extend(request.arguments);
        let answer = run(&python.apply, common, &rest, keys).inspect_err(|fault| {
            if fault.is_open() {
                self.in_doubt = Some(number);
            }
        })?;
        let (word, wrong, failed) = parse(answer).ok_or_else(|| common.nonsense())?;
        if word == "lost" {
            common.stats.missed(1);
        }
        for key in wrong {
            mistaken(&key);
        }
        for pair in failed.chunks_exact(2) {
            refused(&pair[0], &pair[1]);
        }
        (self.acked, self.in_doubt) = (number, None);
        common.stats.sent();
        Ok(())
    }
}

fn number_key(writer: WriterId) -> String {
    format!("pytheus/writer/{writer}")
}

fn run(code: &Code, common: &Common, rest: &[Vec<u8>], keys: usize) -> Result<Value, RedisFault> {
    common.pool.with(&[0], common.deadline(), |link| link.script(&code.0, code.1, rest, keys))
}

/// What was done, the keys that hold something else, and those that did not take a number, each with the reason.
fn parse(answer: Value) -> Option<(String, Vec<String>, Vec<String>)> {
    let Value::Array(parts) = answer else { return None };
    let mut parts = parts.into_iter();
    let word =
        String::from_redis_value(parts.next()?).ok().filter(|word| matches!(&**word, "done" | "again" | "lost"))?;
    let mut list = || parts.next().and_then(|keys| Vec::from_redis_value(keys).ok()).unwrap_or_default();
    Some((word, list(), list()))
}

/// What a change comes to.
fn steps(change: &Change, keys: &[names::Key], field: &str, request: &mut Request) {
    let deltas = &change.deltas;
    match (change.family.descriptor().kind(), keys) {
        (Kind::Gauge, [key]) if change.was_set => {
            let total = change.totals.first().copied().unwrap_or(Number::Int(0));
            request.step("s", key, field, &schema::number_text(total));
        }
        (Kind::Histogram, keys) => {
            let (counts, sum) = deltas.split_at(deltas.len().saturating_sub(1));
            let mut upto: Vec<_> = counts
                .iter()
                .scan(0_u64, |all, count| {
                    *all = all.wrapping_add(count.as_count());
                    Some(Number::Int(*all))
                })
                .collect();
            upto.extend(upto.last().copied());
            upto.extend(sum);
            for key in keys {
                // Although it may be nothing: Python shows what is there.
                request.increase(key, field, upto.get(key.part).copied().unwrap_or(Number::Int(0)));
            }
        }
        (_, keys) => keys.iter().zip(deltas).for_each(|(key, delta)| request.increase(key, field, *delta)),
    }
}

fn refused(key: &str, why: &str) {
    let message = format!(
        "the key `{key}` in Redis did not take what was counted, which is left out: {why} (in the layout `pytheus-python`, \
         Redis adds up finite numbers alone)"
    );
    report::report(("redis number", key), &message);
}
