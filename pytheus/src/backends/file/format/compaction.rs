//! A log only grows: once most of what the log of a process says is over, a short one takes its place.
//!
//! The short one says what the long one says, but for series that have ended. Families, pages and the numbers of series
//! stay what they are: others know them by these. (Of pages none is ever over: their cells are used again.) How others find
//! out is said in `generation`. The room that the long one took is used again, so the file of a process is as long as what it has
//! at a time needs, times a small number, whatever comes and goes.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;

use crate::backends::custom::CellAddr;
use crate::backends::failpoint::failpoint;
use crate::backends::file::format::{Allocator, Cursor, END_LEN, FormatError, Header, LogGeneration, Record};
use crate::storage::Page;

/// Logs that are shorter stay as they are.
const LEAST: u64 = 256 * 1024;
/// So many times as long as what is not over, a log stays as it is.
const TIMES: u64 = 4;

/// The log that a process writes.
pub(crate) struct LogWriter {
    pub(crate) generation: LogGeneration,
    pub(crate) cursor: Cursor,
    pub(crate) allocator: Allocator,
    /// Series that may end, for each of which there is room to say so.
    pub(crate) live: u64,
    /// How long it may become before it is looked at.
    limit: u64,
    /// If it is shorter, it stays as it is.
    least: u64,
}

impl LogWriter {
    /// The log that a file is made with.
    pub(crate) fn new(header: &Header, allocator: Allocator) -> Self {
        Self {
            generation: LogGeneration::FIRST,
            cursor: Cursor::new(header, LogGeneration::FIRST),
            allocator,
            live: 0,
            limit: LEAST,
            least: LEAST,
        }
    }

    /// As if short logs were long ones.
    #[cfg(test)]
    pub(crate) fn compact_often(&mut self) {
        (self.limit, self.least) = (1024, 1024);
    }

    /// Writes records, which then count. Room for the ends of so many series is left.
    pub(crate) fn append(&mut self, file: &File, first: &Page, records: &[u8], live: u64) -> io::Result<()> {
        let len = self.cursor.append(file, &mut self.allocator, records, live.saturating_mul(END_LEN))?;
        self.live = live;
        self.generation.commit(first, len);
        Ok(())
    }

    /// Puts a short log in place of this one, if it is long and most of it is over. Should there be no room, this one
    /// stays, and grows on.
    pub(crate) fn maybe_compact(&mut self, file: &File, header: &Header, first: &Page) {
        let len = self.cursor.offset();
        if len < self.limit {
            return;
        }
        self.limit = match self.replace(file, header, first) {
            Ok(Some(short)) => (short * TIMES).max(self.least),
            // It is not looked at again before there is more of it.
            Ok(None) | Err(_) => len + len / 2,
        };
    }

    /// Gives the length of the short one; nothing if this one stays.
    fn replace(&mut self, file: &File, header: &Header, first: &Page) -> io::Result<Option<u64>> {
        let live = Live::read(file, header, self.generation, self.cursor.offset())?;
        let records = live.records();
        let len = records.len() as u64;
        if len * TIMES > self.cursor.offset() {
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

/// What a log says that is not over.
#[derive(Default)]
struct Live {
    /// Families and pages, as records.
    permanent: Vec<u8>,
    /// By the number of a series, what is said of it, as records.
    series: BTreeMap<u32, Vec<u8>>,
    /// Their numbers, by where they begin.
    by_at: HashMap<CellAddr, u32>,
    /// Where work in progress is of series that are not here, as records.
    foreign_extras: BTreeMap<CellAddr, Vec<u8>>,
    /// Where it lies, and how long that is.
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
            Record::ExtraCells { series, .. } | Record::PreInit { series, .. } => {
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

    /// How many series may end.
    fn ends(&self) -> u64 {
        (self.series.len() + self.foreign_extras.len()) as u64
    }

    /// The records of a log that says this.
    fn records(&self) -> Vec<u8> {
        let all = [&self.permanent].into_iter().chain(self.series.values()).chain(self.foreign_extras.values());
        all.flatten().copied().collect()
    }
}
