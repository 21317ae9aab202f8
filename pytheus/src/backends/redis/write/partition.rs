//! What this process has told one shard, and is about to.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::backends::custom::{Aggregation, Change, FamilyKey, SeriesKey};
use crate::backends::redis::schema::{self, Keys};
use crate::backends::redis::write::journal::Entry;
use crate::backends::redis::write::numbered_batch::{self, Done, FamilyOps, FieldOp, NumberedBatch, OpCode};
use crate::model::number::Number;

/// How many ops of batches that were done are kept, in case the server forgets some of the last.
const MAX_RETAINED_OPS: usize = 50_000;

/// How many batches that were done are kept at most.
const MAX_RETAINED_BATCHES: usize = 200;

/// The most ops in one batch of what is told again.
const MAX_OPS: usize = 20_000;

pub(crate) struct Shard {
    pub(crate) keys: Keys,
    /// The key of this writer alone.
    pub(crate) own: String,
    /// That of what it declares.
    pub(crate) declared: String,
    /// The last number that is known to be applied.
    pub(crate) acked: u64,
    /// The last number that was given away.
    numbered: u64,
    /// Were the writer's own keys there?
    pub(crate) had_own: bool,
    pub(crate) pending: VecDeque<NumberedBatch>,
    /// The last that were done.
    done: VecDeque<NumberedBatch>,
    pub(crate) families: HashMap<Arc<str>, Known>,
}

/// A family that was told of.
pub(crate) struct Known {
    pub(crate) family: Arc<FamilyKey>,
    /// As it stands, or is to stand, in the index.
    pub(crate) schema: String,
    /// Is it known to stand there?
    pub(crate) declared: bool,
    /// When this writer began it, by the server's clock in µs: so it is as old when it is declared again.
    pub(crate) begun: Option<u64>,
    /// Which life of its hash was added to.
    pub(crate) incarnation: Option<String>,
    /// What this writer has counted.
    told: HashMap<SeriesKey, Told>,
}

#[derive(Default)]
struct Told {
    totals: Box<[Number]>,
    was_set: bool,
    stamp: u64,
}

/// What the server is found to have of what this writer has told.
pub(crate) struct Found {
    /// The last number.
    pub(crate) last: Option<u64>,
    /// Are the writer's own keys there?
    pub(crate) has_own: bool,
    /// The families whose hashes are not those that were added to.
    pub(crate) gone: Vec<Arc<str>>,
    /// The families that stand in the index no more.
    pub(crate) unlisted: Vec<Arc<str>>,
}

impl Shard {
    pub(crate) fn new(namespace: &str, shard: u64, writer: &str) -> Self {
        let keys = Keys::new(namespace, shard);
        Self {
            own: keys.own(writer),
            declared: keys.declared(writer),
            keys,
            acked: 0,
            numbered: 0,
            had_own: false,
            pending: VecDeque::new(),
            done: VecDeque::new(),
            families: HashMap::new(),
        }
    }

    fn known(&mut self, id: &str, family: &Arc<FamilyKey>) -> (&mut Known, Arc<str>) {
        let id = match self.families.get_key_value(id) {
            Some((id, _)) => Arc::clone(id),
            None => Arc::from(id),
        };
        let known = self.families.entry(Arc::clone(&id)).or_insert_with(|| Known {
            family: Arc::clone(family),
            schema: family.to_json().to_string(),
            declared: false,
            begun: None,
            incarnation: None,
            told: HashMap::new(),
        });
        (known, id)
    }

    /// Takes a change into an batch.
    pub(crate) fn change(&mut self, id: &str, change: &Change, batch: &mut NumberedBatch) {
        let (_, id) = self.known(id, &change.family);
        let ops = batch.group(&id, false);
        if schema::is_live(&change.family) {
            ops.extend(live_op(&id, &change.family, &change.series, &change.totals, change.set_at));
        } else {
            numbered_batch::ops_of(change, ops);
        }
    }

