//! Compacts the log of a process: a short log replaces a long one of which most is obsolete.
//!
//! The new log has the live records: families, pages, and series that have not ended, with their numbers. Others know
//! them by these. Pages are never obsolete: their cells are reused. The old extents are freed, so the length of a file
//! is bounded by a small multiple of its live records. The module `superblock` says how readers find the new log.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;

use crate::backends::custom::CellAddr;
use crate::backends::failpoint::failpoint;
use crate::backends::file::format::{Allocator, Cursor, END_LEN, FormatError, Header, LogGeneration, Record};
use crate::storage::Page;

/// Shorter logs are not compacted.
const MIN_LEN: u64 = 256 * 1024;
/// A log is compacted when it is so many times as long as its live records.
const RATIO: u64 = 4;

/// The log that a process writes.
pub(crate) struct LogWriter {
    pub(crate) generation: LogGeneration,
    pub(crate) cursor: Cursor,
    pub(crate) allocator: Allocator,
    /// Number of live series. Room for an `End` record of each is reserved.
    pub(crate) live: u64,
    /// Length at which compaction is considered.
    limit: u64,
    /// Least limit.
    min_len: u64,
}

impl LogWriter {
    /// The first log of a file.
    pub(crate) fn new(header: &Header, allocator: Allocator) -> Self {
        Self {
            generation: LogGeneration::FIRST,
            cursor: Cursor::new(header, LogGeneration::FIRST),
            allocator,
            live: 0,
            limit: MIN_LEN,
            min_len: MIN_LEN,
        }
    }

    /// Has short logs compacted, too.
    #[cfg(test)]
    pub(crate) fn compact_often(&mut self) {
        (self.limit, self.min_len) = (1024, 1024);
    }

    /// Appends and commits records, reserving room for the `End` records of so many series.
    pub(crate) fn append(&mut self, file: &File, first: &Page, records: &[u8], live: u64) -> io::Result<()> {
        let len = self.cursor.append(file, &mut self.allocator, records, live.saturating_mul(END_LEN))?;
        self.live = live;
        self.generation.commit(first, len);
        Ok(())
    }

    /// Compacts the log, if it is long and most of it is obsolete. On a full disk it stays, and grows on.
    pub(crate) fn maybe_compact(&mut self, file: &File, header: &Header, first: &Page) {
        let len = self.cursor.offset();
        if len < self.limit {
            return;
        }
        self.limit = match self.replace(file, header, first) {
            Ok(Some(short)) => (short * RATIO).max(self.min_len),
            // Wait until it has grown.
            Ok(None) | Err(_) => len + len / 2,
        };
    }

    /// Returns the length of the new log; `None` if the old one stays.
    fn replace(&mut self, file: &File, header: &Header, first: &Page) -> io::Result<Option<u64>> {
        let live = Live::read(file, header, self.generation, self.cursor.offset())?;
        let records = live.records();
        let len = records.len() as u64;
        if len * RATIO > self.cursor.offset() {
            return Ok(None);
        }
        let extent = u64::from(header.first_extent);
        let start = self.allocator.alloc(file, extent)?;
        let written = self.generation.next(start).and_then(|generation| {
            let mut cursor = Cursor::new(header, generation);
            let reserve = live.ends().saturating_mul(END_LEN);
            let committed = cursor.append(file, &mut self.allocator, &records, reserve)?;
            Ok((generation, cursor, committed))
        });
        let (generation, cursor, committed) = written.inspect_err(|_| self.allocator.free(start, extent))?;
        failpoint("log copied");
        generation.commit(first, committed);
        failpoint("log measured");
        generation.publish(first);
        failpoint("log replaced");
        (self.generation, self.cursor, self.live) = (generation, cursor, live.ends());
        for (start, len) in live.extents {
            self.allocator.free(start, len);
        }
        Ok(Some(len))
    }
}

/// The live records of a log.
#[derive(Default)]
struct Live {
    /// Records of families and pages.
    permanent: Vec<u8>,
    /// Records of each series, by its number.
    series: BTreeMap<u32, Vec<u8>>,
    /// Number of a series, by its address.
    by_at: HashMap<CellAddr, u32>,
    /// Records of extra cells of series in the shared file.
    foreign_extras: BTreeMap<CellAddr, Vec<u8>>,
    /// Offset and length of each extent.
    extents: Vec<(u64, u64)>,
}

impl Live {
    fn read(file: &File, header: &Header, generation: LogGeneration, committed: u64) -> io::Result<Self> {
        let mut live = Self::default();
        let mut cursor = Cursor::new(header, generation);
        live.extents.push((generation.start(), u64::from(header.first_extent)));
        let (len, mut bytes) = (file.metadata()?.len(), Vec::new());
        while cursor.offset() != committed {
            cursor.read_extent(file, len, committed, &mut bytes)?;
            cursor.replay(&bytes, len, &mut |record| live.apply(record))?;
        }
        Ok(live)
    }

    fn apply(&mut self, record: &Record<'_>) -> Result<(), FormatError> {
        match *record {
            Record::Family { .. } | Record::Page { .. } => record.encode(&mut self.permanent)?,
            Record::Series { number, at, .. } => {
                self.by_at.insert(at, number);
                record.encode(self.series.entry(number).or_default())?;
            }
            Record::ExtraCells { series, .. } | Record::ZeroSeries { series, .. } => {
                let known = self.by_at.get(&series).and_then(|number| self.series.get_mut(number));
                record.encode(known.unwrap_or_else(|| self.foreign_extras.entry(series).or_default()))?;
            }
            Record::End { series } => {
                if let Some(number) = self.by_at.remove(&series) {
                    self.series.remove(&number);
                }
                self.foreign_extras.remove(&series);
            }
            Record::NextExtent { offset, len } => self.extents.push((offset, len)),
            _ => {}
        }
        Ok(())
    }

    /// Returns the number of series that may end.
    fn ends(&self) -> u64 {
        (self.series.len() + self.foreign_extras.len()) as u64
    }

    /// Returns all records.
    fn records(&self) -> Vec<u8> {
        let all = [&self.permanent].into_iter().chain(self.series.values()).chain(self.foreign_extras.values());
        all.flatten().copied().collect()
    }
}
