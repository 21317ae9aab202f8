//! The state of one partition: pending batches, sequence numbers, and the baseline to resend after a data loss.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::backends::custom::{Aggregation, Change, FamilyKey, SeriesKey};
use crate::backends::redis::schema::{self, PartitionKeys};
use crate::backends::redis::write::journal::JournalEntry;
use crate::backends::redis::write::numbered_batch::{self, FamilyOps, FieldOp, NumberedBatch, OpCode};
use crate::backends::redis::write::reply::Acknowledgement;
use crate::model::number::Number;

/// Operations of acknowledged batches kept for a server that loses its last writes.
const MAX_RETAINED_OPS: usize = 50_000;

/// Acknowledged batches kept at most.
const MAX_RETAINED_BATCHES: usize = 200;

/// Operations in one batch of resent counts.
const MAX_RESENT_OPS: usize = 20_000;

pub(crate) struct Partition {
    pub(crate) keys: PartitionKeys,
    /// The sequence number of the last batch known to be applied.
    pub(crate) acked_seq: u64,
    /// The last sequence number assigned.
    last_seq: u64,
    /// The writer's own keys existed at the last reply.
    pub(crate) had_own_keys: bool,
    pub(crate) pending: VecDeque<NumberedBatch>,
    /// The last acknowledged batches.
    acknowledged: VecDeque<NumberedBatch>,
    pub(crate) families: HashMap<Arc<str>, FamilyState>,
}

/// The state of a family at the server.
pub(crate) struct FamilyState {
    pub(crate) family: Arc<FamilyKey>,
    /// Its declaration in the index, as JSON.
    pub(crate) declaration: String,
    /// The index is known to have it.
    pub(crate) is_declared: bool,
    /// When this writer began it, by the server's clock in µs. A redeclaration keeps this time.
    pub(crate) begun: Option<u64>,
    /// The generation of the hash that was added to.
    pub(crate) generation: Option<String>,
    /// All counts of this writer that were sent.
    baseline: HashMap<SeriesKey, Baseline>,
}

/// The totals of a series after all batches so far.
#[derive(Default)]
struct Baseline {
    totals: Box<[Number]>,
    was_set: bool,
    set_at: u64,
}

/// The result of a probe: the server's state of this writer.
pub(crate) struct ServerState {
    /// The last sequence number that it has applied.
    pub(crate) last_seq: Option<u64>,
    /// The writer's own keys exist.
    pub(crate) has_own_keys: bool,
    /// Families whose hashes are of another generation.
    pub(crate) lost: Vec<Arc<str>>,
    /// Families that the index lacks.
    pub(crate) undeclared: Vec<Arc<str>>,
}

impl Partition {
    pub(crate) fn new(namespace: &str, partition: usize) -> Self {
        Self {
            keys: PartitionKeys::new(namespace, partition),
            acked_seq: 0,
            last_seq: 0,
            had_own_keys: false,
            pending: VecDeque::new(),
            acknowledged: VecDeque::new(),
            families: HashMap::new(),
        }
    }

    fn family_state(&mut self, id: &str, family: &Arc<FamilyKey>) -> (&mut FamilyState, Arc<str>) {
        let id = match self.families.get_key_value(id) {
            Some((id, _)) => Arc::clone(id),
            None => Arc::from(id),
        };
        let state = self.families.entry(Arc::clone(&id)).or_insert_with(|| FamilyState {
            family: Arc::clone(family),
            declaration: family.to_json().to_string(),
            is_declared: false,
            begun: None,
            generation: None,
            baseline: HashMap::new(),
        });
        (state, id)
    }

    /// Appends a change to a batch, and its totals for the journal.
    pub(crate) fn add_change(&mut self, id: &str, change: &Change, batch: &mut NumberedBatch, is_journaled: bool) {
        let (_, id) = self.family_state(id, &change.family);
        if is_journaled && JournalEntry::is_for(&change.family) {
            let Change { family, series, totals, set_at, .. } = change;
            batch.entries.push(JournalEntry::new(&id, family, series, totals, *set_at));
        }
        let ops = batch.family_ops(&id, false);
        if schema::is_live(&change.family) {
            ops.extend(live_op(&id, &change.family, &change.series, &change.totals, change.set_at));
        } else {
            numbered_batch::push_change(change, ops);
        }
    }

