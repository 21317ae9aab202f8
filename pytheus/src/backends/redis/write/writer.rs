//! Accepts batches, and sends them partition by partition until the server acknowledges them.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use redis::{FromRedisValue as _, Value};

use crate::backends::custom::{self, Batch, FamilyKey, Removal, WriterId};
use crate::backends::redis::client::error::{FaultKind, RedisFault};
use crate::backends::redis::client::protocol::command;
use crate::backends::redis::config::redis_config::RedisConfig;
use crate::backends::redis::context::Context;
use crate::backends::redis::read::scrape;
use crate::backends::redis::schema;
use crate::backends::redis::write::journal::{Journal, JournalEntry, JournalRecord, JournalRecordKind};
use crate::backends::redis::write::numbered_batch::NumberedBatch;
use crate::backends::redis::write::partition::{Partition, ServerState};
use crate::backends::redis::write::reply::ScriptReply;
use crate::backends::redis::write::request;
use crate::report;

/// Data losses of a server in a row, within one send, before it is left for the next time.
const MAX_DATA_LOSSES: usize = 8;

/// The state of one writer: a process, from its start or fork to its end.
pub(crate) struct RedisWriter {
    pub(crate) name: String,
    /// The last batch accepted from the core, which repeats it until it is done.
    accepted: Option<(WriterId, u64)>,
    pub(crate) partitions: Vec<Partition>,
    /// Where there is a spool.
    journal: Option<Journal>,
}

impl RedisWriter {
    /// Creates a writer that has sent nothing. With a spool, its name and the path of its journal come from there.
    pub(crate) fn new(config: &RedisConfig, spooled: Option<(String, PathBuf)>) -> Self {
        let (name, journal) = match spooled {
            Some((name, path)) => (name, Some(Journal::new(path))),
            None => (WriterId::random().to_string(), None),
        };
        let partitions = (0..config.partitions).map(|partition| Partition::new(&config.namespace, partition)).collect();
        Self { name, accepted: None, partitions, journal }
    }

    /// Returns the label `pid` of this process, as all scrapes show it.
    pub(crate) fn process_label(&self) -> Arc<str> {
        custom::process_label(std::process::id(), Some(&self.name)).into()
    }

    pub(crate) fn apply(&mut self, context: &Context, batch: &Batch) -> Result<(), RedisFault> {
        if self.is_new(batch.writer, batch.sequence) {
            self.compact_journal(context)?;
            let mut batches = vec![NumberedBatch::default(); self.partitions.len()];
            // Changes come family by family.
            let families = batch.changes.chunk_by(|one, next| Arc::ptr_eq(&one.family, &next.family));
            let families: Vec<_> = families.map(|changes| (changes[0].family.id(), changes)).collect();
            for (id, changes) in &families {
                let partition = self.partition_of(id);
                for change in *changes {
                    self.partitions[partition].add_change(id, change, &mut batches[partition], self.journal.is_some());
                }
            }
            self.append_journal(context, &mut batches)?;
            for (id, changes) in families {
                let partition = self.partition_of(&id);
                for change in changes {
                    self.partitions[partition].update_baseline(&id, change);
                }
            }
            self.accept(batch.writer, batch.sequence, batches);
        }
        self.send(context)
    }

    pub(crate) fn remove(&mut self, context: &Context, removal: &Removal) -> Result<(), RedisFault> {
        if self.is_new(removal.writer, removal.sequence) {
            self.compact_journal(context)?;
            let others = self.other_declarations(context, removal)?;
            let mut batches = vec![NumberedBatch::default(); self.partitions.len()];
            for (family, series) in &removal.series {
                let id = family.id();
                let partition = self.partition_of(&id);
                let (state, batch) = (&mut self.partitions[partition], &mut batches[partition]);
                state.add_removal(&id, family, series, batch);
                for other in
                    others.iter().filter(|other| other.is_same_family(family) && other.difference(family).is_some())
                {
                    if let Some(series) = family.translate(series, other) {
                        state.add_removal(&other.id(), other, &series, batch);
                    }
                }
                batch.entries.push(JournalEntry::removal(id, schema::series_text(family, series)));
            }
            self.append_journal(context, &mut batches)?;
            self.accept(removal.writer, removal.sequence, batches);
        }
        self.send(context)
    }

