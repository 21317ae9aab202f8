//! A family without labels, after `metrics::core`: a table, and the lock of its writer.

use loom::sync::{Mutex, MutexGuard};

use crate::storage::{CellSet, Series, Table, TableCursor, TableWriter, pinned};
use crate::support::{count, series};

pub(crate) struct Family {
    table: Table,
    writer: Mutex<TableWriter>,
}

/// Returns the hash of a name: its first letter, `a` for 0, chooses the segment. All other bits are zero, so the series
/// of a segment differ by their key alone.
fn hash(name: &str) -> u64 {
    name.bytes().next().map_or(0, |letter| u64::from(letter - b'a') << 32)
}

fn hash_of(series: &Series) -> u64 {
    hash(series.key().1)
}

impl Family {
    pub(crate) fn new(names: &[&str]) -> Self {
        let family = Self { table: Table::new(), writer: Mutex::new(TableWriter::new()) };
        for name in names {
            family.add(name);
        }
        family
    }

    fn writer(&self) -> MutexGuard<'_, TableWriter> {
        self.writer.lock().expect("a model ends with the first panic")
    }

    /// Adds a series, not there yet.
    pub(crate) fn add(&self, name: &str) -> Series {
        self.add_with(&mut self.writer(), name)
    }

    fn add_with(&self, writer: &mut TableWriter, name: &str) -> Series {
        let series = series(name);
        self.table.insert(writer, hash(name), series.clone(), &hash_of);
        series
    }

    pub(crate) fn find(&self, name: &str) -> Option<Series> {
        pinned(|pin| self.table.find(pin, hash(name), |series| series.key().1 == name).map(|found| found.clone()))
    }

    pub(crate) fn remove(&self, name: &str) -> Option<Series> {
        self.table.remove(&mut self.writer(), hash(name), |series| series.key().1 == name, &hash_of)
    }

    pub(crate) fn clear(&self) -> usize {
        let (mut cursor, mut removed) = (TableCursor::default(), Vec::new());
        while self.table.remove_some(&mut self.writer(), &mut cursor, &|_| true, &hash_of, &mut removed) {}
        removed.len()
    }

    /// Adds one to a series, without a reference; `None` when there is none, false when it was removed.
    pub(crate) fn count_found(&self, name: &str) -> Option<bool> {
        pinned(|pin| self.table.find(pin, hash(name), |series| series.key().1 == name).map(|found| count(&found)))
    }

    /// Adds one to a series, made if there is none, and again if it is removed meanwhile.
    pub(crate) fn count(&self, name: &str) {
        if self.count_found(name) == Some(true) {
            return;
        }
        while !count(&self.series(name)) {}
    }

    fn series(&self, name: &str) -> Series {
        if let Some(series) = self.find(name) {
            return series;
        }
        let mut writer = self.writer();
        self.find(name).unwrap_or_else(|| self.add_with(&mut writer, name))
    }

    /// Adds to the extra cell of a series; false when it is not there.
    pub(crate) fn add_extra(&self, name: &str, amount: f64) -> bool {
        pinned(|pin| {
            let found = self.table.find(pin, hash(name), |series| series.key().1 == name);
            found.is_some_and(|series| series.update(CellSet::Extra, &mut |cells| cells.add_float(amount)).is_ok())
        })
    }
}