    /// Appends the removal of a series to a batch.
    pub(crate) fn add_removal(
        &mut self,
        id: &str,
        family: &Arc<FamilyKey>,
        series: &SeriesKey,
        batch: &mut NumberedBatch,
    ) {
        let (state, id) = self.family_state(id, family);
        state.baseline.remove(series);
        let fields = if schema::is_live(family) {
            vec![schema::live_field(&id, family, series)]
        } else {
            schema::fields(family, &schema::series_text(family, series))
        };
        let remove = |field| FieldOp { code: OpCode::Remove, field, amount: String::new() };
        batch.family_ops(&id, true).extend(fields.into_iter().map(remove));
    }

    /// Records a change in the baseline, once its batch is certain to be sent.
    pub(crate) fn update_baseline(&mut self, id: &str, change: &Change) {
        let Some(state) = self.families.get_mut(id) else { return };
        let series = state.baseline.entry(change.series.clone()).or_default();
        series.totals = change.totals.as_slice().into();
        series.was_set |= change.was_set;
        series.set_at = change.set_at;
    }

    /// Returns the sequence number of the next batch.
    pub(crate) fn next_seq(&self) -> u64 {
        self.last_seq + 1
    }

    /// Returns the journal's snapshot of the baseline. No batch may be pending.
    pub(crate) fn journal_snapshot(&self) -> Vec<JournalEntry> {
        let mut entries = Vec::new();
        for (id, FamilyState { family, baseline, .. }) in &self.families {
            if JournalEntry::is_for(family) {
                let entry = |(series, Baseline { totals, set_at, .. }): (&SeriesKey, &Baseline)| {
                    JournalEntry::new(id, family, series, totals, *set_at)
                };
                entries.extend(baseline.iter().map(entry));
            }
        }
        entries
    }

    /// Assigns the next sequence number, and queues the batch.
    pub(crate) fn push(&mut self, mut batch: NumberedBatch) {
        self.last_seq += 1;
        batch.seq = self.last_seq;
        self.pending.push_back(batch);
    }

    /// Acknowledges the first pending batch.
    pub(crate) fn acknowledge(&mut self, acknowledgement: Acknowledgement) {
        self.had_own_keys = true;
        let (mut lost, mut undeclared) = (Vec::new(), Vec::new());
        if let Some(batch) = self.pending.pop_front() {
            self.acked_seq = batch.seq;
            for ops in batch.families.iter().filter(|ops| !ops.is_removal) {
                if let Some(state) = self.families.get_mut(&ops.family) {
                    state.is_declared = true;
                    // Between the first copy and this one, the lease may have ended.
                    if acknowledgement.is_duplicate {
                        let which = if schema::is_live(&state.family) { &mut lost } else { &mut undeclared };
                        which.push(Arc::clone(&ops.family));
                    }
                }
            }
            self.acknowledged.push_back(batch);
        }
        for (id, begun) in acknowledgement.begun {
            if let Some(state) = self.families.get_mut(id.as_str()) {
                state.begun = Some(begun);
            }
        }
        for (id, generation) in acknowledgement.generations {
            if generation.is_empty() {
                lost.push(id.into());
            } else if let Some(state) = self.families.get_mut(id.as_str()) {
                state.generation = Some(generation);
            }
        }
        self.redeclare(undeclared);
        self.resend_families(lost);
        let mut ops: usize = self.acknowledged.iter().map(NumberedBatch::op_count).sum();
        while ops > MAX_RETAINED_OPS || self.acknowledged.len() > MAX_RETAINED_BATCHES {
            ops -= self.acknowledged.pop_front().map_or(ops, |batch| batch.op_count());
        }
    }

    /// Drops families from all batches that may be sent again; removals stay.
    fn drop_families(&mut self, families: &[Arc<str>]) {
        for batch in self.pending.iter_mut().chain(&mut self.acknowledged) {
            batch.families.retain(|ops| ops.is_removal || !families.contains(&ops.family));
        }
    }

