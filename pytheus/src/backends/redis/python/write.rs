//! Batches become increments of Python's keys.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::{FromRedisValue as _, Value};

use crate::backends::custom::{Aggregation, Batch, Change, FamilyKey, Removal, SeriesKey, WriterId};
use crate::backends::redis::client::connection::ServerScript;
use crate::backends::redis::client::error::{FaultKind, RedisFault};
use crate::backends::redis::client::protocol::command;
use crate::backends::redis::context::Context;
use crate::backends::redis::python::client::{PythonClient, report_mismatch};
use crate::backends::redis::python::names::{self, PythonKey};
use crate::backends::redis::schema;
use crate::model::descriptor::Kind;
use crate::model::number::Number;
use crate::report;

/// How long Redis keeps the sequence number of a silent writer, at least.
const SEQ_RETENTION: Duration = Duration::from_secs(7 * 24 * 3_600);

/// The state of one writer.
#[derive(Default)]
pub(crate) struct PythonWriter {
    id: Option<WriterId>,
    acked_seq: u64,
    /// The number of a batch with an unknown outcome.
    maybe_applied: Option<u64>,
    /// The field of each series, for families whose labels may stand in several orders.
    fields: HashMap<String, HashMap<SeriesKey, Arc<str>>>,
    /// The share of this process in gauges of living processes.
    living: HashMap<String, (Arc<FamilyKey>, HashMap<SeriesKey, Number>)>,
}

/// Keys and arguments of `apply.lua`.
#[derive(Default)]
struct PythonRequest {
    keys: Vec<String>,
    indexes: HashMap<String, usize>,
    arguments: Vec<String>,
}

impl PythonRequest {
    fn new(writer: WriterId) -> Self {
        let mut request = Self::default();
        request.key_index(&seq_key(writer));
        request
    }

    fn key_index(&mut self, name: &str) -> usize {
        if let Some(index) = self.indexes.get(name) {
            return *index;
        }
        self.keys.push(name.to_owned());
        self.indexes.insert(name.to_owned(), self.keys.len());
        self.keys.len()
    }

    fn push(&mut self, code: &str, key: &PythonKey, field: &str, amount: &str) {
        let index = self.key_index(&key.name);
        let op = [code, &index.to_string(), field, amount];
        self.arguments.extend(op.map(str::to_owned));
    }

    fn increase(&mut self, key: &PythonKey, field: &str, by: Number) {
        if by.as_f64().is_finite() {
            self.push("i", key, field, &schema::number_text(by));
        } else {
            report_refusal(&key.name, "it would not be finite any more");
        }
    }
}

impl PythonWriter {
    pub(crate) fn apply(&mut self, client: &PythonClient, batch: &Batch) -> Result<(), RedisFault> {
        self.find_fields(client, &batch.changes)?;
        let mut request = PythonRequest::new(batch.writer);
        let mut at: Option<(&Arc<FamilyKey>, String, Vec<PythonKey>)> = None;
        for change in batch.changes.iter().filter(|change| names::has(&change.family)) {
            // Changes come family by family.
            let family = &change.family;
            let (_, id, keys) = match at.take().filter(|at| Arc::ptr_eq(at.0, family)) {
                Some(same) => at.insert(same),
                None => at.insert((family, names::scoped_name(family), names::keys(family))),
            };
            push_change(change, keys, &self.field(id, family, &change.series), &mut request);
        }
        self.send(client, batch.writer, batch.sequence, request)?;
        for change in batch.changes.iter().filter(|change| change.family.aggregation() == Aggregation::LiveSum) {
            let living = self.living.entry(names::scoped_name(&change.family));
            let (_, series) = living.or_insert_with(|| (Arc::clone(&change.family), HashMap::new()));
            series.insert(change.series.clone(), change.totals.first().copied().unwrap_or(Number::Int(0)));
        }
        Ok(())
    }

    pub(crate) fn remove(&mut self, client: &PythonClient, removal: &Removal) -> Result<(), RedisFault> {
        let mut request = PythonRequest::new(removal.writer);
        for (family, series) in removal.series.iter().filter(|(family, _)| names::has(family)) {
            let id = names::scoped_name(family);
            let orders = names::orders(family, Some(&client.order(&id, family)));
            let fields: Vec<_> = orders.iter().map(|order| names::field(family, series, order)).collect();
            for key in names::keys(family) {
                for field in &fields {
                    request.push("d", &key, field, "");
                }
            }
        }
        self.send(client, removal.writer, removal.sequence, request)?;
        for (family, series) in &removal.series {
            let id = names::scoped_name(family);
            self.fields.get_mut(&id).map(|fields| fields.remove(series));
            self.living.get_mut(&id).map(|(_, living)| living.remove(series));
        }
        Ok(())
    }

