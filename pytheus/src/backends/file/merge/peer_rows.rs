//! Maps the series of a process' file to rows of accumulators.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::backends::custom::{Aggregation, CellAddr};
use crate::backends::file::archive::{Archive, baseline_of};
use crate::backends::file::format::{ExactAmount, FileId, LogGeneration, SkippedFile};
use crate::backends::file::merge::FamilyAccumulator;
use crate::backends::file::read::Peer;
use crate::model::descriptor::Kind;

/// The file of a process, and the rows of its series.
pub(crate) struct PeerRows {
    pub(crate) peer: Peer,
    pub(crate) is_live: bool,
    /// Label `pid` of the process.
    label: String,
    /// Accumulator of each family, by its number in the file.
    pub(crate) accumulators: Vec<usize>,
    /// The generation that the indices are of.
    generation: LogGeneration,
    /// Index in the file and row of each series, by accumulator.
    places: HashMap<usize, Vec<(usize, u32)>, RandomState>,
    /// Number of series that were looked at.
    placed: usize,
    /// Baseline of a removed series, by its number.
    baselines: HashMap<u32, Box<[ExactAmount]>, RandomState>,
    /// Buffer of the last reading.
    read: Vec<Read>,
    amounts: Vec<ExactAmount>,
}

/// A series that was read.
struct Read {
    /// Number in the file.
    series: u32,
    row: u32,
    held: Held,
}

/// The content of a series.
enum Held {
    /// No value, or none since the removal.
    Nothing { is_zero_series: bool },
    /// Amounts, in the buffer beside.
    Amounts,
    /// Value of a gauge, and when it was set.
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

    /// Returns the order in which processes started.
    pub(crate) fn start_order(&self) -> (u64, FileId) {
        (self.peer.number(), self.peer.id())
    }

    /// Tests liveness, and reads new records; says whether declarations or rows may have changed.
    pub(crate) fn rescan(&mut self) -> Result<bool, SkippedFile> {
        if !self.is_live {
            return Ok(self.has_unresolved_families());
        }
        // Test liveness before reading, so that a read of an ended process is final. If the test fails, assume that it
        // is live: its counts are included either way.
        let is_live = self.peer.is_live().unwrap_or(true);
        let is_new = self.peer.refresh()?;
        self.is_live = is_live;
        Ok(is_new || !self.is_live || self.has_unresolved_families())
    }

    /// Sets the baselines of removed series.
    pub(crate) fn set_baselines(&mut self, archive: &Archive) {
        let of_this = archive.tombstones.iter().filter(|removed| removed.file == self.peer.id());
        self.baselines = of_this.map(|removed| (removed.series, removed.amounts.clone())).collect();
    }

    /// Says whether families have no accumulator yet.
    fn has_unresolved_families(&self) -> bool {
        self.accumulators.len() != self.peer.families().len()
    }

    /// Forgets all rows, as the accumulators are new.
    pub(crate) fn forget(&mut self) {
        self.accumulators.clear();
        self.places.clear();
        self.placed = 0;
    }

    /// Assigns rows to new series, and drops those of ended ones.
    pub(crate) fn assign_rows(&mut self, accumulators: &mut [FamilyAccumulator]) {
        if self.generation != self.peer.generation() {
            // Families are the same in each generation.
            self.generation = self.peer.generation();
            self.places.clear();
            self.placed = 0;
        }
        let Self { peer, places, .. } = self;
        for places in places.values_mut() {
            places.retain(|(series, _)| peer.series().get(*series).is_some_and(|series| !series.ended));
        }
        while let Some(series) = peer.series().get(self.placed) {
            // A family that was declared a moment ago: the next scrape has it.
            let Some(number) = self.accumulators.get(series.family as usize) else { break };
            // Shared series are read in the shared file.
            if series.at.page < CellAddr::FIRST_SHARED_PAGE && !series.ended {
                let accumulator = &mut accumulators[*number];
                let row = accumulator.row_of_process(&series.key, &self.label);
                places.entry(*number).or_default().push((self.placed, row));
            }
            self.placed += 1;
        }
    }

    /// Adds the series of an accumulator.
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
            // Its cells may have been reused before they were read.
            if is_new && !self.peer.counts(read.series) {
                continue;
            }
            match read.held {
                Held::Nothing { is_zero_series } => accumulator.mark_present(read.row, is_zero_series),
                Held::Amounts => accumulator.add(read.row, &self.amounts[place * width..(place + 1) * width]),
                Held::Value(value, stamp) => accumulator.add_value(read.row, value, stamp),
            }
        }
        if is_new {
            self.assign_rows(accumulators);
        }
        Ok(())
    }

    /// Adds the work in progress of this process, of shared series.
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

    /// Reads the series of an accumulator. The caller checks afterwards that they are still live.
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
            let nothing = Held::Nothing { is_zero_series: of_file.is_zero_series && baseline.is_none() };
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
                // An unchanged value since the removal is hidden.
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

/// Subtracts the baseline of a removed series; false when it has not changed since.
fn subtract_baseline(amounts: &mut [ExactAmount], baseline: Option<&[ExactAmount]>) -> bool {
    let Some(baseline) = baseline else { return true };
    for (amount, before) in amounts.iter_mut().zip(baseline) {
        *amount -= *before;
    }
    !amounts.iter().all(ExactAmount::is_zero)
}