    /// The change is to be sent, whatever happens: from now on it is told again with the rest.
    pub(crate) fn told(&mut self, id: &str, change: &Change) {
        let Some(known) = self.families.get_mut(id) else { return };
        let told = known.told.entry(change.series.clone()).or_default();
        told.totals = change.totals.as_slice().into();
        told.was_set |= change.was_set;
        told.stamp = change.set_at;
    }

    /// The number that the next batch gets.
    pub(crate) fn next_number(&self) -> u64 {
        self.numbered + 1
    }

    /// All that was told of what a spool keeps, when nothing waits.
    pub(crate) fn noted(&self) -> Vec<Entry> {
        let families = self.families.iter().filter(|(_, known)| numbered_batch::is_noted(&known.family));
        let of_family = |(id, known): (&Arc<str>, &Known)| -> Vec<Entry> {
            let text = |series| schema::series_text(&known.family, series);
            let noted = |told: &Told| numbered_batch::noted(&known.family, &told.totals, told.stamp);
            known.told.iter().map(|(series, told)| (id.to_string(), text(series), noted(told))).collect()
        };
        families.flat_map(of_family).collect()
    }

    /// Takes the removal of a series into an batch.
    pub(crate) fn removal(&mut self, id: &str, family: &Arc<FamilyKey>, series: &SeriesKey, batch: &mut NumberedBatch) {
        let (known, id) = self.known(id, family);
        known.told.remove(series);
        let fields = if schema::is_live(family) {
            vec![schema::live_field(&id, family, series)]
        } else {
            schema::fields(family, &schema::series_text(family, series))
        };
        let ops = batch.group(&id, true);
        ops.extend(fields.into_iter().map(|field| FieldOp { code: OpCode::Remove, field, amount: String::new() }));
    }

    /// Numbers an batch, to be sent after those that wait.
    pub(crate) fn push(&mut self, mut batch: NumberedBatch) {
        self.numbered += 1;
        batch.number = self.numbered;
        self.pending.push_back(batch);
    }

    /// The first that waits was applied.
    pub(crate) fn finished(&mut self, done: Done) {
        self.had_own = true;
        let (mut again, mut undeclared) = (Vec::new(), Vec::new());
        if let Some(batch) = self.pending.pop_front() {
            self.acked = batch.number;
            for group in batch.families.iter().filter(|group| !group.removes) {
                if let Some(known) = self.families.get_mut(&group.family) {
                    known.declared = true;
                    // The lease may have been over before anybody heard of it.
                    if done.again {
                        let which = if schema::is_live(&known.family) { &mut again } else { &mut undeclared };
                        which.push(Arc::clone(&group.family));
                    }
                }
            }
            self.done.push_back(batch);
        }
        for (id, begun) in done.begun {
            if let Some(known) = self.families.get_mut(id.as_str()) {
                known.begun = Some(begun);
            }
        }
        for (id, incarnation) in done.incarnations {
            if incarnation.is_empty() {
                again.push(id.into());
            } else if let Some(known) = self.families.get_mut(id.as_str()) {
                known.incarnation = Some(incarnation);
            }
        }
        self.declare_again(undeclared);
        self.tell_all_again(again);
        let mut ops: usize = self.done.iter().map(NumberedBatch::ops).sum();
        while ops > MAX_RETAINED_OPS || self.done.len() > MAX_RETAINED_BATCHES {
            ops -= self.done.pop_front().map_or(ops, |batch| batch.ops());
        }
    }

    /// Leaves families out of all that may be sent yet.
    fn leave_out(&mut self, is_meant: impl Fn(&str) -> bool) {
        for batch in self.pending.iter_mut().chain(&mut self.done) {
            batch.families.retain(|group| group.removes || !is_meant(&group.family));
        }
    }

