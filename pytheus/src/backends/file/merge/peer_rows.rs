//! The file of one process as merging knows it: which of its series stands in which row of which table.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::backends::custom::{Aggregation, CellAddr};
use crate::backends::file::archive::{Archive, baseline_of};
use crate::backends::file::format::{ExactAmount, FileId, LogGeneration, SkippedFile};
use crate::backends::file::merge::FamilyAccumulator;
use crate::backends::file::read::Peer;
use crate::model::descriptor::Kind;

/// The file of a process, and where its series stand.
pub(crate) struct PeerRows {
    pub(crate) peer: Peer,
    pub(crate) is_live: bool,
    /// The label `pid` of the process.
    label: String,
    /// By the number of the family in the file: its table.
    pub(crate) accumulators: Vec<usize>,
    /// The log that the places are of.
    generation: LogGeneration,
    /// By table: the places of the series in the file, and their rows.
    places: HashMap<usize, Vec<(usize, u32)>, RandomState>,
    /// How many series of the file have their place.
    placed: usize,
    /// By the number of a series: what it held when it was removed.
    baselines: HashMap<u32, Box<[ExactAmount]>, RandomState>,
    /// What was read last.
    read: Vec<Read>,
    amounts: Vec<ExactAmount>,
}

/// What was read of a series.
struct Read {
    /// Its number in the file.
    series: u32,
    row: u32,
    held: Held,
}

/// What a series holds.
enum Held {
    /// Nothing was set, or nothing since it was removed. It shows if it was promised, and not removed.
    Nothing { promised: bool },
    /// So much stands among the amounts.
    Amounts,
    /// The value of a gauge, and when it was set.
    Value(f64, u64),
}

impl PeerRows {
    pub(crate) fn new(peer: Peer, archive: &Archive) -> Self {
        let mut known = Self {
            generation: peer.generation(),
            label: peer.label(),
            peer,
            is_live: true,
            accumulators: Vec::new(),
            places: HashMap::default(),
            placed: 0,
            baselines: HashMap::default(),
            read: Vec::new(),
            amounts: Vec::new(),
        };
        known.set_baselines(archive);
        known
    }

    /// The order of birth.
    pub(crate) fn start_order(&self) -> (u64, FileId) {
        (self.peer.number(), self.peer.id())
    }

    /// Looks whether the process lives, and what is new in its file; says whether tables and rows may be others now.
    pub(crate) fn rescan(&mut self) -> Result<bool, SkippedFile> {
        if !self.is_live {
            return Ok(self.has_unresolved_families());
        }
        // First this: what is new in the file of one that is dead is the last there is. Should the system not tell, it
        // lives: its counts stand either way.
        let is_live = self.peer.is_live().unwrap_or(true);
        let is_new = self.peer.refresh()?;
        self.is_live = is_live;
        Ok(is_new || !self.is_live || self.has_unresolved_families())
    }

    /// Takes note of what was removed.
    pub(crate) fn set_baselines(&mut self, archive: &Archive) {
        let of_this = archive.tombstones.iter().filter(|removed| removed.file == self.peer.id());
        self.baselines = of_this.map(|removed| (removed.series, removed.amounts.clone())).collect();
    }

    /// Has it families whose tables are not known yet?
    fn has_unresolved_families(&self) -> bool {
        self.accumulators.len() != self.peer.families().len()
    }

    /// Forgets all places: the tables are new.
    pub(crate) fn forget(&mut self) {
        self.accumulators.clear();
        self.places.clear();
        self.placed = 0;
    }

    /// Gives the series their rows that have come since, and takes those away that have ended.
    pub(crate) fn assign_rows(&mut self, accumulators: &mut [FamilyAccumulator]) {
        if self.generation != self.peer.generation() {
            // Its families are what they were.
            self.generation = self.peer.generation();
            self.places.clear();
            self.placed = 0;
        }
        let Self { peer, places, .. } = self;
        for places in places.values_mut() {
            places.retain(|(series, _)| peer.series().get(*series).is_some_and(|series| !series.ended));
        }
        while let Some(series) = peer.series().get(self.placed) {
            // Of a family that was begun a moment ago: the next scrape has it.
            let Some(number) = self.accumulators.get(series.family as usize) else { break };
            // What all processes write is read where it lies.
            if series.at.page < CellAddr::FIRST_SHARED_PAGE && !series.ended {
                let accumulator = &mut accumulators[*number];
                let row = accumulator.row_of_process(&series.key, &self.label);
                places.entry(*number).or_default().push((self.placed, row));
            }
            self.placed += 1;
        }
    }