    /// Reads all declarations of the families of a removal: the series is removed from each.
    fn other_declarations(&self, context: &Context, removal: &Removal) -> Result<Vec<Arc<FamilyKey>>, RedisFault> {
        let mut partitions: Vec<_> = removal.series.iter().map(|(family, _)| self.partition_of(&family.id())).collect();
        partitions.sort_unstable();
        partitions.dedup();
        let is_meant = |family: &FamilyKey| removal.series.iter().any(|(meant, _)| meant.is_same_family(family));
        let mut all = Vec::new();
        for partition in partitions {
            all.extend(scrape::declarations(context, partition, &is_meant)?);
        }
        Ok(all)
    }

    /// Returns whether the core sends something for the first time.
    fn is_new(&self, writer: WriterId, sequence: u64) -> bool {
        self.accepted != Some((writer, sequence))
    }

    fn partition_of(&self, id: &str) -> usize {
        schema::partition_of(id, self.partitions.len())
    }

    fn accept(&mut self, writer: WriterId, sequence: u64, batches: Vec<NumberedBatch>) {
        self.accepted = Some((writer, sequence));
        for (partition, batch) in self.partitions.iter_mut().zip(batches) {
            if batch.op_count() > 0 {
                partition.push(batch);
            }
        }
    }

    /// Appends batches to the journal, before they are sent. A batch that can't be logged is not sent.
    fn append_journal(&mut self, context: &Context, batches: &mut [NumberedBatch]) -> Result<(), RedisFault> {
        let batches = self.partitions.iter().enumerate().zip(batches).filter(|(_, batch)| batch.op_count() > 0);
        let records = batches.map(|((partition, state), batch)| JournalRecord {
            kind: JournalRecordKind::Batch,
            partition,
            seq: state.next_seq(),
            prev_seq: state.acked_seq,
            entries: std::mem::take(&mut batch.entries),
        });
        let records: Vec<_> = records.collect();
        let Some(journal) = &mut self.journal else { return Ok(()) };
        journal.append(&records).map_err(|error| journal_fault(context, &error))
    }

    /// Compacts a long journal into a snapshot, unless a batch is pending: it may still be applied.
    fn compact_journal(&mut self, context: &Context) -> Result<(), RedisFault> {
        let has_pending = self.has_pending();
        let journal = self.journal.as_mut().filter(|journal| journal.needs_compaction() && !has_pending);
        let Some(journal) = journal else { return Ok(()) };
        let snapshot = self.partitions.iter().enumerate().map(|(partition, state)| JournalRecord {
            kind: JournalRecordKind::Snapshot,
            partition,
            seq: state.acked_seq,
            prev_seq: state.acked_seq,
            entries: state.journal_snapshot(),
        });
        journal.compact(&snapshot.collect::<Vec<_>>()).map_err(|error| journal_fault(context, &error))
    }

    pub(crate) fn has_pending(&self) -> bool {
        self.partitions.iter().any(|partition| !partition.pending.is_empty())
    }

    /// Sends all pending batches. A fault in one partition does not keep back the others, unless their server is down.
    pub(crate) fn send(&mut self, context: &Context) -> Result<(), RedisFault> {
        if !self.has_pending() {
            return Ok(());
        }
        context.health.send_started();
        // Every process of a namespace writes to its first partition, where the schema tells their number.
        if self.partitions.len() > 1 && !self.partitions[0].had_own_keys {
            self.renew_lease(context, 0)?;
        }
        let mut outcome = Ok(());
        for partition in 0..self.partitions.len() {
            let sent = self.send_partition(context, partition);
            let is_down = is_server_down(context, &sent);
            outcome = outcome.and(sent);
            if is_down {
                break;
            }
        }
        outcome?;
        context.health.send_finished();
        Ok(())
    }

    /// Sends the pending batches of a partition.
    pub(crate) fn send_partition(&mut self, context: &Context, partition: usize) -> Result<(), RedisFault> {
        let mut data_losses = 0;
        while let Some(batch) = self.partitions[partition].pending.front() {
            let mut attempts = 0;
            let reply = self.run_script(context, partition, Some(batch), &mut attempts);
            let reply = reply.inspect_err(|fault| {
                if let Some(batch) = self.partitions[partition].pending.front_mut()
                    && (attempts > 1 || attempts == 1 && fault.is_outcome_unknown())
                {
                    batch.maybe_applied = true;
                }
            })?;
            match reply {
                ScriptReply::Acknowledged(acknowledgement) => {
                    self.partitions[partition].acknowledge(acknowledgement);
                }
                ScriptReply::DataLoss if data_losses == MAX_DATA_LOSSES => {
                    let what = "it keeps losing acknowledged data";
                    return Err(context.pool.fault(FaultKind::Other, what));
                }
                ScriptReply::DataLoss => {
                    data_losses += 1;
                    self.probe(context, partition)?;
                }
            }
        }
        Ok(())
    }