    /// Takes back the share of this process in gauges of living processes, and deregisters it.
    pub(crate) fn close(&mut self, client: &PythonClient) -> Result<(), RedisFault> {
        let Some(writer) = self.id else { return Ok(()) };
        let mut request = PythonRequest::new(writer);
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
            self.send(client, writer, self.acked_seq + 1, request)?;
            self.living.clear();
        }
        let command = command("DEL", &[seq_key(writer)]);
        client.context.on_partition(0, |session| session.request(command.clone()).map(drop))
    }

    /// Returns the field of a series.
    fn field(&self, id: &str, family: &FamilyKey, series: &SeriesKey) -> Arc<str> {
        let known = self.fields.get(id).and_then(|fields| fields.get(series));
        known.map_or_else(|| names::field(family, series, &names::default_order(family)).into(), Arc::clone)
    }

    /// Finds the fields under which Python keeps new series.
    fn find_fields(&mut self, client: &PythonClient, changes: &[Change]) -> Result<(), RedisFault> {
        let mut wanted = Vec::new();
        for change in changes {
            let family = &change.family;
            if family.descriptor().label_names().len() < 2 || !names::has(family) {
                continue;
            }
            let id = names::scoped_name(family);
            if !self.fields.get(&id).is_some_and(|fields| fields.contains_key(&change.series)) {
                let orders = names::orders(family, Some(&client.order(&id, family)));
                let fields: Vec<_> = orders.iter().map(|order| names::field(family, &change.series, order)).collect();
                wanted.push((id, change, fields));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let mut rest: Vec<_> = wanted.iter().map(|(_, change, _)| names::index_key(&change.family)).collect();
        for (_, _, fields) in &wanted {
            rest.push(fields.len().to_string());
            rest.extend(fields.iter().cloned());
        }
        let answer = run(&client.context, &client.find, &rest, wanted.len())?;
        let found: Vec<(usize, Vec<u8>)> = Vec::from_redis_value(answer)
            .map_err(|error| client.context.pool.fault(FaultKind::Protocol, error.to_string()))?;
        for ((id, change, fields), (index, sample)) in wanted.into_iter().zip(found) {
            if let Some((_, order)) = names::parse(&change.family, &sample) {
                client.learn_order(&id, &change.family, &order);
            }
            let field = match index.checked_sub(1).and_then(|index| fields.get(index)) {
                Some(field) => field.as_str().into(),
                None => names::field(&change.family, &change.series, &client.order(&id, &change.family)).into(),
            };
            self.fields.entry(id).or_default().insert(change.series.clone(), field);
        }
        Ok(())
    }

    fn send(
        &mut self,
        client: &PythonClient,
        writer: WriterId,
        seq: u64,
        request: PythonRequest,
    ) -> Result<(), RedisFault> {
        if self.id != Some(writer) {
            (self.id, self.acked_seq, self.maybe_applied) = (Some(writer), 0, None);
        }
        if request.arguments.is_empty() {
            return Ok(());
        }
        client.context.health.send_started();
        let retention = client.context.config.retention;
        let head = [
            seq,
            self.acked_seq,
            u64::from(self.maybe_applied == Some(seq)),
            retention.as_secs().max(1),
            retention.max(SEQ_RETENTION).as_secs(),
        ];
        let keys = request.keys.len();
        let mut rest = request.keys;
        rest.extend(head.map(|number| number.to_string()));
        rest.extend(request.arguments);
        let reply = run(&client.context, &client.apply, &rest, keys).inspect_err(|fault| {
            if fault.is_outcome_unknown() {
                self.maybe_applied = Some(seq);
            }
        })?;
        let (word, wrong, failed) = parse_reply(reply).ok_or_else(|| client.context.unexpected_reply())?;
        if word == "missed" {
            client.context.health.update(|counters| counters.missed += 1);
        }
        for key in wrong {
            report_mismatch(&key);
        }
        for pair in failed.chunks_exact(2) {
            report_refusal(&pair[0], &pair[1]);
        }
        (self.acked_seq, self.maybe_applied) = (seq, None);
        client.context.health.send_finished();
        Ok(())
    }
}

fn seq_key(writer: WriterId) -> String {
    format!("pytheus/writer/{writer}")
}

fn run(context: &Context, script: &ServerScript, arguments: &[String], keys: usize) -> Result<Value, RedisFault> {
    context.on_partition(0, |session| session.run_script(script, arguments, keys))
}

/// Parses a reply: the outcome, the keys of another type, and the keys that refused a number, each with the reason.
fn parse_reply(reply: Value) -> Option<(String, Vec<String>, Vec<String>)> {
    let Value::Array(parts) = reply else { return None };
    let mut parts = parts.into_iter();
    let word = String::from_redis_value(parts.next()?)
        .ok()
        .filter(|word| matches!(&**word, "applied" | "duplicate" | "missed"))?;
    let mut list = || parts.next().and_then(|keys| Vec::from_redis_value(keys).ok()).unwrap_or_default();
    Some((word, list(), list()))
}

/// Appends the operations of a change.
fn push_change(change: &Change, keys: &[PythonKey], field: &str, request: &mut PythonRequest) {
    let deltas = &change.deltas;
    match (change.family.descriptor().kind(), keys) {
        (Kind::Gauge, [key]) if change.was_set => {
            let total = change.totals.first().copied().unwrap_or(Number::Int(0));
            request.push("s", key, field, &schema::number_text(total));
        }
        (Kind::Histogram, keys) => {
            let (counts, sum) = deltas.split_at(deltas.len().saturating_sub(1));
            let mut cumulative: Vec<_> = counts
                .iter()
                .scan(0_u64, |all, count| {
                    *all = all.wrapping_add(count.as_count());
                    Some(Number::Int(*all))
                })
                .collect();
            cumulative.extend(cumulative.last().copied());
            cumulative.extend(sum);
            for key in keys {
                // Also by 0: Python shows only keys that exist.
                request.increase(key, field, cumulative.get(key.part).copied().unwrap_or(Number::Int(0)));
            }
        }
        (_, keys) => keys.iter().zip(deltas).for_each(|(key, delta)| request.increase(key, field, *delta)),
    }
}

fn report_refusal(key: &str, why: &str) {
    let message = format!(
        "the key `{key}` in Redis refused a number, which is left out: {why} (in the layout `pytheus-python`, \
         Redis adds up finite numbers alone)"
    );
    report::report(("redis number", key), &message);
}
