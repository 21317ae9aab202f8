//! A family as `metrics::core` has it, without labels: a table, and a lock for who changes it.

use loom::sync::{Mutex, MutexGuard};

use crate::storage::{Part, Series, Table, Writer, pinned};
use crate::support::{count, series};

pub(crate) struct Family {
    table: Table,
    writer: Mutex<Writer>,
}

/// The same for all: what is found is told apart by its key alone.
const HASH: u64 = 0;

impl Family {
    pub(crate) fn new(names: &[&str]) -> Self {
        let family = Self { table: Table::new(), writer: Mutex::new(Writer::new()) };
        for name in names {
            family.add(name);
        }
        family
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().expect("a model ends with the first panic")
    }

    /// Adds a series that is not there.
    pub(crate) fn add(&self, name: &str) -> Series {
        self.add_with(&mut self.writer(), name)
    }

    fn add_with(&self, writer: &mut Writer, name: &str) -> Series {
        let series = series(name);
        self.table.insert(writer, HASH, series.clone(), &|_| HASH);
        series
    }

    pub(crate) fn find(&self, name: &str) -> Option<Series> {
        pinned(|pin| self.table.find(pin, HASH, |series| series.key().1 == name).map(|found| found.clone()))
    }

    pub(crate) fn remove(&self, name: &str) -> Option<Series> {
        self.table.remove(&mut self.writer(), HASH, |series| series.key().1 == name, &|_| HASH)
    }

    pub(crate) fn clear(&self) -> usize {
        self.table.remove_all(&mut self.writer(), &|_| true, &|_| HASH).len()
    }

    /// Adds one to the series that is there, without a reference; `None` when there is none, false when it was removed.
    pub(crate) fn count_found(&self, name: &str) -> Option<bool> {
        pinned(|pin| self.table.find(pin, HASH, |series| series.key().1 == name).map(|found| count(&found)))
    }

    /// Adds one to the series, which is made when there is none, and again when it is removed meanwhile.
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

    /// Adds to the extra cell of a series that is there.
    pub(crate) fn add_extra(&self, name: &str, amount: f64) -> bool {
        pinned(|pin| {
            let found = self.table.find(pin, HASH, |series| series.key().1 == name);
            found.is_some_and(|series| series.update(Part::Extra, &mut |cells| cells.add_float(amount)).is_ok())
        })
    }
}