    /// Adds what this process has of the series of a table.
    pub(crate) fn merge_into(
        &mut self,
        accumulators: &mut [FamilyAccumulator],
        number: usize,
    ) -> Result<(), SkippedFile> {
        self.peer.check_len()?;
        self.read(&accumulators[number], number);
        let is_new = self.peer.refresh()?;
        let (accumulator, width) = (&mut accumulators[number], self.amounts.len() / self.read.len().max(1));
        for (place, read) in self.read.iter().enumerate() {
            // Its cells may have been another's by the time that they were read.
            if is_new && !self.peer.counts(read.series) {
                continue;
            }
            match read.held {
                Held::Nothing { promised } => accumulator.mark_present(read.row, promised),
                Held::Amounts => accumulator.add(read.row, &self.amounts[place * width..(place + 1) * width]),
                Held::Value(value, stamp) => accumulator.add_value(read.row, value, stamp),
            }
        }
        if is_new {
            self.assign_rows(accumulators);
        }
        Ok(())
    }

    /// Adds the work that this process has in progress, of series that all processes write.
    pub(crate) fn add_in_progress(
        &mut self,
        all: &[CellAddr],
        sums: &mut [u64],
        accumulators: &mut [FamilyAccumulator],
    ) -> Result<(), SkippedFile> {
        let (work, is_new) = self.peer.in_progress_of(all)?;
        for (sum, work) in sums.iter_mut().zip(work) {
            *sum = sum.wrapping_add(work);
        }
        if is_new {
            self.assign_rows(accumulators);
        }
        Ok(())
    }

    /// Reads the series of a table; whether what was read is theirs is to be seen afterwards.
    fn read(&mut self, accumulator: &FamilyAccumulator, number: usize) {
        self.read.clear();
        self.amounts.clear();
        let Some(places) = self.places.get(&number) else { return };
        let kind = accumulator.family().descriptor().kind();
        let adds = accumulator.aggregation() == Aggregation::Add;
        let width = accumulator.family().part_count();
        if adds {
            self.amounts.resize(places.len() * width, ExactAmount::default());
        }
        for (place, (series, row)) in places.iter().enumerate() {
            let of_file = &self.peer.series()[*series];
            let baseline = self.baselines.get(&of_file.number);
            let nothing = Held::Nothing { promised: of_file.promised && baseline.is_none() };
            let held = if adds {
                let amounts = &mut self.amounts[place * width..(place + 1) * width];
                self.peer.read(*series, amounts);
                if subtract_baseline(amounts, baseline.map(|amounts| &**amounts)) { Held::Amounts } else { nothing }
            } else {
                let set_at = self.peer.stamp(*series);
                let value = match (kind, accumulator.aggregation()) {
                    (Kind::Info, _) => (self.peer.flags(*series) & 1 != 0).then_some((1.0, 0)),
                    (_, Aggregation::MostRecent) => self.peer.last_set(*series),
                    _ => self.peer.value(*series).map(|value| (value, set_at)),
                };
                let family = accumulator.declared();
                // Has it not changed since it was removed?
                let is_old = || baseline.is_some_and(|then| *then == baseline_of(&self.peer, *series, family));
                match value {
                    Some((value, set_at)) if !is_old() => Held::Value(value, set_at),
                    _ => nothing,
                }
            };
            self.read.push(Read { series: of_file.number, row: *row, held });
        }
    }
}

/// Takes away what was there when the series was removed, if it was; false when nobody has counted in it since.
fn subtract_baseline(amounts: &mut [ExactAmount], baseline: Option<&[ExactAmount]>) -> bool {
    let Some(baseline) = baseline else { return true };
    for (amount, before) in amounts.iter_mut().zip(baseline) {
        *amount -= *before;
    }
    !amounts.iter().all(ExactAmount::is_zero)
}
