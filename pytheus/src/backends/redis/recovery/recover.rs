//! Sends the unsent counts of crashed processes.
//!
//! A crashed process leaves its cells, final by then, and its [journal](crate::backends::redis::write::journal). The server has its
//! last applied sequence number; with the journal, that tells which totals it has. Recovery sends the difference as a batch
//! of the same writer, on the condition that this number is still the last: a
//! [compare-and-set](https://en.wikipedia.org/wiki/Compare-and-swap), with the sequence number as
//! [fencing token](https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html).
//!
//! The crashed process, or a recovering one that crashed as well, may have a batch in flight. The first to arrive wins; the
//! others fail the comparison. Recovery then starts over from the new state. Each batch is logged before it is sent, as the
//! process itself does. The lock of the crashed process' file admits one recovering process at a time, and is released when
//! that one ends.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::FromRedisValue as _;

use crate::backends::custom::{Aggregation, BackendError, FamilyKey};
use crate::backends::failpoint::failpoint;
use crate::backends::file::{CrashedProcess, Spool};
use crate::backends::redis::client::error::{FaultKind, RedisFault};
use crate::backends::redis::client::protocol::command;
use crate::backends::redis::context::Context;
use crate::backends::redis::recovery::remaining::{later_value, unsent_ops};
use crate::backends::redis::schema::{self, PartitionKeys};
use crate::backends::redis::write::journal::{
    Journal, JournalContents, JournalEntry, JournalRecord, JournalRecordKind,
};
use crate::backends::redis::write::numbered_batch::NumberedBatch;
use crate::backends::redis::write::reply::ScriptReply;
use crate::backends::redis::write::request::{FamilyHeader, OwnKeys, ScriptRequest};
use crate::backends::runtime::wait;
use crate::model::number::Number;
use crate::report::{self, SelfMetric};

/// Operations in one batch, few enough for a slice of the heartbeat.
const MAX_OPS: usize = if cfg!(test) { 3 } else { 5_000 };

/// Attempts per partition. Each makes progress, unless another process sends as the same writer.
const MAX_ATTEMPTS: usize = 10_000;

/// Sequence numbers to skip: the process may have assigned them without a complete record.
const SEQ_GAP: u64 = 1_000;

/// The backdating of a recovered writer, in ms. The script keeps its sequence number for a day then, rather than for 31.
const RECOVERED_AGE: u64 = 30 * 24 * 3_600_000;

/// The longest wait for a lock of the directory.
const LOCK_WAIT: Duration = Duration::from_millis(50);

/// The recovery under way in this process.
#[derive(Default)]
pub(crate) struct Recovery {
    current: Option<CrashedWriter>,
    /// Processes that could not be recovered, each reported once. They are tried after all others.
    failed: HashSet<String>,
}

/// Returns the writer's name of this process, and the path of its journal.
pub(in crate::backends) fn own_writer(spool: &Spool) -> Option<(String, PathBuf)> {
    let (id, path) = spool.own()?;
    Some((writer_name(&id), path))
}

/// Names the writer of a process with a spool. The script keeps the sequence numbers of these for longer.
fn writer_name(id: &str) -> String {
    format!("s{id}")
}

impl Recovery {
    /// Recovers crashed processes until a deadline, and resumes an unfinished one. `own` is this process, once closed. Returns
    /// whether the deadline left some.
    pub(in crate::backends) fn run(
        &mut self,
        context: &Context,
        spool: &Spool,
        own: Option<&str>,
        deadline: Instant,
    ) -> bool {
        // On a panic or a fault, its lock is released.
        let mut current = self.current.take();
        let mut ids = match wait::with_limit(LOCK_WAIT, || spool.clean().and_then(|()| spool.others())) {
            Ok(ids) => ids,
            Err(error) => {
                report::report(("redis spool", ""), &failure(&error));
                return false;
            }
        };
        self.failed.retain(|id| ids.contains(id));
        let is_current = |id: &String| current.as_ref().is_some_and(|current| current.id == *id);
        ids.sort_by_key(|id| (own != Some(id), !is_current(id), self.failed.contains(id)));
        let mut ids = ids.into_iter().peekable();
        while let Some(id) = ids.next() {
            let crashed = current.take_if(|current| current.id == id);
            match recover_process(context, spool, &id, crashed, own == Some(&id), deadline) {
                Ok(None) if Instant::now() < deadline || ids.peek().is_none() => {}
                Ok(unfinished) => {
                    self.current = unfinished;
                    return true;
                }
                Err(error) if is_systemic(&error) => return false,
                Err(error) => {
                    if self.failed.insert(id.clone()) {
                        report::count(SelfMetric::BackendErrors, &["spool"]);
                        report::report(("redis spool", &id), &failure(&error));
                    }
                }
            }
        }
        false
    }
}