    /// Brings what waits up to what the server is found to have. Gives how many batches can't be told again.
    pub(crate) fn recover(&mut self, found: Found) -> u64 {
        let mut missed = 0;
        let (last, mut again, mut undeclared) = (found.last, found.gone, found.unlisted);
        if self.had_own && !found.has_own {
            for (id, known) in &self.families {
                let which = if schema::is_live(&known.family) { &mut again } else { &mut undeclared };
                which.push(Arc::clone(id));
            }
        }
        self.leave_out(|family| again.iter().any(|again| **again == *family));
        match last {
            None => {
                // Forgotten, or all is gone; what is not told again below may have been applied before that, or not.
                if let Some(first) = self.pending.front_mut()
                    && first.in_doubt
                    && self.acked > 0
                {
                    let before = first.families.len();
                    // The latest value may be told twice.
                    let known_families = &self.families;
                    first.families.retain(|group| {
                        let known = known_families.get(&group.family);
                        !group.removes
                            && known.is_some_and(|known| known.family.aggregation() == Aggregation::MostRecent)
                    });
                    missed += u64::from(first.families.len() < before);
                }
                self.acked = 0;
                self.done.clear();
            }
            Some(last) if last < self.acked => {
                let kept = self.done.iter().filter(|batch| batch.number > last).count() as u64;
                missed += (self.acked - last).saturating_sub(kept);
                while self.done.back().is_some_and(|batch| batch.number > last) {
                    self.pending.extend(self.done.pop_back());
                    self.pending.rotate_right(1);
                }
                self.acked = last;
            }
            Some(_) => {}
        }
        self.had_own = found.has_own;
        self.declare_again(undeclared);
        self.tell_all_again(again);
        missed
    }

    /// Families stand no more in the index, or in the key of what the writer declares.
    fn declare_again(&mut self, undeclared: Vec<Arc<str>>) {
        let mut batch = NumberedBatch::default();
        for family in undeclared {
            if let Some(known) = self.families.get_mut(&family)
                && std::mem::take(&mut known.declared)
            {
                batch.families.push(FamilyOps { family, removes: false, ops: Vec::new() });
            }
        }
        if !batch.families.is_empty() {
            self.push(batch);
        }
    }

    /// Sends all that this writer has counted in these families, in place of what waits or was sent of them.
    fn tell_all_again(&mut self, mut families: Vec<Arc<str>>) {
        families.sort_unstable();
        families.dedup();
        self.leave_out(|family| families.iter().any(|again| **again == *family));
        for id in families {
            self.tell_again(&id);
        }
    }

    /// Sends all that this writer has counted in a family.
    fn tell_again(&mut self, id: &Arc<str>) {
        let Some(known) = self.families.get_mut(id) else { return };
        (known.declared, known.incarnation) = (false, None);
        let (family, mut batches) = (&known.family, vec![NumberedBatch::default()]);
        for (series, told) in &known.told {
            let last = batches.len() - 1;
            let ops = batches[last].group(id, false);
            let text = schema::series_text(family, series);
            if schema::is_live(family) {
                ops.extend(live_op(id, family, series, &told.totals, told.stamp));
            } else if family.aggregation() == Aggregation::MostRecent {
                numbered_batch::set_latest(family, &text, &told.totals, told.stamp, ops);
            } else if told.was_set && numbered_batch::is_shared(family) {
                numbered_batch::set(family, &text, &told.totals, OpCode::SetNew, ops);
            } else {
                numbered_batch::add(family, &text, &told.totals, ops);
            }
            if ops.len() >= MAX_OPS {
                batches.push(NumberedBatch::default());
            }
        }
        for batch in batches {
            if batch.ops() > 0 {
                self.push(batch);
            }
        }
    }

    /// The families that stand in the index, as far as is known.
    pub(crate) fn listed(&self) -> impl Iterator<Item = &Arc<str>> {
        self.families.iter().filter(|(_, known)| known.declared).map(|(id, _)| id)
    }

    /// The families whose hashes are known to have been there.
    pub(crate) fn incarnations(&self) -> Vec<(Arc<str>, String)> {
        let known = self.families.iter();
        known.filter_map(|(id, known)| Some((Arc::clone(id), known.incarnation.clone()?))).collect()
    }
}

fn live_op(id: &str, family: &FamilyKey, series: &SeriesKey, totals: &[Number], stamp: u64) -> Option<FieldOp> {
    let amount = schema::value_text(*totals.first()?, stamp);
    Some(FieldOp { code: OpCode::Set, field: schema::live_field(id, family, series), amount })
}