    /// Queues whatever the probed server lacks. Returns the number of batches that can't be resent.
    pub(crate) fn reconcile(&mut self, server: ServerState) -> u64 {
        let mut missed = 0;
        let ServerState { last_seq, has_own_keys, mut lost, mut undeclared } = server;
        if self.had_own_keys && !has_own_keys {
            for (id, state) in &self.families {
                let which = if schema::is_live(&state.family) { &mut lost } else { &mut undeclared };
                which.push(Arc::clone(id));
            }
        }
        self.drop_families(&lost);
        match last_seq {
            None => {
                // The server may have applied the first pending batch before it forgot the writer. Its families that are
                // not lost may contain it; at most once means to drop it there.
                if let Some(first) = self.pending.front_mut()
                    && first.maybe_applied
                    && self.acked_seq > 0
                {
                    let (before, states) = (first.families.len(), &self.families);
                    // Setting the latest value is idempotent.
                    first.families.retain(|ops| {
                        let state = states.get(&ops.family);
                        !ops.is_removal
                            && state.is_some_and(|state| state.family.aggregation() == Aggregation::MostRecent)
                    });
                    missed += u64::from(first.families.len() < before);
                }
                self.acked_seq = 0;
                self.acknowledged.clear();
            }
            Some(last_seq) if last_seq < self.acked_seq => {
                let kept_up_to = self.acknowledged.partition_point(|batch| batch.seq <= last_seq);
                let retained = (self.acknowledged.len() - kept_up_to) as u64;
                missed += (self.acked_seq - last_seq).saturating_sub(retained);
                for batch in self.acknowledged.drain(kept_up_to..).rev() {
                    self.pending.push_front(batch);
                }
                self.acked_seq = last_seq;
            }
            Some(_) => {}
        }
        self.had_own_keys = has_own_keys;
        self.redeclare(undeclared);
        self.resend_families(lost);
        missed
    }

    /// Queues declarations that the index, or the writer's own key, has lost.
    fn redeclare(&mut self, undeclared: Vec<Arc<str>>) {
        let mut batch = NumberedBatch::default();
        for family in undeclared {
            if let Some(state) = self.families.get_mut(&family)
                && std::mem::take(&mut state.is_declared)
            {
                batch.families.push(FamilyOps { family, is_removal: false, ops: Vec::new() });
            }
        }
        if !batch.families.is_empty() {
            self.push(batch);
        }
    }

    /// Queues the baselines of families, in place of their pending and acknowledged batches.
    fn resend_families(&mut self, mut families: Vec<Arc<str>>) {
        families.sort_unstable();
        families.dedup();
        self.drop_families(&families);
        for id in families {
            self.resend_family(&id);
        }
    }

    fn resend_family(&mut self, id: &Arc<str>) {
        let Some(state) = self.families.get_mut(id) else { return };
        (state.is_declared, state.generation) = (false, None);
        let (family, mut batches) = (&state.family, vec![NumberedBatch::default()]);
        for (series, Baseline { totals, was_set, set_at }) in &state.baseline {
            let last = batches.len() - 1;
            let ops = batches[last].family_ops(id, false);
            let text = schema::series_text(family, series);
            if schema::is_live(family) {
                ops.extend(live_op(id, family, series, totals, *set_at));
            } else if family.aggregation() == Aggregation::MostRecent {
                numbered_batch::push_set_latest(family, &text, totals, *set_at, ops);
            } else if *was_set && family.aggregation() == Aggregation::Shared {
                numbered_batch::push_set(family, &text, totals, OpCode::SetNew, ops);
            } else {
                numbered_batch::push_add(family, &text, totals, ops);
            }
            if ops.len() >= MAX_RESENT_OPS {
                batches.push(NumberedBatch::default());
            }
        }
        for batch in batches.into_iter().filter(|batch| batch.op_count() > 0) {
            self.push(batch);
        }
    }

    /// Returns the families that the index is known to have.
    pub(crate) fn declared_families(&self) -> impl Iterator<Item = &Arc<str>> {
        self.families.iter().filter(|(_, state)| state.is_declared).map(|(id, _)| id)
    }

    /// Returns the families with a known generation.
    pub(crate) fn generations(&self) -> Vec<(Arc<str>, String)> {
        let known = self.families.iter();
        known.filter_map(|(id, state)| Some((Arc::clone(id), state.generation.clone()?))).collect()
    }
}

fn live_op(id: &str, family: &FamilyKey, series: &SeriesKey, totals: &[Number], set_at: u64) -> Option<FieldOp> {
    let amount = schema::value_text(*totals.first()?, set_at);
    Some(FieldOp { code: OpCode::Set, field: schema::live_field(id, family, series), amount })
}
