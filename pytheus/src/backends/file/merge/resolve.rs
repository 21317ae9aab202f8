//! Resolves which declarations of families there are, and which row each series has.
//!
//! Declarations of one name may differ between versions of a program. Each has an accumulator of its own; the core
//! [merges](crate::backends::custom::Totals::provide) what they show.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::backends::custom::FamilyKey;
use crate::backends::file::archive::Archive;
use crate::backends::file::merge::{DeclarationOrigin, FamilyAccumulator, PeerRows};
use crate::backends::file::write::SharedFile;

/// The declarations that were found so far, with an accumulator each.
#[derive(Default)]
pub(crate) struct Declarations {
    pub(crate) accumulators: Vec<FamilyAccumulator>,
    /// Index of the accumulator, by [`FamilyKey::id`].
    by_id: HashMap<String, usize, RandomState>,
}

impl Declarations {
    /// Resolves the declarations of these sources. Known accumulators and rows keep their indices.
    pub(crate) fn resolve(&mut self, archive: &Archive, peers: &mut [PeerRows], shared: &SharedFile) {
        for accumulator in &mut self.accumulators {
            accumulator.origin = None;
            accumulator.shared.clear();
        }
        for peer in peers {
            for family in &peer.peer.families()[peer.accumulators.len()..] {
                peer.accumulators.push(self.index_of(family));
            }
            let origin = DeclarationOrigin { newest: peer.peer.number(), is_live: peer.is_live };
            peer.accumulators.iter().for_each(|index| self.accumulators[*index].add_origin(origin));
            peer.assign_rows(&mut self.accumulators);
        }
        for (place, archived) in archive.families.iter().enumerate() {
            let index = self.index_of(&archived.key);
            let accumulator = &mut self.accumulators[index];
            accumulator.add_origin(DeclarationOrigin { newest: archived.newest, is_live: false });
            if accumulator.archived.is_none() {
                let rows = archived.series.iter().map(|(series, _)| accumulator.row(series)).collect();
                accumulator.archived = Some((place, rows));
            }
        }
        let mut by_number = HashMap::new();
        shared.each(|_, family, series| {
            let index = *by_number.entry(series.family).or_insert_with(|| self.index_of(family));
            let accumulator = &mut self.accumulators[index];
            // The shared file does not say which processes have declared the family.
            accumulator.add_origin(DeclarationOrigin { newest: 0, is_live: false });
            let row = accumulator.row(&series.key);
            accumulator.shared.push((series.at, series.is_zero_series, row));
        });
    }

    fn index_of(&mut self, family: &Arc<FamilyKey>) -> usize {
        *self.by_id.entry(family.id()).or_insert_with(|| {
            self.accumulators.push(FamilyAccumulator::new(Arc::clone(family)));
            self.accumulators.len() - 1
        })
    }

    /// Returns the accumulators of all declarations that have an origin, the newest declaration last.
    pub(crate) fn in_start_order(&self) -> Vec<(usize, DeclarationOrigin)> {
        let all = self.accumulators.iter().enumerate();
        let mut all: Vec<_> = all.filter_map(|(index, accumulator)| Some((index, accumulator.origin?))).collect();
        all.sort_by_key(|(index, origin)| (origin.newest, *index));
        all
    }
}
