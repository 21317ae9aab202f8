//! Which families there are, which of several declarations stands, and which row each series has.

use std::sync::Arc;

use super::amount::FileId;
use super::merge::{Merger, Sources};
use super::notes::Who;
use super::table::Table;
use crate::backends::FamilyKey;

impl Merger {
    /// Finds out which families there are, what they are, and which row each series has.
    pub(super) fn settle(&mut self) {
        self.choose();
        let differs = |(table, sources): (&Table, &Sources)| {
            sources.schema.as_ref().is_some_and(|(family, _)| table.declared().difference(family).is_some())
        };
        if self.tables.iter().zip(&self.sources).any(differs) {
            self.forget();
            self.choose();
        }
        self.changed = false;
        for place in 0..self.processes.len() {
            let process = &self.processes[place];
            let (who, file) = (Who::Process(process.peer.pid()), Some(process.peer.id()));
            let families = process.peer.families().to_vec();
            let tables = families.iter().map(|family| self.table(family, who, file)).collect();
            let process = &mut self.processes[place];
            process.settle(tables);
            process.place(&mut self.tables);
        }
        self.place_archived();
        self.place_shared();
    }

    /// Which of several declarations of a name stands: that of the eldest who lives.
    fn choose(&mut self) {
        self.sources.iter_mut().for_each(|sources| sources.schema = None);
        let mut all = Vec::new();
        for is_alive in [true, false] {
            if !is_alive {
                let mut common: Vec<Arc<FamilyKey>> = Vec::new();
                self.common.each(|_, family, _| {
                    if common.last().is_none_or(|last| !Arc::ptr_eq(last, family)) {
                        common.push(Arc::clone(family));
                    }
                });
                all.extend(common.into_iter().map(|family| (family, Who::All)));
                all.extend(self.archive.families.iter().map(|family| (Arc::clone(&family.key), Who::Dead)));
            }
            for process in self.processes.iter().filter(|process| process.is_alive == is_alive) {
                let who = Who::Process(process.peer.pid());
                all.extend(process.peer.families().iter().map(|family| (Arc::clone(family), who)));
            }
        }
        for (family, who) in all {
            let tables = &mut self.tables;
            let number = *self.index.entry(full_name(&family)).or_insert_with(|| {
                tables.push(Table::new(Arc::clone(&family)));
                tables.len() - 1
            });
            self.sources.resize_with(self.tables.len(), Sources::default);
            self.sources[number].schema.get_or_insert((family, who));
        }
    }

    /// The table of a family, if it can be added up there; else that is to be told.
    fn table(&mut self, family: &FamilyKey, who: Who, file: Option<FileId>) -> Option<usize> {
        let number = *self.index.get(&full_name(family))?;
        let (stands, whose) = self.sources[number].schema.as_ref()?;
        match family.difference(stands) {
            None => Some(number),
            Some(difference) => {
                // Those who share one have it in their own files, too.
                if who != Who::All {
                    self.notes.conflict(family, (who, file), *whose, difference);
                }
                None
            }
        }
    }

    fn place_archived(&mut self) {
        for place in 0..self.archive.families.len() {
            let family = Arc::clone(&self.archive.families[place].key);
            let Some(number) = self.table(&family, Who::Dead, None) else { continue };
            if self.sources[number].archived.is_none() {
                let table = &mut self.tables[number];
                let rows = self.archive.families[place].series.iter().map(|(series, _)| table.row(series)).collect();
                self.sources[number].archived = Some((place, rows));
            }
        }
    }

    fn place_shared(&mut self) {
        self.sources.iter_mut().for_each(|sources| sources.shared.clear());
        let common = Arc::clone(&self.common);
        let mut last: Option<(Arc<FamilyKey>, Option<usize>)> = None;
        common.each(|_, family, series| {
            let number = match &last {
                Some((known, number)) if Arc::ptr_eq(known, family) => *number,
                _ => self.table(family, Who::All, None),
            };
            if let Some(number) = number {
                let row = self.tables[number].row(&series.key);
                self.sources[number].shared.push((series.at, series.promised, row));
            }
            last = Some((Arc::clone(family), number));
        });
    }
}

/// What tells a family from others.
pub(super) fn full_name(family: &FamilyKey) -> String {
    // No name has that character in it.
    [family.name(), "\n", family.scope()].concat()
}
