//! Which declarations of families there are, and which row each series has.
//!
//! Each declaration of a name has a table of its own; the core [merges](crate::backends::custom::Totals::provide) what they show.

use std::sync::Arc;

use crate::backends::custom::FamilyKey;
use crate::backends::file::merge::accumulator::FamilyAccumulator;
use crate::backends::file::merge::merger::{Merger, Sources};

/// The processes that have a declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Standing {
    /// The number of the process that has begun last, of those that have it.
    pub(crate) newest: u64,
    pub(crate) is_live: bool,
}

impl Merger {
    /// Finds out which declarations there are, and which row each series has.
    pub(crate) fn settle(&mut self) {
        self.sources.iter_mut().for_each(|sources| sources.standing = None);
        self.changed = false;
        for place in 0..self.processes.len() {
            let process = &self.processes[place];
            let standing = Standing { newest: process.peer.number(), is_live: process.is_live };
            let families = process.peer.families().to_vec();
            let accumulators = families.iter().map(|family| self.accumulator(family, standing)).collect();
            let process = &mut self.processes[place];
            process.settle(accumulators);
            process.place(&mut self.accumulators);
        }
        self.place_archived();
        self.assign_shared_rows();
    }

    /// The table of a declaration.
    fn accumulator(&mut self, family: &Arc<FamilyKey>, standing: Standing) -> usize {
        let alike = self.index.entry(full_name(family)).or_default();
        let known = alike.iter().find(|number| self.accumulators[**number].declared().difference(family).is_none());
        let number = known.copied().unwrap_or_else(|| {
            alike.push(self.accumulators.len());
            self.accumulators.push(FamilyAccumulator::new(Arc::clone(family)));
            self.sources.push(Sources::default());
            self.accumulators.len() - 1
        });
        let known = &mut self.sources[number].standing;
        *known = Some(known.map_or(standing, |known| Standing {
            newest: known.newest.max(standing.newest),
            is_live: known.is_live || standing.is_live,
        }));
        number
    }

    fn place_archived(&mut self) {
        for place in 0..self.archive.families.len() {
            let archived = &self.archive.families[place];
            let (family, newest) = (Arc::clone(&archived.key), archived.newest);
            let number = self.accumulator(&family, Standing { newest, is_live: false });
            if self.sources[number].archived.is_none() {
                let accumulator = &mut self.accumulators[number];
                let rows =
                    self.archive.families[place].series.iter().map(|(series, _)| accumulator.row(series)).collect();
                self.sources[number].archived = Some((place, rows));
            }
        }
    }

    fn assign_shared_rows(&mut self) {
        self.sources.iter_mut().for_each(|sources| sources.shared.clear());
        let shared = Arc::clone(&self.shared);
        let mut last: Option<(Arc<FamilyKey>, usize)> = None;
        shared.each(|_, family, series| {
            let number = match &last {
                Some((known, number)) if Arc::ptr_eq(known, family) => *number,
                // Which processes have had it, the file does not say: of those that have ended, the order in it decides.
                _ => self.accumulator(family, Standing { newest: 0, is_live: false }),
            };
            let row = self.accumulators[number].row(&series.key);
            self.sources[number].shared.push((series.at, series.promised, row));
            last = Some((Arc::clone(family), number));
        });
    }

    /// The tables of what anybody has declared, in the order in which that was begun last.
    pub(crate) fn by_start_order(&self) -> Vec<(usize, Standing)> {
        let all = self.sources.iter().enumerate();
        let mut all: Vec<_> = all.filter_map(|(number, sources)| Some((number, sources.standing?))).collect();
        all.sort_by_key(|(number, standing)| (standing.newest, *number));
        all
    }
}

/// What tells a family from others.
pub(crate) fn full_name(family: &FamilyKey) -> String {
    // No name has that character in it.
    [family.name(), "\n", family.scope()].concat()
}