/// Returns whether other processes would fail the same way. The shipping thread reports such faults.
fn is_systemic(error: &BackendError) -> bool {
    let fault = error.downcast_ref::<RedisFault>();
    fault.is_some_and(|fault| !matches!(fault.kind(), FaultKind::WrongType | FaultKind::BadField | FaultKind::Other))
}

fn failure(error: &BackendError) -> String {
    format!("cannot recover the counts of a killed process yet (will retry): {error}")
}

/// Recovers a process, unless it lives or another process recovers it. Returns it unfinished at the deadline.
fn recover_process(
    context: &Context,
    spool: &Spool,
    id: &str,
    unfinished: Option<CrashedWriter>,
    is_own: bool,
    deadline: Instant,
) -> Result<Option<CrashedWriter>, BackendError> {
    let mut crashed = match unfinished {
        Some(crashed) => crashed,
        None => match spool.claim(id)? {
            Some(process) => CrashedWriter::new(context, id, process)?,
            None => return Ok(None),
        },
    };
    if !crashed.send_unsent(context, deadline)? {
        return Ok(Some(crashed));
    }
    let CrashedWriter { process, writer, is_forgettable, .. } = crashed;
    process.remove()?;
    failpoint("spool removed");
    expire_writer(context, &writer, is_own && is_forgettable);
    if !is_own {
        context.health.update(|counters| counters.recovered += 1);
    }
    Ok(None)
}

/// Has the script forget a recovered writer in a day, or at once if none of its batches can be in flight.
fn expire_writer(context: &Context, writer: &str, forgets: bool) {
    // Without the server's clock, it is forgotten later.
    let score = context.liveness_cutoff().checked_sub(RECOVERED_AGE);
    let Some(score) = score.or(forgets.then_some(0)) else { return };
    for partition in 0..context.config.partitions {
        let keys = PartitionKeys::new(&context.config.namespace, partition);
        let commands = if forgets {
            vec![command("ZREM", &[&*keys.alive, writer]), command("HDEL", &[&*keys.writers, writer])]
        } else {
            vec![command("ZADD", &[&*keys.alive, "XX", &score.to_string(), writer])]
        };
        let _ = context.on_partition(partition, |session| session.pipeline(&commands).map(drop));
    }
}

/// The totals of a series.
struct SeriesTotals {
    family: Arc<FamilyKey>,
    totals: Vec<Number>,
}

/// A crashed process, locked against recovery by others.
struct CrashedWriter {
    id: String,
    process: CrashedProcess,
    writer: String,
    /// Its totals, by partition, family and series.
    totals: BTreeMap<(usize, String, String), SeriesTotals>,
    /// The partition to recover next.
    partition: usize,
    attempts: usize,
    /// All its batches were acknowledged, and nothing was unsent.
    is_forgettable: bool,
}

impl CrashedWriter {
    fn new(context: &Context, id: &str, process: CrashedProcess) -> Result<Self, BackendError> {
        failpoint("crash claimed");
        let mut all = BTreeMap::new();
        for (family, series, totals) in process.totals()? {
            let family_id = family.id();
            let partition = schema::partition_of(&family_id, context.config.partitions);
            let key = (partition, family_id, schema::series_text(&family, &series));
            let known = all.entry(key).or_insert_with(|| SeriesTotals { family, totals: Vec::new() });
            // The file may have a series twice.
            known.totals = if known.totals.is_empty() {
                totals
            } else if known.family.aggregation() == Aggregation::MostRecent {
                later_value(&known.totals, &totals)
            } else {
                known.totals.iter().zip(totals).map(|(one, other)| *one + other).collect()
            };
        }
        let (id, writer) = (id.to_owned(), writer_name(id));
        Ok(Self { id, process, writer, totals: all, partition: 0, attempts: 0, is_forgettable: true })
    }

    /// Sends all unsent counts. Returns false at the deadline, after one batch at least.
    fn send_unsent(&mut self, context: &Context, deadline: Instant) -> Result<bool, BackendError> {
        while self.partition < context.config.partitions {
            if self.send_batch(context)? {
                self.attempts += 1;
                self.is_forgettable = false;
                if self.attempts == MAX_ATTEMPTS {
                    let what = "another process keeps sending as one that has ended";
                    return Err(context.pool.fault(FaultKind::Other, what).into());
                }
                if Instant::now() >= deadline {
                    return Ok(false);
                }
            } else {
                (self.partition, self.attempts) = (self.partition + 1, 0);
            }
        }
        Ok(true)
    }

