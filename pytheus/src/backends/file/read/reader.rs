//! Reads a file: its header, its log, and its cells.

use std::fs::{File, OpenOptions};
use std::ops::Deref;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;

use crate::backends::custom::CellAddr;
use crate::backends::file::dir::plain_file;
use crate::backends::file::format::{Cursor, FormatError, Header, LogGeneration, Mappings, PageRef};
use crate::backends::file::read::LogIndex;
use crate::storage::Page;

/// A file that is open for reading.
#[derive(Debug)]
pub(crate) struct Reader<M> {
    pub(crate) file: File,
    pub(crate) header: Header,
    pub(crate) index: LogIndex,
    pub(crate) cursor: Cursor,
    /// The generation that was read. Numbers of families and series are the same in all generations, indices are not.
    pub(crate) generation: LogGeneration,
    mappings: Mappings<M>,
    first: PageRef,
    /// The first error: nothing is read after it.
    fault: Option<FormatError>,
}

/// Opens a file, for writing, too: [`Mapped`](crate::storage::Mapped) needs that.
pub(crate) fn open(path: &Path) -> Result<File, FormatError> {
    Ok(plain_file::open(OpenOptions::new().read(true).write(true), path)?)
}

impl<M: Deref<Target = [Page]>> Reader<M> {
    /// Reads the header. The log is read by [`refresh`](Self::refresh).
    pub(crate) fn new(file: File, mut mappings: Mappings<M>, shared: bool) -> Result<Self, FormatError> {
        let len = file.metadata()?.len();
        let mut bytes = [0; Header::LEN];
        file.read_exact_at(&mut bytes, 0)?;
        let header = Header::decode(&bytes)?;
        let first = mappings.place(&file, len, 0)?;
        let generation = LogGeneration::FIRST;
        let (index, cursor) = (LogIndex::new(shared), Cursor::new(&header, generation));
        Ok(Self { file, header, index, cursor, generation, mappings, first, fault: None })
    }

    /// Applies new records; says whether there are any. Cells that were read before belong to the series that are live
    /// now: they are reused only after an `End` record.
    pub(crate) fn refresh(&mut self) -> Result<bool, FormatError> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let read = self.read_log();
        self.fault = read.as_ref().err().cloned();
        read
    }

    fn read_log(&mut self) -> Result<bool, FormatError> {
        // Before mapped memory is read: there is none behind a truncation.
        self.len()?;
        let (before, offset) = (self.generation, self.cursor.offset());
        // Compaction may replace the log meanwhile, but never a thousand times in a row.
        for _ in 0..1000 {
            let (generation, committed) = LogGeneration::committed(self.first()?);
            if generation != self.generation {
                self.generation = generation;
                self.cursor = Cursor::new(&self.header, generation);
                self.index = self.index.fresh();
            }
            if self.read_to(committed)? {
                return Ok(generation != before || self.cursor.offset() != offset);
            }
        }
        Err(FormatError::corrupt("its log was compacted without end"))
    }

    /// Applies the log up to there; false when another generation is current by then.
    fn read_to(&mut self, committed: u64) -> Result<bool, FormatError> {
        let mut bytes = Vec::new();
        while self.cursor.offset() != committed {
            let len = self.len()?;
            self.cursor.read_extent(&self.file, len, committed, &mut bytes)?;
            if LogGeneration::now(self.first()?) != self.generation {
                return Ok(false);
            }
            let Self { file, index, cursor, mappings, .. } = self;
            let mut place = |offset| mappings.place(file, len, offset);
            cursor.replay(&bytes, len, &mut |record| index.apply(record, &mut place))?;
        }
        Ok(true)
    }

    /// Refuses a file that is shorter than what is mapped.
    pub(crate) fn check_len(&self) -> Result<(), FormatError> {
        self.len().map(drop)
    }

    /// Returns the length of the file, which covers what is mapped.
    fn len(&self) -> Result<u64, FormatError> {
        let len = self.file.metadata()?.len();
        if len < self.mappings.end() { Err(FormatError::truncated("it was truncated")) } else { Ok(len) }
    }

    /// Returns the first page.
    pub(crate) fn first(&self) -> Result<&Page, FormatError> {
        self.mappings.page(self.first).ok_or_else(|| FormatError::truncated("it has no first page"))
    }

    /// Returns, for each shard, its number and the cells from an address to the end of the page.
    #[inline]
    pub(crate) fn cells(&self, at: CellAddr) -> impl Iterator<Item = (u32, &[AtomicU64])> {
        let first = at.cell as usize;
        self.pages(at.page).filter_map(move |(shard, page)| Some((shard, page.cells().get(first..)?)))
    }

    /// Returns each shard's page of this number.
    #[inline]
    pub(crate) fn pages(&self, page: u32) -> impl Iterator<Item = (u32, &Page)> {
        let placed = self.index.locations(page).iter();
        placed.filter_map(|placed| Some((placed.shard, self.mappings.page(placed.page_ref)?)))
    }

    /// Returns the cells of shard 0 from an address on.
    pub(crate) fn shared_cells(&self, at: CellAddr) -> Option<&[AtomicU64]> {
        self.cells(at).find(|(shard, _)| *shard == 0).map(|(_, cells)| cells)
    }

    /// Returns the work in progress of a series.
    pub(crate) fn in_progress(&self, at: CellAddr) -> u64 {
        let Some(extra) = self.index.extra(at) else { return 0 };
        let sum = |place: usize| {
            let cells = self.cells(extra).filter_map(|(_, cells)| cells.get(place));
            cells.fold(0, |sum: u64, cell| sum.wrapping_add(cell.load(Acquire)))
        };
        // Ends first: the start of each end is then seen, too.
        let ended = sum(1);
        let begun = sum(0);
        u64::try_from(begun.wrapping_sub(ended).cast_signed()).unwrap_or_default()
    }
}

impl Reader<&'static [Page]> {
    /// Returns the page of shard 0 of this number, for the rest of the process.
    pub(crate) fn kept(&self, page: u32) -> Option<&'static Page> {
        let placed = self.index.locations(page).iter().find(|placed| placed.shard == 0)?;
        self.mappings.kept(placed.page_ref)
    }
}

/// Returns the value of a gauge, from its cells in shard 0; `None` when it was never set.
pub(crate) fn gauge_value(cells: &[AtomicU64]) -> Option<f64> {
    let bits = cells.first()?.load(Acquire);
    // Removes the sign of zero, which tells it from a gauge that was never set.
    (bits != 0).then(|| f64::from_bits(bits) + 0.0)
}

/// Says whether a gauge has tracked work in progress, from its cells in shard 0.
pub(crate) fn gauge_is_tracked(cells: &[AtomicU64]) -> bool {
    cells.get(1).is_some_and(|mark| mark.load(Acquire) != 0)
}