    /// Renews the lease of this writer in a partition.
    pub(crate) fn renew_lease(&mut self, context: &Context, partition: usize) -> Result<(), RedisFault> {
        match self.run_script(context, partition, None, &mut 0)? {
            ScriptReply::Acknowledged(_) => self.partitions[partition].had_own_keys = true,
            ScriptReply::DataLoss => self.probe(context, partition)?,
        }
        Ok(())
    }

    /// Runs `apply.lua` for a batch, or for the lease alone. Counts the attempts: the pool may repeat one.
    fn run_script(
        &self,
        context: &Context,
        partition: usize,
        batch: Option<&NumberedBatch>,
        attempts: &mut usize,
    ) -> Result<ScriptReply, RedisFault> {
        let reply = context.on_partition(partition, |session| {
            let request = request::build(context, &self.partitions[partition], &self.name, batch, session)?;
            let (arguments, key_count) = request.into_arguments();
            *attempts += 1;
            session.run_script(&context.apply_script, &arguments, key_count)
        })?;
        ScriptReply::parse(context, reply)
    }

    /// Asks the server for its state of this writer, and queues whatever it lacks.
    pub(crate) fn probe(&mut self, context: &Context, partition: usize) -> Result<(), RedisFault> {
        let state = &self.partitions[partition];
        let generations = state.generations();
        let (last_seq, has_own_keys, index, found) = context.on_partition(partition, |session| {
            let mut commands = vec![
                command("HGET", &[&state.keys.writers, &self.name]),
                command("EXISTS", &[state.keys.own(&self.name), state.keys.declared(&self.name)]),
                command("HKEYS", &[&state.keys.families]),
            ];
            let hashes = generations.iter().map(|(id, _)| state.keys.family(id));
            commands.extend(hashes.map(|hash| command("HGET", &[&*hash, schema::SELF])));
            let mut replies = session.pipeline(&commands)?.into_iter();
            let mut next = || replies.next().unwrap_or(Value::Nil);
            let last_seq = Option::<u64>::from_redis_value(next())?;
            let has_own_keys = u64::from_redis_value(next())? == 2;
            let index = HashSet::<String>::from_redis_value(next())?;
            let found: Result<Vec<_>, _> = replies.map(Option::<String>::from_redis_value).collect();
            Ok((last_seq, has_own_keys, index, found?))
        })?;
        let lost: Vec<_> = generations
            .into_iter()
            .zip(found)
            .filter(|((_, known), found)| found.as_ref() != Some(known))
            .map(|((id, _), _)| id)
            .collect();
        let undeclared: Vec<_> = state.declared_families().filter(|id| !index.contains(&***id)).cloned().collect();
        let families = lost.len() + undeclared.iter().filter(|id| !lost.contains(*id)).count();
        if families > 0 || last_seq.unwrap_or(0) < state.acked_seq {
            context.health.update(|counters| counters.data_losses += 1);
            let what = format!(
                "Redis at {} has lost acknowledged data (restart, flush, eviction, or failover): this process resends what it \
                 has counted, in {families} of its families; the counts there of ended processes are lost",
                context.config.display_addr
            );
            report::report_as(report::Level::Warning, ("redis", "lost"), &what);
        }
        let server = ServerState { last_seq, has_own_keys, lost, undeclared };
        let missed = self.partitions[partition].reconcile(server);
        context.health.update(|counters| counters.missed += missed);
        Ok(())
    }

    /// Deregisters this writer. Should that fail, its lease ends later.
    pub(crate) fn deregister(&self, context: &Context) {
        for (partition, state) in self.partitions.iter().enumerate() {
            let own = [state.keys.own(&self.name), state.keys.declared(&self.name)];
            // The sequence number stays: a batch with an unknown outcome may still arrive.
            let score = context.deregistered_score().to_string();
            let commands = [command("DEL", &own), command("ZADD", &[&*state.keys.alive, "XX", &score, &self.name])];
            let done = context.on_partition(partition, |session| session.pipeline(&commands).map(drop));
            if is_server_down(context, &done) {
                return;
            }
        }
    }
}

/// Returns whether a fault holds for all partitions: a single server does not answer.
pub(crate) fn is_server_down(context: &Context, outcome: &Result<(), RedisFault>) -> bool {
    !context.pool.topology.is_cluster() && outcome.as_ref().is_err_and(RedisFault::is_outcome_unknown)
}

fn journal_fault(context: &Context, error: &std::io::Error) -> RedisFault {
    let what = format!("nothing is sent while `spool_directory` can't be written to ({error})");
    context.pool.fault(FaultKind::Other, what)
}