    /// Sends a batch of counts that the partition lacks. Returns false if it has all.
    fn send_batch(&mut self, context: &Context) -> Result<bool, BackendError> {
        let partition = self.partition;
        let keys = PartitionKeys::new(&context.config.namespace, partition);
        let last_seq: Option<u64> = context.on_partition(partition, |session| {
            let last_seq = session.request(command("HGET", &[&keys.writers, &self.writer]))?;
            Ok(Option::from_redis_value(last_seq)?)
        })?;
        failpoint("server probed");
        let path = &self.process.journal;
        let unusable = |error| format!("`{}` can't be used: {error}", path.display());
        let (mut journal, contents) = Journal::read(path).map_err(unusable)?;
        if last_seq.is_some_and(|last_seq| last_seq > 0) && contents.last_seq(partition) == 0 {
            return Err(format!("`{}` is gone, and Redis has some of its batches", path.display()).into());
        }
        let applied = contents.applied(partition, last_seq);
        let mut batch = NumberedBatch::default();
        let from = (partition, String::new(), String::new());
        for ((_, id, series), SeriesTotals { family, totals }) in
            self.totals.range(from..).take_while(|((at, ..), _)| *at == partition)
        {
            let applied = applied.get(&(id.as_str(), series.as_str())).copied();
            let ops = unsent_ops(family, series, totals, applied);
            if ops.is_empty() {
                continue;
            }
            batch.family_ops(&Arc::from(id.as_str()), false).extend(ops);
            batch.entries.push(JournalEntry { family: id.clone(), series: series.clone(), parts: totals.clone() });
            if batch.op_count() >= MAX_OPS {
                break;
            }
        }
        if batch.entries.is_empty() {
            self.is_forgettable &= contents.is_all_applied(partition, last_seq);
            return Ok(false);
        }
        let prev_seq = last_seq.unwrap_or(0);
        log_recovery(&mut journal, &contents, partition, prev_seq, &mut batch).map_err(unusable)?;
        failpoint("recovery journaled");
        self.send(context, &keys, prev_seq, &batch)?;
        failpoint("recovery sent");
        Ok(true)
    }

    /// Sends a batch. Whether it was applied or failed the comparison, the next attempt starts from the server's new state.
    fn send(
        &self,
        context: &Context,
        keys: &PartitionKeys,
        prev_seq: u64,
        batch: &NumberedBatch,
    ) -> Result<(), BackendError> {
        let reply = context.on_partition(self.partition, |session| {
            let seqs = [prev_seq, batch.seq];
            let mut request = ScriptRequest::new(context, keys, &self.writer, seqs, OwnKeys::Recovered);
            for ops in &batch.families {
                let from = (self.partition, ops.family.to_string(), String::new());
                let Some((_, SeriesTotals { family, .. })) = self.totals.range(from..).next() else { continue };
                let header = FamilyHeader {
                    family: &ops.family,
                    declaration: &family.to_json().to_string(),
                    // Before the declarations of all living processes.
                    begun: "0",
                    key: request.add_key(keys.family(&ops.family)),
                    mode: "h",
                    ..FamilyHeader::default()
                };
                request.add_family(&header, &ops.ops);
            }
            let (arguments, key_count) = request.into_arguments();
            session.run_script(&context.apply_script, &arguments, key_count)
        })?;
        ScriptReply::parse(context, reply)?;
        Ok(())
    }
}

/// Numbers a batch, and logs it. The same batch of another recovery keeps its number: the journal does not grow while a server
/// refuses it.
fn log_recovery(
    journal: &mut Journal,
    contents: &JournalContents,
    partition: usize,
    prev_seq: u64,
    batch: &mut NumberedBatch,
) -> std::io::Result<()> {
    let entries = std::mem::take(&mut batch.entries);
    let known = contents.find_recovery(partition, prev_seq, &entries);
    batch.seq = known.unwrap_or_else(|| contents.last_seq(partition).max(prev_seq).saturating_add(SEQ_GAP));
    if known.is_some() {
        return Ok(());
    }
    let (kind, seq) = (JournalRecordKind::Recovery, batch.seq);
    journal.append(&[JournalRecord { kind, partition, seq, prev_seq, entries }])
}
