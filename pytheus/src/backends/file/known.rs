//! The file of one process as merging knows it: which of its series stands in which row of which table.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::amount::{Amount, FileId};
use super::archive::Archive;
use super::fault::Skip;
use super::merge::ROUNDS;
use super::peer::Peer;
use super::remove::counted;
use super::root::Root;
use super::table::Table;
use crate::backends::{At, Combine};
use crate::descriptor::Kind;

/// The file of a process, and where its series stand.
pub(super) struct Known {
    pub(super) peer: Peer,
    pub(super) is_alive: bool,
    /// By the number of the family in the file: its table; `None` when it can't be added up.
    tables: Vec<Option<usize>>,
    /// The log that the places are of.
    root: Root,
    /// By table: the places of the series in the file, and their rows.
    places: HashMap<usize, Vec<(usize, u32)>, RandomState>,
    /// How many series of the file have their place.
    placed: usize,
    /// By the number of a series: what it held when it was removed.
    baselines: HashMap<u32, Box<[Amount]>, RandomState>,
    /// What was read last.
    read: Vec<Read>,
    amounts: Vec<Amount>,
}

/// What a series holds, or that it has ended.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Read {
    /// Nobody counts there any more.
    Ended,
    /// Nothing was set, or nothing since it was removed.
    Nothing,
    /// So much stands among the amounts.
    Amounts,
    /// The value of a gauge, and when it was set.
    Value(f64, u64),
}

impl Known {
    pub(super) fn new(peer: Peer, archive: &Archive) -> Self {
        let mut known = Self {
            root: peer.root(),
            peer,
            is_alive: true,
            tables: Vec::new(),
            places: HashMap::default(),
            placed: 0,
            baselines: HashMap::default(),
            read: Vec::new(),
            amounts: Vec::new(),
        };
        known.take_away(archive);
        known
    }

    /// The order of birth.
    pub(super) fn age(&self) -> (u64, FileId) {
        (self.peer.number(), self.peer.id())
    }

    /// Looks whether the process lives, and what is new in its file; says whether tables and rows may be others now.
    pub(super) fn look(&mut self) -> Result<bool, Skip> {
        if !self.is_alive {
            return Ok(self.is_unsettled());
        }
        // First this: what is new in the file of one that is dead is the last there is. Should the system not tell, it
        // lives: its counts stand either way.
        self.is_alive = self.peer.is_alive().unwrap_or(true);
        let is_new = self.peer.refresh()?;
        Ok(is_new || !self.is_alive || self.is_unsettled())
    }

    /// Takes note of what was removed.
    pub(super) fn take_away(&mut self, archive: &Archive) {
        let of_this = archive.removed.iter().filter(|removed| removed.file == self.peer.id());
        self.baselines = of_this.map(|removed| (removed.series, removed.amounts.clone())).collect();
    }

    /// Has it families whose tables are not known yet?
    fn is_unsettled(&self) -> bool {
        self.tables.len() != self.peer.families().len()
    }

    /// Says in which table each family is.
    pub(super) fn settle(&mut self, tables: Vec<Option<usize>>) {
        self.tables = tables;
    }

    /// Forgets all places: the tables are new.
    pub(super) fn forget(&mut self) {
        self.tables.clear();
        self.places.clear();
        self.placed = 0;
    }

    /// Gives the series their rows that have come since, and takes those away that have ended.
    pub(super) fn place(&mut self, tables: &mut [Table]) {
        if self.root != self.peer.root() {
            // Its families are what they were.
            self.root = self.peer.root();
            self.places.clear();
            self.placed = 0;
        }
        let Self { peer, places, .. } = self;
        for places in places.values_mut() {
            places.retain(|(series, _)| peer.series().get(*series).is_some_and(|series| !series.ended));
        }
        while let Some(series) = peer.series().get(self.placed) {
            // Of a family that was begun a moment ago: the next scrape has it.
            let Some(table) = self.tables.get(series.family as usize) else { break };
            // What all processes write is read where it lies.
            if let Some(number) = table
                && series.at.page < At::COMMON
                && !series.ended
            {
                let table = &mut tables[*number];
                let row = table.row_of(&series.key, peer.pid());
                places.entry(*number).or_default().push((self.placed, row));
            }
            self.placed += 1;
        }
    }

    /// Reads what is new in the file, in the middle of a scrape.
    pub(super) fn refresh(&mut self, tables: &mut [Table]) -> Result<(), Skip> {
        self.peer.refresh()?;
        self.place(tables);
        Ok(())
    }

    /// Adds what this process has of the series of a table.
    pub(super) fn merge_into(&mut self, tables: &mut [Table], number: usize) -> Result<(), Skip> {
        let mut rounds = 1..ROUNDS;
        loop {
            self.read(&tables[number], number);
            if self.peer.unchanged_since_parse() || rounds.next().is_none() {
                break;
            }
            // A series has ended in the middle.
            self.refresh(tables)?;
        }
        let (table, width) = (&mut tables[number], self.amounts.len() / self.read.len().max(1));
        let Some(places) = self.places.get(&number) else { return Ok(()) };
        for (place, (read, (series, row))) in self.read.iter().zip(places).enumerate() {
            match read {
                Read::Ended => {}
                Read::Nothing => {
                    let series = &self.peer.series()[*series];
                    let promised = series.promised && !self.baselines.contains_key(&series.number);
                    table.have(*row, promised);
                }
                Read::Amounts => table.add(*row, &self.amounts[place * width..(place + 1) * width]),
                Read::Value(value, stamp) => table.combine_value(*row, *value, *stamp),
            }
        }
        Ok(())
    }

    /// Reads the series of a table; whether they were whole is to be seen afterwards.
    fn read(&mut self, table: &Table, number: usize) {
        self.read.clear();
        self.amounts.clear();
        let Some(places) = self.places.get(&number) else { return };
        let kind = table.family().descriptor().kind();
        let adds = table.combine() == Combine::Add;
        let width = table.family().width();
        if adds {
            self.amounts.resize(places.len() * width, Amount::default());
        }
        for (place, (series, _)) in places.iter().enumerate() {
            let of_file = &self.peer.series()[*series];
            let baseline = self.baselines.get(&of_file.number);
            self.read.push(if of_file.ended {
                Read::Ended
            } else if adds {
                let amounts = &mut self.amounts[place * width..(place + 1) * width];
                self.peer.read(*series, amounts);
                less(amounts, baseline.map(|amounts| &**amounts))
            } else {
                let value = match kind {
                    Kind::Info => (self.peer.flags(*series) & 1 != 0).then_some(1.0),
                    _ => self.peer.value(*series),
                };
                let family = table.declared();
                match value {
                    // It has not changed since it was removed.
                    Some(_) if baseline.is_some_and(|then| *then == counted(&self.peer, *series, family)) => {
                        Read::Nothing
                    }
                    Some(value) => Read::Value(value, self.peer.stamp(*series)),
                    None => Read::Nothing,
                }
            });
        }
    }
}

/// Takes away what was there when the series was removed.
fn less(amounts: &mut [Amount], baseline: Option<&[Amount]>) -> Read {
    let Some(baseline) = baseline else { return Read::Amounts };
    for (amount, before) in amounts.iter_mut().zip(baseline) {
        *amount -= *before;
    }
    // Nobody has counted in it since.
    if amounts.iter().all(Amount::is_zero) { Read::Nothing } else { Read::Amounts }
}
